//! One module per command.

pub(crate) mod ab;
mod artifact_options;
pub(crate) mod audit;
pub(crate) mod data;
pub(crate) mod deploy;
pub(crate) mod export;
pub(crate) mod import;
mod import_wandb;
pub(crate) mod init;
pub(crate) mod mlflow;
pub(crate) mod models;
pub(crate) mod rollouts;
pub(crate) mod run;
pub(crate) mod server;
pub(crate) mod status;
pub(crate) mod supervise;
pub(crate) mod test_model;
pub(crate) mod users;
pub(crate) mod validate;
pub(crate) mod why;
mod workspace_options;
