//! Bearer tokens of attempts.

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// The stored form of a bearer token: SHA-256 in hexadecimal.
#[must_use]
pub fn token_sha256(token: &str) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(token.as_bytes()) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
