//! What is remembered of an artifact's bytes, so that they can be checked when they are read.
//!
//! Beside the SHA-256 of the whole there is one of every piece of [`PIECE`] bytes. A reader checks
//! each piece before it lets it go, so a damaged byte never leaves the store, a range can be checked
//! without reading the rest, and memory holds a piece at a time.

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Bytes that are checked together.
pub(crate) const PIECE: usize = 1 << 20;

/// A SHA-256.
pub(crate) type Sum = [u8; 32];

/// Size and sums of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) size: u64,
    pub(crate) sha256: Sum,
    /// The sums of the pieces; empty when there is only one, whose sum is that of the whole.
    pub(crate) pieces: Vec<Sum>,
}

impl Fingerprint {
    /// Whether these are the bytes of a piece.
    pub(crate) fn admits(&self, index: u64, bytes: &[u8]) -> bool {
        let expected = if self.pieces.is_empty() {
            (index == 0).then_some(&self.sha256)
        } else {
            usize::try_from(index).ok().and_then(|index| self.pieces.get(index))
        };
        expected.is_some_and(|expected| *expected == sum(bytes))
    }

    /// The SHA-256 of the whole in hexadecimal.
    pub(crate) fn name(&self) -> String {
        hex(&self.sha256)
    }
}

/// Takes bytes in and gives their fingerprint.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    whole: Sha256,
    piece: Sha256,
    in_piece: usize,
    size: u64,
    pieces: Vec<Sum>,
}

impl Gauge {
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        self.whole.update(bytes);
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.in_piece));
            self.piece.update(now);
            self.in_piece += now.len();
            if self.in_piece == PIECE {
                self.end_piece();
            }
            bytes = later;
        }
    }

    fn end_piece(&mut self) {
        self.pieces.push(self.piece.finalize_reset().into());
        self.in_piece = 0;
    }

    pub(crate) fn finish(mut self) -> Fingerprint {
        if self.in_piece > 0 {
            self.end_piece();
        }
        if self.pieces.len() <= 1 {
            self.pieces.clear();
        }
        Fingerprint { size: self.size, sha256: self.whole.finalize().into(), pieces: self.pieces }
    }
}

/// The SHA-256 of bytes.
pub(crate) fn sum(bytes: &[u8]) -> Sum {
    Sha256::digest(bytes).into()
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A sum from its hexadecimal digits.
pub(crate) fn parse_sum(text: &str) -> Option<Sum> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut sum = [0; 32];
    for (byte, pair) in sum.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(sum)
}

/// The sums of pieces one after the other.
pub(crate) fn join_sums(pieces: &[Sum]) -> Vec<u8> {
    pieces.concat()
}

/// The reverse of [`join_sums`], for a whole of this size; none when the number does not fit.
pub(crate) fn split_sums(bytes: &[u8], size: u64) -> Option<Vec<Sum>> {
    let expected = if size > PIECE as u64 { size.div_ceil(PIECE as u64) } else { 0 };
    let sums: Vec<Sum> = bytes.chunks(32).map(Sum::try_from).collect::<Result<_, _>>().ok()?;
    (sums.len() as u64 == expected).then_some(sums)
}

#[cfg(test)]
mod tests {
    use super::{Gauge, PIECE, hex, join_sums, parse_sum, split_sums, sum};

    #[test]
    fn pieces_are_checked_on_their_own_whatever_the_steps_they_came_in() {
        let bytes: Vec<u8> = (0..2 * PIECE + 5).map(|index| (index % 251) as u8).collect();
        for step in [1000, PIECE, 3 * PIECE] {
            let mut gauge = Gauge::default();
            bytes.chunks(step).for_each(|piece| gauge.update(piece));
            let print = gauge.finish();
            assert_eq!((print.size, print.pieces.len(), print.sha256), (bytes.len() as u64, 3, sum(&bytes)));
            assert!(print.admits(1, &bytes[PIECE..2 * PIECE]) && print.admits(2, &bytes[2 * PIECE..]));
            assert!(!print.admits(0, &bytes[1..=PIECE]) && !print.admits(3, b""));
            assert_eq!(split_sums(&join_sums(&print.pieces), print.size), Some(print.pieces.clone()));
            assert_eq!(split_sums(&join_sums(&print.pieces[1..]), print.size), None);
        }
        let mut gauge = Gauge::default();
        gauge.update(b"one");
        let print = gauge.finish();
        assert!(print.pieces.is_empty() && print.admits(0, b"one") && !print.admits(0, b"two"));
        assert_eq!(parse_sum(&hex(&print.sha256)), Some(print.sha256));
        assert_eq!(parse_sum("12"), None);
    }
}
