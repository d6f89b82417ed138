//! Secrets by which attempts and users are known. Only their hashes are stored: they are random and
//! long, so a fast hash is enough.

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use uuid::Uuid;

/// A new secret: `ms-` and 64 hexadecimal digits.
#[must_use]
pub fn new_token() -> String {
    format!("ms-{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// The stored form of a secret: SHA-256 in hexadecimal.
#[must_use]
pub fn token_sha256(token: &str) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(token.as_bytes()) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
