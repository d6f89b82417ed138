//! From a unit to its place in [0, 1).

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Namespace;

/// The function that gives a unit its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hashing {
    /// GrowthBook's hash version 1, in steps of 1e-3; known to be biased between experiments, for running
    /// ones only.
    #[serde(rename = "growthbook1")]
    GrowthBook1,
    /// GrowthBook's hash version 2, in steps of 1e-4.
    #[serde(rename = "growthbook2")]
    GrowthBook2,
    /// The first 53 bits of SHA-256 over seed, a zero byte, and unit, all in UTF-8.
    Native,
}

impl Hashing {
    /// The place of `unit` in [0, 1).
    #[must_use]
    pub fn place(self, seed: &str, unit: &str) -> f64 {
        match self {
            Self::GrowthBook1 => version_1(seed, unit),
            Self::GrowthBook2 => version_2(seed, unit),
            Self::Native => native(seed, unit),
        }
    }

    /// The number of places that there are; none where they are too many to matter.
    pub(super) const fn places(self) -> Option<u32> {
        match self {
            Self::GrowthBook1 => Some(1_000),
            Self::GrowthBook2 => Some(10_000),
            Self::Native => None,
        }
    }
}

/// GrowthBook's `hash`; `None` for an unknown version.
#[must_use]
pub fn growthbook_hash(seed: &str, value: &str, version: u32) -> Option<f64> {
    match version {
        1 => Some(version_1(seed, value)),
        2 => Some(version_2(seed, value)),
        _ => None,
    }
}

/// Whether GrowthBook puts `unit` into this part of the name space.
#[must_use]
pub fn in_namespace(unit: &str, namespace: &Namespace) -> bool {
    let hash = fnv(fnv(fnv(FNV_START, unit), "__"), &namespace.name);
    let place = f64::from(hash % 1000) / 1000.0;
    place >= namespace.low && place < namespace.high
}

fn version_1(seed: &str, value: &str) -> f64 {
    f64::from(fnv(fnv(FNV_START, value), seed) % 1000) / 1000.0
}

fn version_2(seed: &str, value: &str) -> f64 {
    let mut digits = [0_u8; 10];
    let mut first = fnv(fnv(FNV_START, seed), value);
    let mut start = digits.len();
    // The hash of the hash's decimal digits.
    loop {
        start -= 1;
        digits[start] = b'0' + (first % 10) as u8;
        first /= 10;
        if first == 0 {
            break;
        }
    }
    let second = digits[start..].iter().fold(FNV_START, |hash, digit| step(hash, u32::from(*digit)));
    f64::from(second % 10_000) / 10_000.0
}

/// FNV-1a with 32 bits over UTF-16 units, which for ASCII are the bytes.
#[must_use]
pub fn fnv1a(text: &str) -> u32 {
    fnv(FNV_START, text)
}

const FNV_START: u32 = 0x811c_9dc5;

/// FNV-1a with 32 bits over UTF-16 units, each taken whole, as JavaScript's `charCodeAt` gives them.
fn fnv(hash: u32, text: &str) -> u32 {
    text.encode_utf16().fold(hash, |hash, unit| step(hash, u32::from(unit)))
}

fn step(hash: u32, unit: u32) -> u32 {
    (hash ^ unit).wrapping_mul(0x0100_0193)
}

fn native(seed: &str, unit: &str) -> f64 {
    let digest = Sha256::new().chain_update(seed).chain_update([0]).chain_update(unit).finalize();
    let bits = digest.iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}
