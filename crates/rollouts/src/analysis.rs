//! Analysis runs: measurements judged by conditions, limits and counts as Argo Rollouts does
//! (`utils/analysis`, `analysis/analysis.go`).

use crate::spec::AnalysisMetric;
use mainspring_domain::Timestamp;
use mainspring_expressions::gate::{Gate, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;

/// How long after an error the next measurement is taken, whatever the interval.
const RETRY_AFTER_ERROR: Duration = Duration::from_secs(10);

/// How a measurement, a metric or a whole run is judged. The order is the one in which the worst
/// of several metrics is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Assessment {
    /// Good.
    Successful,
    /// Neither good nor bad.
    Inconclusive,
    /// Could not be measured.
    Error,
    /// Bad.
    Failed,
}

/// One measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// When.
    pub time: Timestamp,
    /// The value, when there was one.
    pub value: Option<f64>,
    /// Its judgement.
    pub assessment: Assessment,
    /// Why, for people.
    pub message: String,
}

/// One metric's measurements so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricRun {
    /// The metric's name.
    pub name: String,
    /// When the next measurement is due; `None` once the metric is decided.
    pub next: Option<Timestamp>,
    /// The measurements, oldest first.
    pub measurements: Vec<Measurement>,
    /// The decision, once there is one.
    pub assessment: Option<Assessment>,
}

/// One analysis step at work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnalysisRun {
    /// When it began.
    pub started: Timestamp,
    /// Its metrics, in the order of the step.
    pub metrics: Vec<MetricRun>,
}

impl AnalysisRun {
    pub(crate) fn start(metrics: &[AnalysisMetric], now: Timestamp) -> Self {
        let metrics = metrics.iter().map(|metric| MetricRun {
            name: metric.name.clone(),
            next: Some(now + metric.initial_delay),
            measurements: Vec::new(),
            assessment: None,
        });
        Self { started: now, metrics: metrics.collect() }
    }

    /// The metrics whose measurement is due.
    pub(crate) fn due(&self, now: Timestamp) -> impl Iterator<Item = usize> {
        self.metrics.iter().enumerate().filter(move |(_, metric)| metric.is_due(now)).map(|(index, _)| index)
    }

    /// The run's decision and its reason. A metric that ends badly decides at once; otherwise all
    /// must have ended.
    pub(crate) fn decision(&self) -> Option<(Assessment, String)> {
        let worst = self
            .metrics
            .iter()
            .filter_map(|metric| metric.assessment.map(|assessment| (assessment, metric)))
            .max_by_key(|(assessment, _)| *assessment);
        let (assessment, metric) = worst?;
        if assessment == Assessment::Successful
            && self.metrics.iter().any(|metric| metric.assessment.is_none())
        {
            return None;
        }
        let last = metric.measurements.last().map_or("", |measurement| measurement.message.as_str());
        Some((assessment, format!("metric `{}`: {last}", metric.name)))
    }
}

impl MetricRun {
    /// Whether a measurement is wanted now.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.assessment.is_none() && self.next.is_some_and(|at| at <= now)
    }

    /// Takes in one measurement and decides, if it can.
    pub(crate) fn measured(&mut self, spec: &AnalysisMetric, value: Result<f64, String>, now: Timestamp) {
        let measurement = judge(spec, value, now);
        let was_error = measurement.assessment == Assessment::Error;
        self.measurements.push(measurement);
        self.assessment = self.assess(spec);
        let wait = if was_error { RETRY_AFTER_ERROR } else { spec.interval.unwrap_or(RETRY_AFTER_ERROR) };
        self.next = self.assessment.is_none().then(|| now + wait);
    }

    fn count_of(&self, assessment: Assessment) -> i64 {
        let count = self.measurements.iter().filter(|m| m.assessment == assessment).count();
        i64::try_from(count).unwrap_or(i64::MAX)
    }

    fn assess(&self, spec: &AnalysisMetric) -> Option<Assessment> {
        let errors_in_a_row =
            self.measurements.iter().rev().take_while(|m| m.assessment == Assessment::Error).count();
        let failed = self.count_of(Assessment::Failed);
        let inconclusive = self.count_of(Assessment::Inconclusive);
        // When several limits are exceeded the last check wins: error over inconclusive over failed.
        if i64::try_from(errors_in_a_row).unwrap_or(i64::MAX) > spec.consecutive_error_limit {
            return Some(Assessment::Error);
        }
        if inconclusive > spec.inconclusive_limit {
            return Some(Assessment::Inconclusive);
        }
        if spec.failure_limit >= 0 && failed > spec.failure_limit {
            return Some(Assessment::Failed);
        }
        let counted = failed + inconclusive + self.count_of(Assessment::Successful);
        (counted >= i64::from(spec.count.unwrap_or(1))).then_some(Assessment::Successful)
    }
}

fn judge(spec: &AnalysisMetric, value: Result<f64, String>, now: Timestamp) -> Measurement {
    let value = match value {
        Ok(value) if value.is_finite() => value,
        Ok(_) => {
            return Measurement {
                time: now,
                value: None,
                assessment: Assessment::Error,
                message: "the value is not a finite number".to_owned(),
            };
        }
        Err(message) => {
            return Measurement { time: now, value: None, assessment: Assessment::Error, message };
        }
    };
    let failed = spec.failure_condition.as_deref().map(|text| holds(text, value));
    let succeeded = spec.success_condition.as_deref().map(|text| holds(text, value));
    let (assessment, message) = match (failed, succeeded) {
        (Some(Err(reason)), _) | (_, Some(Err(reason))) => (Assessment::Error, reason),
        (Some(Ok(true)), _) => (
            Assessment::Failed,
            format!("{value:.4} meets the failure condition {}", text(spec.failure_condition.as_deref())),
        ),
        (_, Some(Ok(true))) => {
            (Assessment::Successful, format!("{value:.4} meets {}", text(spec.success_condition.as_deref())))
        }
        (None, Some(Ok(false))) => (
            Assessment::Failed,
            format!("{value:.4} does not meet {}", text(spec.success_condition.as_deref())),
        ),
        (Some(Ok(false)), Some(Ok(false))) => {
            (Assessment::Inconclusive, format!("{value:.4} meets neither condition"))
        }
        (Some(Ok(false)), None) | (None, None) => (Assessment::Successful, format!("{value:.4}")),
    };
    Measurement { time: now, value: Some(value), assessment, message }
}

fn text(condition: Option<&str>) -> String {
    format!("`{}`", condition.unwrap_or_default())
}

fn holds(condition: &str, value: f64) -> Result<bool, String> {
    let gate = Gate::compile(condition).map_err(|error| error.to_string())?;
    let mut variables = Map::new();
    variables.insert("result".to_owned(), Value::from(value));
    match gate.evaluate(&variables) {
        Verdict::Pass => Ok(true),
        Verdict::Fail => Ok(false),
        Verdict::Undecided(reason) => Err(reason),
    }
}
