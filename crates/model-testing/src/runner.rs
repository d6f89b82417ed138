//! Running a battery.

use std::time::Instant;

use mainspring_tables::Table;

use crate::battery::{Battery, Check};
use crate::checks::{self, Outcome, Subject};
use crate::evaluation::{Labels, inputs, metrics_of, scores};
use crate::predictor::Predictor;
use crate::report::{BatteryReport, CheckReport, MetricSet, Verdict};
use crate::slices;

/// Holds `candidate` against every check of `battery`, on the labelled rows of `table`; comparisons use
/// `champion` on the same rows.
///
/// It always gives a report: a model that cannot be asked, a table without the label, a metric that
/// cannot be computed make the checks that need them fail, with the reason.
#[must_use]
pub fn run(
    battery: &Battery,
    table: &Table,
    candidate: &mut dyn Predictor,
    champion: Option<&mut dyn Predictor>,
) -> BatteryReport {
    let started = Instant::now();
    let labels = Labels::of(table, &battery.label);
    let score = |model: &mut dyn Predictor| -> Result<Vec<f64>, String> {
        let labels = labels.as_ref().map_err(Clone::clone)?;
        if model.columns().is_empty() {
            return Err("the model has no signature, so its input columns are unknown".to_owned());
        }
        let rows = inputs(table, model.columns(), labels.rows.iter().copied())?;
        scores(model, &rows)
    };
    let candidate_scores = score(candidate);
    let champion_scores = champion.map(score);
    let metrics = |scores: &Result<Vec<f64>, String>| match (scores, &labels) {
        (Ok(scores), Ok(labels)) => metrics_of(scores, &labels.positive),
        _ => MetricSet::default(),
    };
    let subject = Subject {
        table,
        labels: labels.as_ref().map_err(Clone::clone),
        scores: candidate_scores.as_deref().map_err(Clone::clone),
        champion: champion_scores.as_ref().map(|scores| scores.as_deref().map_err(Clone::clone)),
    };
    let mut reports: Vec<CheckReport> = Vec::new();
    for check in &battery.checks {
        match check {
            Check::Slices { columns, metric, limit, min_rows } => {
                for column in columns {
                    reports.push(slices::check(&subject, column, *metric, *limit, *min_rows));
                }
            }
            check => reports.push(single(&subject, check, candidate)),
        }
    }
    name_apart(&mut reports);
    let failed = reports.iter().any(|check| check.verdict == Verdict::Fail);
    BatteryReport {
        version: 1,
        verdict: if failed { Verdict::Fail } else { Verdict::Pass },
        checks: reports,
        rows: labels.as_ref().map_or(0, |labels| labels.rows.len() as u64),
        unlabelled_rows: labels.as_ref().map_or(0, |labels| labels.missing as u64),
        label_rate: labels.as_ref().ok().map(Labels::rate),
        metrics: metrics(&candidate_scores),
        champion_metrics: champion_scores.as_ref().map(metrics),
        seconds: started.elapsed().as_secs_f64(),
    }
}

/// A check that gives one report.
fn single(subject: &Subject<'_>, check: &Check, candidate: &mut dyn Predictor) -> CheckReport {
    let (name, group, outcome) = match check {
        Check::Signature => ("signature".to_owned(), "contract", checks::signature(subject, candidate)),
        Check::Determinism { tolerance } => {
            ("determinism".to_owned(), "determinism", checks::determinism(subject, candidate, *tolerance))
        }
        Check::Metric { metric, limit } => {
            (metric.name().to_owned(), "metrics", checks::metric(subject, *metric, *limit))
        }
        Check::NonInferiority { margin, confidence } => {
            ("non_inferiority".to_owned(), "metrics", checks::non_inferiority(subject, *margin, *confidence))
        }
        Check::BeatsBaseline => ("beats_baseline".to_owned(), "metrics", checks::beats_baseline(subject)),
        Check::Calibration { max_ece, bins } => {
            ("calibration".to_owned(), "metrics", checks::calibration(subject, *max_ece, *bins))
        }
        Check::Latency { max_p95_ms, requests } => {
            ("latency".to_owned(), "performance", checks::latency(subject, candidate, *max_p95_ms, *requests))
        }
        Check::MissingValues { columns } => {
            ("missing_values".to_owned(), "robustness", checks::missing_values(subject, candidate, columns))
        }
        // Expanded by the caller, one report for each column.
        Check::Slices { .. } => ("slices".to_owned(), "slices", Outcome::undecided("", "no columns")),
    };
    outcome.report(name, group)
}

/// Numbers the names that appear more than once.
fn name_apart(reports: &mut [CheckReport]) {
    for index in 1..reports.len() {
        let earlier = reports[..index].iter().filter(|report| report.name == reports[index].name).count();
        if earlier > 0 {
            reports[index].name = format!("{}_{}", reports[index].name, earlier + 1);
        }
    }
}
