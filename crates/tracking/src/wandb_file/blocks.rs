//! The log's blocks of 32 KiB. A record is one piece, or several when it does not fit into a block.

use super::FileError;

const BLOCK: usize = 32 << 10;
const HEADER: usize = 7;
/// `:W&B`, a magic number and the version of the format.
const FILE_HEADER: [u8; HEADER] = [b':', b'W', b'&', b'B', 0xE1, 0xBE, 0];

/// Reads the records of a file one after another.
pub(super) struct Blocks<'f> {
    bytes: &'f [u8],
    position: usize,
}

impl<'f> Blocks<'f> {
    /// # Errors
    /// When the file is of another kind.
    pub(super) fn new(bytes: &'f [u8]) -> Result<Self, FileError> {
        if bytes.get(..HEADER) != Some(&FILE_HEADER) {
            return Err(FileError::Kind);
        }
        Ok(Self { bytes, position: HEADER })
    }

    /// The next record; none at the end. A record that breaks off is the end too: its run was
    /// ended while it wrote.
    pub(super) fn next_record(&mut self) -> Result<Option<Vec<u8>>, FileError> {
        let mut record = Vec::new();
        let mut begun = false;
        while let Some((kind, piece)) = self.piece()? {
            match (kind, begun) {
                (1, false) => return Ok(Some(piece.to_vec())),
                (2, false) => begun = true,
                (3 | 4, true) => {}
                _ => return Err(FileError::Damaged(self.position)),
            }
            record.extend_from_slice(piece);
            if kind == 4 {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    fn piece(&mut self) -> Result<Option<(u8, &'f [u8])>, FileError> {
        let left = BLOCK - self.position % BLOCK;
        if left < HEADER {
            self.position += left;
        }
        let at = self.position;
        let Some(header) = self.bytes.get(at..at + HEADER) else { return Ok(None) };
        let crc = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        let length = usize::from(u16::from_le_bytes([header[4], header[5]]));
        if crc == 0 && length == 0 && header[6] == 0 {
            // Space that was made for pieces that were not written any more.
            return Ok(None);
        }
        let Some(data) = self.bytes.get(at + HEADER..at + HEADER + length) else { return Ok(None) };
        if crc32(&self.bytes[at + HEADER - 1..at + HEADER + length]) != crc {
            return Err(FileError::Damaged(at));
        }
        self.position = at + HEADER + length;
        Ok(Some((header[6], data)))
    }
}

/// The checksum of IEEE 802.3.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Blocks, FILE_HEADER, HEADER, crc32};
    use crate::wandb_file::FileError;

    /// A file with these records.
    pub(crate) fn file(records: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = FILE_HEADER.to_vec();
        for record in records {
            let (mut rest, mut first) = (record.as_slice(), true);
            loop {
                let left = BLOCK - bytes.len() % BLOCK;
                if left < HEADER {
                    bytes.extend(vec![0; left]);
                    continue;
                }
                let (piece, more) = rest.split_at(rest.len().min(left - HEADER));
                let kind = match (first, more.is_empty()) {
                    (true, true) => 1,
                    (true, false) => 2,
                    (false, false) => 3,
                    (false, true) => 4,
                };
                let checked: Vec<u8> = [kind].iter().chain(piece).copied().collect();
                bytes.extend(crc32(&checked).to_le_bytes());
                bytes.extend(u16::try_from(piece.len()).unwrap().to_le_bytes());
                bytes.extend(checked);
                (rest, first) = (more, false);
                if more.is_empty() {
                    break;
                }
            }
        }
        bytes
    }

    fn records(bytes: &[u8]) -> Result<Vec<Vec<u8>>, FileError> {
        let mut blocks = Blocks::new(bytes)?;
        std::iter::from_fn(|| blocks.next_record().transpose()).collect()
    }

    #[test]
    fn the_checksum_is_the_plain_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn records_of_all_sizes_come_back() {
        let sizes = [0, 1, 100, BLOCK - 3 * HEADER - 110, 3, BLOCK, 3 * BLOCK + 5, 7];
        let written: Vec<Vec<u8>> = sizes.iter().map(|size| vec![9; *size]).collect();
        assert_eq!(records(&file(&written)).unwrap(), written);
    }

    #[test]
    fn a_file_that_breaks_off_ends_there_and_damage_is_told() {
        let written = vec![vec![1; 50], vec![2; 2 * BLOCK], vec![3; 10]];
        let bytes = file(&written);
        for length in 7..bytes.len() {
            if length % 997 == 0 || length < 80 {
                let found = records(&bytes[..length]).unwrap();
                assert_eq!(found, written[..found.len()]);
            }
        }
        let mut damaged = bytes;
        damaged[20] ^= 1;
        assert!(matches!(records(&damaged), Err(FileError::Damaged(7))));
        assert!(matches!(records(b"something"), Err(FileError::Kind)));
        assert!(matches!(records(b""), Err(FileError::Kind)));
    }
}
