//! The vocabulary of Mainspring: ids, values, events and the clock.
//!
//! No I/O, no async and no wire names live here. Every other crate may depend on this one.

pub mod ab;
pub mod access;
pub mod actor;
pub mod data;
pub mod delivery;
pub mod evaluation;
pub mod events;
pub mod gates;
pub mod monitoring;
pub mod names;
pub mod pipelines;
pub mod registry;
pub mod secrets;
pub mod time;
pub mod traces;
pub mod tracking;
pub mod wandb;
pub mod webhooks;
pub mod workspaces;

pub use actor::Actor;
pub use time::{Clock, SystemClock, Timestamp};
