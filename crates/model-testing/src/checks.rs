//! The checks that give one answer.

use std::time::Instant;

use mainspring_stats::calibration::{brier, expected_calibration_error};
use mainspring_stats::intervals::quantile;
use mainspring_stats::ranking::delong_paired;
use mainspring_tables::Table;
use serde_json::Value;

use crate::battery::{Limit, Metric};
use crate::evaluation::{Labels, inputs, metric_of, scores};
use crate::predictor::Predictor;
use crate::report::{CheckReport, Verdict};

/// Rows asked again to see whether the answers stay the same.
const REPEATED_ROWS: usize = 200;
/// Rows asked one by one.
const SINGLE_ROWS: usize = 20;
/// Requests before the clock starts.
const WARM_UP: usize = 3;

/// What all checks look at; errors say why there is nothing to look at.
pub(crate) struct Subject<'a> {
    pub(crate) table: &'a Table,
    pub(crate) labels: Result<&'a Labels, String>,
    pub(crate) scores: Result<&'a [f64], String>,
    /// The champion's scores on the same rows, if there is one.
    pub(crate) champion: Option<Result<&'a [f64], String>>,
}

impl<'a> Subject<'a> {
    /// Labels and the candidate's scores.
    pub(crate) fn scored(&self) -> Result<(&'a Labels, &'a [f64]), String> {
        Ok((self.labels.clone()?, self.scores.clone()?))
    }

    /// Input values of the first `count` rows of the table, labelled or not.
    fn sample(&self, model: &dyn Predictor, count: usize) -> Result<Vec<Vec<Value>>, String> {
        let rows = inputs(self.table, model.columns(), 0..self.table.rows().min(count))?;
        if rows.is_empty() || model.columns().is_empty() {
            return Err("there are no rows or no input columns to ask the model with".to_owned());
        }
        Ok(rows)
    }
}

/// The answer of a check.
pub(crate) struct Outcome {
    verdict: Verdict,
    measured: Option<f64>,
    threshold: String,
    ci: Option<[f64; 2]>,
    message: String,
}

impl Outcome {
    pub(crate) fn decided(holds: bool, measured: f64, threshold: String, message: String) -> Self {
        let verdict = if holds { Verdict::Pass } else { Verdict::Fail };
        Self { verdict, measured: Some(measured), threshold, ci: None, message }
    }

    /// A check that cannot be decided fails.
    pub(crate) fn undecided(threshold: impl Into<String>, reason: impl Into<String>) -> Self {
        let threshold = threshold.into();
        Self { verdict: Verdict::Fail, measured: None, threshold, ci: None, message: reason.into() }
    }

    pub(crate) fn report(self, name: String, group: &str) -> CheckReport {
        CheckReport {
            name,
            group: group.to_owned(),
            verdict: self.verdict,
            measured: self.measured,
            threshold: self.threshold,
            ci: self.ci,
            message: self.message,
            slices: Vec::new(),
        }
    }
}

pub(crate) fn signature(subject: &Subject<'_>, candidate: &dyn Predictor) -> Outcome {
    let threshold = "every input column is in the data".to_owned();
    let columns = candidate.columns();
    if columns.is_empty() {
        return Outcome::undecided(threshold, "the model has no signature");
    }
    let missing: Vec<&str> =
        columns.iter().filter(|name| subject.table.column(name).is_none()).map(String::as_str).collect();
    let message = if missing.is_empty() {
        format!("all {} input columns are in the data", columns.len())
    } else {
        format!("the data lacks the input columns {}", missing.join(", "))
    };
    Outcome::decided(missing.is_empty(), missing.len() as f64, threshold, message)
}

pub(crate) fn determinism(subject: &Subject<'_>, candidate: &mut dyn Predictor, tolerance: f64) -> Outcome {
    let threshold = format!("differences <= {tolerance}");
    let mut differences = || -> Result<f64, String> {
        let rows = subject.sample(candidate, REPEATED_ROWS)?;
        let first = scores(candidate, &rows)?;
        let again = scores(candidate, &rows)?;
        let reversed: Vec<Vec<Value>> = rows.iter().rev().cloned().collect();
        let mut reversed = scores(candidate, &reversed)?;
        reversed.reverse();
        let mut single = Vec::new();
        for row in rows.iter().take(SINGLE_ROWS) {
            single.extend(scores(candidate, std::slice::from_ref(row))?);
        }
        let others = [again, reversed, single];
        let pairs = others.iter().flat_map(|other| first.iter().zip(other));
        Ok(pairs.map(|(left, right)| (left - right).abs()).fold(0.0, f64::max))
    };
    match differences() {
        Ok(largest) => {
            let message = format!(
                "asked twice, in reverse order and row by row, the scores differ by at most {largest:.3e}"
            );
            Outcome::decided(largest <= tolerance, largest, threshold, message)
        }
        Err(reason) => Outcome::undecided(threshold, reason),
    }
}

pub(crate) fn metric(subject: &Subject<'_>, metric: Metric, limit: Limit) -> Outcome {
    let threshold = limit.to_string();
    let (labels, scores) = match subject.scored() {
        Ok(scored) => scored,
        Err(reason) => return Outcome::undecided(threshold, reason),
    };
    let name = metric.name();
    match metric_of(metric, scores, &labels.positive) {
        Some(value) => {
            let message = format!("{name} is {value:.4} over {} rows", scores.len());
            Outcome::decided(limit.holds(value), value, threshold, message)
        }
        None => Outcome::undecided(
            threshold,
            format!("{name} cannot be computed: one class only, or scores outside 0 to 1"),
        ),
    }
}

/// Paired DeLong: the interval of the AUC difference must lie above the margin.
pub(crate) fn non_inferiority(subject: &Subject<'_>, margin: f64, confidence: f64) -> Outcome {
    let threshold = format!("lower end of the {} % interval > -{margin}", 100.0 * confidence);
    let champion = match &subject.champion {
        None => {
            let message = "there is no champion to compare with".to_owned();
            return Outcome { verdict: Verdict::Skip, measured: None, threshold, ci: None, message };
        }
        Some(Err(reason)) => {
            return Outcome::undecided(threshold, format!("the champion gives no scores: {reason}"));
        }
        Some(Ok(champion)) => *champion,
    };
    let (labels, scores) = match subject.scored() {
        Ok(scored) => scored,
        Err(reason) => return Outcome::undecided(threshold, reason),
    };
    let test = delong_paired(scores, champion, &labels.positive);
    let Some((test, interval)) = test.and_then(|test| Some((test, test.ci(confidence)?))) else {
        return Outcome::undecided(threshold, "the AUC difference cannot be computed: one class only");
    };
    let message = format!(
        "AUC {:.4} against the champion's {:.4}: difference {:+.4}, interval {:+.4} to {:+.4}",
        test.auc_a, test.auc_b, test.delta, interval.low, interval.high
    );
    let holds = interval.low > -margin;
    let outcome = Outcome::decided(holds, test.delta, threshold, message);
    Outcome { ci: Some([interval.low, interval.high]), ..outcome }
}

/// Against the model that always answers the label rate, whose Brier score is rate (1 - rate).
pub(crate) fn beats_baseline(subject: &Subject<'_>) -> Outcome {
    let (labels, scores) = match subject.scored() {
        Ok(scored) => scored,
        Err(reason) => return Outcome::undecided("better than always the label rate", reason),
    };
    let rate = labels.rate();
    let baseline = rate * (1.0 - rate);
    let threshold = format!("Brier score < {baseline:.4}, that of always answering the label rate");
    match brier(scores, &labels.positive) {
        Some(value) => {
            let message = format!("Brier score {value:.4} against the baseline's {baseline:.4}");
            Outcome::decided(value < baseline, value, threshold, message)
        }
        None => Outcome::undecided(threshold, "the scores are not probabilities"),
    }
}

pub(crate) fn calibration(subject: &Subject<'_>, max_ece: f64, bins: usize) -> Outcome {
    let threshold = format!("expected calibration error <= {max_ece}");
    let (labels, scores) = match subject.scored() {
        Ok(scored) => scored,
        Err(reason) => return Outcome::undecided(threshold, reason),
    };
    match expected_calibration_error(scores, &labels.positive, bins) {
        Some(error) => {
            let message = format!("expected calibration error {:.4} over {bins} bins", error.ece);
            Outcome::decided(error.ece <= max_ece, error.ece, threshold, message)
        }
        None => Outcome::undecided(threshold, "the scores are not probabilities"),
    }
}

/// One request at a time, one row each: what a caller of the endpoint waits for.
pub(crate) fn latency(
    subject: &Subject<'_>,
    candidate: &mut dyn Predictor,
    max_p95_ms: f64,
    requests: usize,
) -> Outcome {
    let threshold = format!("95th percentile <= {max_p95_ms} ms");
    let mut measure = || -> Result<Option<f64>, String> {
        let rows = subject.sample(candidate, requests)?;
        for row in rows.iter().cycle().take(WARM_UP) {
            scores(candidate, std::slice::from_ref(row))?;
        }
        let mut millis = Vec::with_capacity(requests);
        for row in rows.iter().cycle().take(requests) {
            let started = Instant::now();
            scores(candidate, std::slice::from_ref(row))?;
            millis.push(started.elapsed().as_secs_f64() * 1_000.0);
        }
        Ok(quantile(&millis, 0.95))
    };
    match measure() {
        Ok(Some(p95)) => {
            let message = format!("95th percentile {p95:.2} ms over {requests} requests of one row");
            Outcome::decided(p95 <= max_p95_ms, p95, threshold, message)
        }
        Ok(None) => Outcome::undecided(threshold, "no request was made"),
        Err(reason) => Outcome::undecided(threshold, reason),
    }
}

/// Each column null in turn, over a few rows: the model must still answer with finite scores.
pub(crate) fn missing_values(
    subject: &Subject<'_>,
    candidate: &mut dyn Predictor,
    columns: &[String],
) -> Outcome {
    let threshold = "a finite score whichever value is missing".to_owned();
    let inputs = candidate.columns().to_vec();
    let columns = if columns.is_empty() { &inputs } else { columns };
    let rows = match subject.sample(candidate, SINGLE_ROWS) {
        Ok(rows) => rows,
        Err(reason) => return Outcome::undecided(threshold, reason),
    };
    let mut broken = Vec::new();
    for column in columns {
        let Some(place) = inputs.iter().position(|name| name == column) else {
            return Outcome::undecided(threshold, format!("`{column}` is not an input column of the model"));
        };
        let mut without = rows.clone();
        for row in &mut without {
            row[place] = Value::Null;
        }
        if let Err(reason) = scores(candidate, &without) {
            broken.push(format!("without `{column}`: {reason}"));
        }
    }
    let message = if broken.is_empty() {
        format!("the model answers with each of {} columns missing", columns.len())
    } else {
        broken.join("; ")
    };
    Outcome::decided(broken.is_empty(), broken.len() as f64, threshold, message)
}
