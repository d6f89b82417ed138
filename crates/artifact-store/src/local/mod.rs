//! The backend on the local disk. `ARCHITECTURE.md` describes what lies where.

mod entry;
mod kept;
mod parts;
mod place;
mod read;
mod recover;
mod remove;
mod root;
mod walk;

pub(crate) use read::piece;
pub(crate) use root::Root;
