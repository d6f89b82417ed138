//! The areas, in SQL that both engines take: `?N` for values, `IN (SELECT value FROM json_each(?N))`
//! for lists, `ON CONFLICT` and `RETURNING`. What differs is asked of the
//! [`Dialect`](crate::driver::Dialect).

mod ab;
mod access;
pub(crate) mod audit;
mod comparison;
mod data;
mod deletion;
mod delivery;
mod evaluation;
mod governance;
mod monitoring;
mod pipelines;
mod registry;
mod search;
mod trace_metrics;
mod trace_search;
mod traces;
mod tracking;
mod tracking_history;
mod tracking_models;
mod tracking_runs;
mod tx;
mod wandb;
mod wandb_artifacts;
mod webhooks;
mod workspaces;

pub(crate) use tx::SqlTx;
