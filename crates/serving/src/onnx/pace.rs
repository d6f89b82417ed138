//! How long a run will take, by those before it.

use crate::Rows;
use crate::limits::leaves;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A run that is expected to take longer goes to a thread of its own, so that it holds up nobody else.
const QUICK: Duration = Duration::from_micros(500);

/// What a value took lately, in picoseconds; 0 as long as nothing is known. Rows may be of any length.
#[derive(Default)]
pub(super) struct Pace(AtomicU64);

impl Pace {
    pub(super) fn is_quick(&self, rows: &Rows) -> bool {
        let expected = self.0.load(Relaxed).saturating_mul(values(rows));
        expected > 0 && Duration::from_nanos(expected / 1000) < QUICK
    }

    /// Notes a run that gave an answer. One that was refused says nothing of the next.
    pub(super) fn took(&self, time: Duration, rows: &Rows) {
        let picoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).saturating_mul(1000);
        let took = picoseconds / values(rows);
        let before = self.0.load(Relaxed);
        let lately = if before == 0 { took } else { before.saturating_mul(7).saturating_add(took) / 8 };
        self.0.store(lately.max(1), Relaxed);
    }
}

fn values(rows: &Rows) -> u64 {
    rows.data.iter().flatten().map(leaves).fold(0_u64, |all, one| all.saturating_add(one as u64)).max(1)
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use crate::Rows;
    use serde_json::{Value, json};
    use std::time::Duration;

    #[test]
    fn a_run_is_quick_when_as_many_values_were() {
        let rows =
            |height: usize, cell: &Value| Rows { columns: None, data: vec![vec![cell.clone()]; height] };
        let pace = Pace::default();
        assert!(!pace.is_quick(&rows(1, &json!(1))), "nothing is known yet");
        for _ in 0..50 {
            pace.took(Duration::from_micros(100), &rows(10, &json!(1)));
        }
        assert!(pace.is_quick(&rows(40, &json!(1))) && !pace.is_quick(&rows(60, &json!(1))));
        let wide = Value::Array(vec![json!([1, 2, 3]); 20]);
        assert!(!pace.is_quick(&rows(1, &wide)), "a row of many values is no quick one");
    }
}
