//! Webhooks: what happens in the registry is told to addresses elsewhere.
//!
//! A reaction to an event puts a message for each webhook that hears of it into a queue, in the
//! transaction of its bookmark; the sender works the queue off beside everything else.

mod dispatch;
mod payload;
mod seal;
mod sender;
mod settings;
mod target;

pub use seal::Sealer;
pub use sender::{SendError, Sender, Taken};
pub use settings::WebhookSettings;

pub(crate) use dispatch::{Dispatch, enqueue, hears};
