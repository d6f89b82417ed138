//! A line of the index: which bytes belong under a path.

use crate::fingerprint::{Fingerprint, hex, join_sums, parse_sum, split_sums, sum};
use crate::{ArtifactPath, Result};
use serde::{Deserialize, Serialize};

/// The bytes of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) print: Fingerprint,
}

#[derive(Deserialize, Serialize)]
struct Header {
    path: String,
    size: u64,
    sha256: String,
}

impl Entry {
    /// The name under which the index keeps a path: of any path, and none of a path's length limits.
    pub(super) fn key(path: &str) -> String {
        hex(&sum(path.as_bytes()))
    }

    /// As a file: a line of JSON, then the sums of the pieces.
    pub(super) fn encode(path: &ArtifactPath, print: &Fingerprint) -> Result<Vec<u8>> {
        let header = Header { path: path.as_str().to_owned(), size: print.size, sha256: print.name() };
        let mut bytes = serde_json::to_vec(&header).map_err(std::io::Error::from)?;
        bytes.push(b'\n');
        bytes.extend(join_sums(&print.pieces));
        Ok(bytes)
    }

    /// Reads such a file; none when it is not whole.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let header: Header = serde_json::from_slice(&bytes[..end]).ok()?;
        let sha256 = parse_sum(&header.sha256)?;
        let pieces = split_sums(&bytes[end + 1..], header.size)?;
        Some(Self { path: header.path, print: Fingerprint { size: header.size, sha256, pieces } })
    }
}

#[cfg(test)]
mod tests {
    use super::Entry;
    use crate::ArtifactPath;
    use crate::fingerprint::{Gauge, PIECE};

    #[test]
    fn an_entry_is_read_back_and_a_torn_one_is_none() {
        let mut gauge = Gauge::default();
        gauge.update(&vec![7; PIECE + 1]);
        let (path, print) = (ArtifactPath::parse("a/b\"c").unwrap(), gauge.finish());
        let bytes = Entry::encode(&path, &print).unwrap();
        assert_eq!(Entry::decode(&bytes), Some(Entry { path: "a/b\"c".into(), print }));
        for cut in 0..bytes.len() {
            assert_eq!(Entry::decode(&bytes[..cut]), None);
        }
    }
}
