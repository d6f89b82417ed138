//! Reading files piece by piece.

use crate::Result;
use crate::fingerprint::{Fingerprint, PIECE};
use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// The bytes of a piece of a file; fewer at its end.
pub(crate) fn piece(file: &File, index: u64) -> Result<Vec<u8>> {
    let mut bytes = vec![0; PIECE];
    let mut filled = 0;
    while filled < PIECE {
        match file.read_at(&mut bytes[filled..], index * PIECE as u64 + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Whether a file holds exactly the bytes of a fingerprint.
pub(super) fn holds(file: &File, print: &Fingerprint) -> Result<bool> {
    if file.metadata()?.len() != print.size {
        return Ok(false);
    }
    for index in 0..print.size.div_ceil(PIECE as u64) {
        if !print.admits(index, &piece(file, index)?) {
            return Ok(false);
        }
    }
    Ok(true)
}
