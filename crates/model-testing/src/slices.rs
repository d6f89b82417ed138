//! A metric on every slice of the rows: good on average is not good enough.

use std::collections::BTreeMap;

use crate::battery::{Limit, Metric};
use crate::checks::{Outcome, Subject};
use crate::evaluation::metric_of;
use crate::report::{CheckReport, SliceReport};

/// A column with more values than this is not one to slice by.
const MAX_SLICES: usize = 200;

/// Every value of `column` that at least `min_rows` labelled rows have must keep the limit.
pub(crate) fn check(
    subject: &Subject<'_>,
    column: &str,
    metric: Metric,
    limit: Limit,
    min_rows: usize,
) -> CheckReport {
    let name = format!("slices.{column}");
    let threshold = format!("{} {limit} on every slice of at least {min_rows} rows", metric.name());
    let slices = match slices(subject, column, metric, min_rows) {
        Ok(slices) => slices,
        Err(reason) => return Outcome::undecided(threshold, reason).report(name, "slices"),
    };
    // What cannot be measured is worst.
    let rank = |slice: &SliceReport| slice.measured.map_or(f64::NEG_INFINITY, |value| limit.slack(value));
    let mut slices = slices;
    slices.sort_by(|left, right| rank(left).total_cmp(&rank(right)));
    let outcome = match slices.first() {
        None => Outcome::undecided(threshold, format!("no value of `{column}` has {min_rows} labelled rows")),
        Some(SliceReport { value, measured: None, rows }) => Outcome::undecided(
            threshold,
            format!("{} cannot be computed for `{value}` ({rows} rows): one class only", metric.name()),
        ),
        Some(SliceReport { value, measured: Some(worst), rows }) => {
            let message = format!(
                "worst of {} slices is `{value}`: {} {worst:.4} over {rows} rows",
                slices.len(),
                metric.name()
            );
            Outcome::decided(limit.holds(*worst), *worst, threshold, message)
        }
    };
    CheckReport { slices, ..outcome.report(name, "slices") }
}

fn slices(
    subject: &Subject<'_>,
    column: &str,
    metric: Metric,
    min_rows: usize,
) -> Result<Vec<SliceReport>, String> {
    let (labels, scores) = subject.scored()?;
    let column = subject.table.require(column).map_err(|error| error.to_string())?;
    let texts: Vec<_> = column.texts().collect();
    let mut groups: BTreeMap<&str, (Vec<f64>, Vec<bool>)> = BTreeMap::new();
    for ((row, score), label) in labels.rows.iter().zip(scores).zip(&labels.positive) {
        let value = texts.get(*row).and_then(|text| text.as_deref()).unwrap_or("null");
        let group = groups.entry(value).or_default();
        group.0.push(*score);
        group.1.push(*label);
        if groups.len() > MAX_SLICES {
            return Err(format!("`{}` has more than {MAX_SLICES} values", column.name()));
        }
    }
    let large = groups.into_iter().filter(|(_, (scores, _))| scores.len() >= min_rows);
    Ok(large
        .map(|(value, (scores, positive))| SliceReport {
            value: value.to_owned(),
            rows: scores.len() as u64,
            measured: metric_of(metric, &scores, &positive),
        })
        .collect())
}
