//! Analysis runs: measurements judged by conditions, limits and counts as Argo Rollouts does
//! (`utils/analysis`, `analysis/analysis.go`).

use crate::spec::{Analysis, AnalysisMetric};
use mainspring_domain::Timestamp;
use mainspring_expressions::condition::{Condition, ConditionError, Value};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write as _};
use std::time::Duration;

/// How long after an error the next measurement is taken, whatever the interval.
const RETRY_AFTER_ERROR: Duration = Duration::from_secs(10);
/// Bytes of a measured value that a message shows.
const SHOWN: usize = 200;
/// Measurements of a metric that are kept for people; the counts know all of them.
const KEPT: usize = 50;

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
    /// The value, or the first of several, when there was a finite one.
    pub value: Option<f64>,
    /// Its judgement.
    pub assessment: Assessment,
    /// Why, for people.
    pub message: String,
}

/// How often each judgement was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Good ones.
    pub successful: i64,
    /// Bad ones.
    pub failed: i64,
    /// Those between.
    pub inconclusive: i64,
    /// Those that could not be taken.
    pub error: i64,
    /// Errors since the last number.
    pub consecutive_error: i64,
    /// Good ones since the last other.
    pub consecutive_success: i64,
}

/// One metric's measurements so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricRun {
    /// The metric's name.
    pub name: String,
    /// What must hold, for people.
    #[serde(default)]
    pub limit: String,
    /// Whether it has no say.
    #[serde(default)]
    pub dry_run: bool,
    /// When the next measurement is due; `None` once the metric is decided.
    pub next: Option<Timestamp>,
    /// The newest measurements, oldest first.
    pub measurements: Vec<Measurement>,
    /// All of them, counted.
    #[serde(default)]
    pub counts: Counts,
    /// The decision, once there is one.
    pub assessment: Option<Assessment>,
}

/// One analysis at work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnalysisRun {
    /// When it began.
    pub started: Timestamp,
    /// Its metrics, in the order of the analysis.
    pub metrics: Vec<MetricRun>,
}

impl AnalysisRun {
    pub(crate) fn start(analysis: &Analysis, now: Timestamp) -> Self {
        let metrics = analysis.metrics.iter().map(|metric| MetricRun {
            name: metric.name.clone(),
            limit: limit(metric),
            dry_run: metric.dry_run,
            next: Some(now + metric.initial_delay),
            measurements: Vec::new(),
            counts: Counts::default(),
            assessment: None,
        });
        Self { started: now, metrics: metrics.collect() }
    }

    /// The metrics whose measurement is due.
    pub(crate) fn due(&self, now: Timestamp) -> impl Iterator<Item = usize> {
        self.metrics.iter().enumerate().filter(move |(_, metric)| metric.is_due(now)).map(|(index, _)| index)
    }

    /// The first bad end of a metric that has a say, the worst of several, with its reason.
    pub(crate) fn bad_end(&self) -> Option<(Assessment, String)> {
        let (assessment, metric) = self
            .metrics
            .iter()
            .filter(|metric| !metric.dry_run)
            .filter_map(|metric| metric.assessment.map(|assessment| (assessment, metric)))
            .filter(|(assessment, _)| *assessment != Assessment::Successful)
            .max_by_key(|(assessment, _)| *assessment)?;
        let last = metric.measurements.last().map_or("", |measurement| measurement.message.as_str());
        Some((assessment, format!("metric `{}`: {last}", metric.name)))
    }

    /// Whether every metric with a say has ended well. Those without are not waited for.
    pub(crate) fn is_successful(&self) -> bool {
        self.metrics.iter().all(|metric| metric.dry_run || metric.assessment == Some(Assessment::Successful))
    }

    /// The run's decision and its reason. A metric that ends badly decides at once; otherwise all
    /// must have ended.
    pub(crate) fn decision(&self) -> Option<(Assessment, String)> {
        self.bad_end().or_else(|| self.is_successful().then(|| (Assessment::Successful, String::new())))
    }

    /// Whether a metric with a say was asked and has given no number yet: its run must not be ended
    /// as if it had gone well.
    pub(crate) fn knows_nothing(&self) -> bool {
        self.metrics.iter().any(|metric| {
            let counts = &metric.counts;
            !metric.dry_run
                && metric.assessment.is_none()
                && counts.error > 0
                && counts.successful + counts.failed + counts.inconclusive == 0
        })
    }

    /// Takes in a measurement that is due; others would use up the count.
    pub(crate) fn measured(
        &mut self,
        analysis: &Analysis,
        index: usize,
        value: Result<Value, String>,
        now: Timestamp,
    ) {
        let (Some(spec), Some(metric)) = (analysis.metrics.get(index), self.metrics.get_mut(index)) else {
            return;
        };
        if metric.is_due(now) {
            metric.measured(spec, value, now);
        }
    }
}

impl MetricRun {
    /// Whether a measurement is wanted now.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.assessment.is_none() && self.next.is_some_and(|at| at <= now)
    }

    fn measured(&mut self, spec: &AnalysisMetric, value: Result<Value, String>, now: Timestamp) {
        let measurement = judge(spec, value, now);
        let assessment = measurement.assessment;
        self.counts.add(assessment);
        self.measurements.push(measurement);
        if self.measurements.len() > KEPT {
            self.measurements.remove(0);
        }
        self.assessment = self.counts.assess(spec);
        let wait = match assessment {
            Assessment::Error => RETRY_AFTER_ERROR,
            _ => spec.interval.unwrap_or(RETRY_AFTER_ERROR),
        };
        self.next = self.assessment.is_none().then(|| now + wait);
    }
}

impl Counts {
    fn add(&mut self, assessment: Assessment) {
        let is_error = assessment == Assessment::Error;
        let is_success = assessment == Assessment::Successful;
        self.consecutive_error = if is_error { self.consecutive_error + 1 } else { 0 };
        // An error says nothing of the canary, but it interrupts the row, as in Argo Rollouts.
        self.consecutive_success = if is_success { self.consecutive_success + 1 } else { 0 };
        match assessment {
            Assessment::Successful => self.successful += 1,
            Assessment::Inconclusive => self.inconclusive += 1,
            Assessment::Error => self.error += 1,
            Assessment::Failed => self.failed += 1,
        }
    }

    fn assess(&self, spec: &AnalysisMetric) -> Option<Assessment> {
        // When several limits are exceeded the last check wins: error over inconclusive over failed.
        if self.consecutive_error > spec.consecutive_error_limit {
            return Some(Assessment::Error);
        }
        if self.inconclusive > spec.inconclusive_limit {
            return Some(Assessment::Inconclusive);
        }
        let limited = spec.failure_limit >= 0;
        if limited && self.failed > spec.failure_limit {
            return Some(Assessment::Failed);
        }
        let wanted = spec.consecutive_success_limit;
        if wanted > 0 && self.consecutive_success >= wanted {
            return Some(Assessment::Successful);
        }
        let counted = self.failed + self.inconclusive + self.successful;
        if spec.count.is_none_or(|count| counted < i64::from(count)) {
            return None;
        }
        Some(match (wanted > 0, limited) {
            (false, _) => Assessment::Successful,
            (true, true) => Assessment::Inconclusive,
            (true, false) => Assessment::Failed,
        })
    }
}

/// A measured value as people read it: what is beyond some characters is cut.
struct Shown<'a>(&'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cut = Cut { text: String::new() };
        let whole = write!(cut, "{}", self.0).is_ok();
        write!(formatter, "{}{}", cut.text, if whole { "" } else { "…" })
    }
}

/// Takes so much text, then no more.
struct Cut {
    text: String,
}

impl fmt::Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = SHOWN - self.text.len();
        if text.len() <= room {
            self.text.push_str(text);
            return Ok(());
        }
        self.text.push_str(&text[..text.floor_char_boundary(room)]);
        Err(fmt::Error)
    }
}

/// The conditions of a metric in words.
fn limit(spec: &AnalysisMetric) -> String {
    match (&spec.success_condition, &spec.failure_condition) {
        (Some(success), None) => success.clone(),
        (None, Some(failure)) => format!("not {failure}"),
        (Some(success), Some(failure)) => format!("{success}, not {failure}"),
        (None, None) => String::new(),
    }
}

fn judge(spec: &AnalysisMetric, value: Result<Value, String>, now: Timestamp) -> Measurement {
    let error =
        |message: String| Measurement { time: now, value: None, assessment: Assessment::Error, message };
    let value = match value {
        Ok(value) => value,
        Err(message) => return error(message),
    };
    let (assessment, message) = match verdict(spec, &value) {
        Ok(verdict) => verdict,
        Err(reason) => return error(reason.to_string()),
    };
    if assessment == Assessment::Successful && !value.is_measured() {
        // A condition may let it through; a gate that measured nothing does not.
        return error(match &value {
            Value::Float(_) => "the value is not a finite number".to_owned(),
            other => format!("{} is no measurement: a value is missing or not a finite number", Shown(other)),
        });
    }
    Measurement {
        time: now,
        value: value.first_number().filter(|number| number.is_finite()),
        assessment,
        message,
    }
}

fn verdict(spec: &AnalysisMetric, value: &Value) -> Result<(Assessment, String), ConditionError> {
    let holds = |text: &Option<String>| {
        text.as_deref().map(|text| Condition::compile(text)?.holds(value)).transpose()
    };
    let failed = holds(&spec.failure_condition)?;
    let succeeded = holds(&spec.success_condition)?;
    let value = Shown(value);
    let success = spec.success_condition.as_deref().unwrap_or_default();
    Ok(match (failed, succeeded) {
        (Some(true), _) => {
            let failure = spec.failure_condition.as_deref().unwrap_or_default();
            (Assessment::Failed, format!("{value} meets the failure condition `{failure}`"))
        }
        (_, Some(true)) => (Assessment::Successful, format!("{value} meets `{success}`")),
        (None, Some(false)) => (Assessment::Failed, format!("{value} does not meet `{success}`")),
        (Some(false), Some(false)) => (Assessment::Inconclusive, format!("{value} meets neither condition")),
        (Some(false) | None, None) => (Assessment::Successful, format!("{value}")),
    })
}
