//! The file that a W&B client writes for each run (`run-<id>.wandb`): records in the wire format
//! of protocol buffers, in the blocks of a log.

mod blocks;
mod fields;
mod folded;
mod records;

pub use folded::WholeRun;
pub use records::{FileError, Record, RunStart, read};
