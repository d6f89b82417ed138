//! Whether traces that fulfil one filter tend to fulfil another.

use crate::Result;
use mainspring_expressions::search::parse_trace_filter;
use mainspring_metadata_store::ReadTx;

/// What is added to each count so that few traces do not prove much (Jeffreys).
const PRIOR: f64 = 0.5;

/// How two filters go together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlation {
    /// Normalised pointwise mutual information, from -1 (never together) over 0 (independent) to 1
    /// (always together); NaN where a filter finds nothing.
    pub npmi: f64,
    /// The same with a prior added to the counts.
    pub npmi_smoothed: f64,
    /// How many traces fulfil the first filter.
    pub first: i64,
    /// How many fulfil the second.
    pub second: i64,
    /// How many fulfil both.
    pub both: i64,
    /// How many there are.
    pub total: i64,
}

/// Counts the traces of experiments that fulfil filters, among those that fulfil a third one.
///
/// # Errors
/// When a filter is not understood.
pub fn of_filters(
    tx: &dyn ReadTx,
    experiments: &[i64],
    first: &str,
    second: &str,
    base: &str,
) -> Result<Correlation> {
    let base = parse_trace_filter(base)?;
    let with_base = |text: &str| {
        let mut conditions = base.clone();
        conditions.extend(parse_trace_filter(text)?);
        Ok::<_, crate::TrackingError>(conditions)
    };
    let (first, second) = (with_base(first)?, with_base(second)?);
    let count = |lists: &[&[_]]| tx.count_traces(experiments, lists);
    Ok(correlation(count(&[&first])?, count(&[&second])?, count(&[&first, &second])?, count(&[&base])?))
}

fn correlation(first: i64, second: i64, both: i64, total: i64) -> Correlation {
    let cells = [both, first - both, second - both, total - first - second + both];
    let undefined = first == 0 || second == 0 || total <= 0 || cells.iter().any(|count| *count < 0);
    let (npmi, npmi_smoothed) = match (undefined, both) {
        (true, _) => (f64::NAN, f64::NAN),
        (false, 0) => (-1.0, npmi(cells, PRIOR)),
        (false, _) => (npmi(cells, 0.0), npmi(cells, PRIOR)),
    };
    Correlation { npmi, npmi_smoothed, first, second, both, total }
}

#[expect(clippy::cast_precision_loss, reason = "there are not so many traces")]
fn npmi(cells: [i64; 4], prior: f64) -> f64 {
    if cells[1..] == [0, 0, 0] {
        return 1.0;
    }
    let [both, first_only, second_only, neither] = cells.map(|count| count as f64 + prior);
    let total = both + first_only + second_only + neither;
    let together = (both / total).ln();
    let apart = ((both + first_only) / total).ln() + ((both + second_only) / total).ln();
    ((together - apart) / -together).clamp(-1.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::correlation;

    #[test]
    fn filters_go_together_or_not() {
        let found = correlation(6, 7, 6, 10);
        assert!((found.npmi - 0.698_1).abs() < 1e-3, "{}", found.npmi);
        assert!(found.npmi_smoothed < found.npmi);
        assert!((correlation(5, 4, 2, 10).npmi).abs() < 1e-12, "independent");
        assert!((correlation(3, 3, 0, 10).npmi + 1.0).abs() < 1e-12, "never together");
        assert!((correlation(10, 10, 10, 10).npmi - 1.0).abs() < 1e-12, "always together");
        assert!(correlation(0, 7, 0, 10).npmi.is_nan());
        assert!(correlation(0, 0, 0, 0).npmi_smoothed.is_nan());
    }
}
