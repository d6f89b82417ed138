//! Which line of its file a row stands on.

/// Row number to line number, stored as runs: a file without quoted line breaks or blank lines needs
/// one run, whatever its length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LineIndex {
    /// `(first row, its line)`; within a run line and row advance together.
    runs: Vec<(usize, u64)>,
}

impl LineIndex {
    /// Notes that `row` starts on `line`; rows come in order.
    pub(crate) fn push(&mut self, row: usize, line: u64) {
        if self.runs.is_empty() || self.line(row) != line {
            self.runs.push((row, line));
        }
    }

    /// The line on which `row` starts, from 1.
    pub(crate) fn line(&self, row: usize) -> u64 {
        let run = self.runs.partition_point(|(first, _)| *first <= row);
        match run.checked_sub(1).and_then(|index| self.runs.get(index)) {
            Some((first, line)) => line + (row - first) as u64,
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_breaks_only_where_a_row_spans_lines() {
        let mut index = LineIndex::default();
        for (row, line) in [(0, 2), (1, 3), (2, 6), (3, 7)] {
            index.push(row, line);
        }
        assert_eq!(index.runs.len(), 2);
        assert_eq!([0, 1, 2, 3].map(|row| index.line(row)), [2, 3, 6, 7]);
    }
}
