//! The lock that this engine and DVC both take: `flock` on `.dvc/tmp/lock`, as zc.lockfile does.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::error::VersioningError;
use crate::fsio::{at, create_dir};

/// DVC tries six times over three seconds.
const ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_millis(600);

/// Held until dropped.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the repository whose `.dvc` directory is given.
    pub(crate) fn take(dvc_dir: &Path) -> Result<Self, VersioningError> {
        let path = dvc_dir.join("tmp/lock");
        create_dir(&dvc_dir.join("tmp"))?;
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = options.map_err(at(&path))?;
        for attempt in 1..=ATTEMPTS {
            match file.try_lock() {
                Ok(()) => {
                    let process = format!(" {}\n", std::process::id());
                    let written = file.set_len(0).and_then(|()| file.write_all(process.as_bytes()));
                    written.map_err(at(&path))?;
                    return Ok(Self { _file: file });
                }
                Err(TryLockError::WouldBlock) if attempt < ATTEMPTS => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(at(&path)(source)),
            }
        }
        Err(VersioningError::Locked { path })
    }
}
