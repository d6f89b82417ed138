//! The battery file.

use std::path::Path;

use mainspring_expressions::yaml::{self, Fault, Mapping, Node, SourceError};

/// The checks a candidate must pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Battery {
    /// Name of the label column: `true`/`false` or 1/0, null where the outcome is unknown.
    pub label: String,
    pub(crate) checks: Vec<Check>,
}

impl Battery {
    /// Reads a battery; `file` is used in messages only.
    ///
    /// # Errors
    /// [`BatteryError`] with line and column for anything that is not understood.
    pub fn parse(text: &str, file: &Path) -> Result<Self, BatteryError> {
        battery(text).map_err(|fault| BatteryError(fault.in_file(file)))
    }

    /// Number of checks.
    #[must_use]
    pub fn check_count(&self) -> usize {
        self.checks.len()
    }
}

/// Why a battery is refused: prints as `file:line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct BatteryError(#[from] SourceError);

impl BatteryError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.0.hint
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Check {
    Signature,
    /// Scores may differ by this much between two identical requests.
    Determinism {
        tolerance: f64,
    },
    Metric {
        metric: Metric,
        limit: Limit,
    },
    /// Of the AUC.
    NonInferiority {
        margin: f64,
        confidence: f64,
    },
    BeatsBaseline,
    Calibration {
        max_ece: f64,
        bins: usize,
    },
    Slices {
        columns: Vec<String>,
        metric: Metric,
        limit: Limit,
        min_rows: usize,
    },
    Latency {
        max_p95_ms: f64,
        requests: usize,
    },
    /// All of the signature's columns if none are named.
    MissingValues {
        columns: Vec<String>,
    },
}

/// A metric over all rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    Auc,
    Brier,
    LogLoss,
    CalibrationGap,
}

impl Metric {
    const TABLE: [(&'static str, Self); 4] = [
        ("auc", Self::Auc),
        ("brier", Self::Brier),
        ("log_loss", Self::LogLoss),
        ("calibration_gap", Self::CalibrationGap),
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auc => "auc",
            Self::Brier => "brier",
            Self::LogLoss => "log_loss",
            Self::CalibrationGap => "calibration_gap",
        }
    }
}

/// What a metric must keep; at least one end is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limit {
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
}

impl Limit {
    pub(crate) fn holds(self, value: f64) -> bool {
        !value.is_nan() && self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
    }

    /// How far inside the limit `value` lies; negative outside.
    pub(crate) fn slack(self, value: f64) -> f64 {
        let above = self.min.map_or(f64::INFINITY, |min| value - min);
        above.min(self.max.map_or(f64::INFINITY, |max| max - value))
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.min, self.max) {
            (Some(min), Some(max)) => write!(formatter, "{min} to {max}"),
            (Some(min), None) => write!(formatter, ">= {min}"),
            (None, Some(max)) => write!(formatter, "<= {max}"),
            (None, None) => formatter.write_str("any"),
        }
    }
}

fn battery(text: &str) -> Result<Battery, Fault> {
    let root = yaml::parse(text)?;
    let map = root.map("battery")?;
    map.deny_unknown("field of a battery", &["version", "label", "checks"])?;
    let version = map.require("version", "the battery")?;
    if version.count("version")? != 1 {
        return Err(Fault::new(version.at, "unknown `version`; expected 1", "write `version: 1`"));
    }
    let label = map.require("label", "the battery")?.text("label")?.to_owned();
    let list = map.require("checks", "the battery")?;
    let checks = list.list("checks")?.iter().map(check).collect::<Result<Vec<_>, _>>()?;
    if checks.is_empty() {
        return Err(Fault::new(
            list.at,
            "`checks` is empty; a battery without checks would pass every model",
            "add for example `- { check: metric, metric: auc, min: 0.7 }`",
        ));
    }
    Ok(Battery { label, checks })
}

fn check(node: &Node) -> Result<Check, Fault> {
    let map = node.map("check")?;
    let kind = map.require("check", "the check")?;
    let name = kind.text("check")?;
    let allow = |fields: &[&str]| {
        let known: Vec<&str> = ["check"].iter().chain(fields).copied().collect();
        map.deny_unknown(&format!("field of the check `{name}`"), &known)
    };
    match name {
        "signature" => allow(&[]).map(|()| Check::Signature),
        "determinism" => {
            allow(&["tolerance"])?;
            Ok(Check::Determinism { tolerance: share(map, "tolerance", Some(1e-9))? })
        }
        "metric" => {
            allow(&["metric", "min", "max"])?;
            Ok(Check::Metric { metric: metric(map, name)?, limit: limit(map, name)? })
        }
        "non_inferiority" => {
            allow(&["metric", "margin", "confidence"])?;
            if let Some(metric) = map.get("metric") {
                metric.one_of("metric", &[("auc", ())])?;
            }
            let confidence = share(map, "confidence", Some(0.95))?;
            if confidence <= 0.0 || confidence >= 1.0 {
                return Err(misfit(map, "confidence", "a number between 0 and 1"));
            }
            Ok(Check::NonInferiority { margin: share(map, "margin", None)?, confidence })
        }
        "beats_baseline" => allow(&[]).map(|()| Check::BeatsBaseline),
        "calibration" => {
            allow(&["max_ece", "bins"])?;
            let bins = whole(map, "bins", 10)?;
            Ok(Check::Calibration { max_ece: share(map, "max_ece", None)?, bins })
        }
        "slices" => {
            allow(&["columns", "metric", "min", "max", "min_rows"])?;
            let columns = names(map.require("columns", "the check `slices`")?)?;
            let min_rows = whole(map, "min_rows", 100)?;
            Ok(Check::Slices { columns, metric: metric(map, name)?, limit: limit(map, name)?, min_rows })
        }
        "latency" => {
            allow(&["max_p95_ms", "requests"])?;
            let max_p95_ms = map.require("max_p95_ms", "the check `latency`")?.number("max_p95_ms")?;
            Ok(Check::Latency { max_p95_ms, requests: whole(map, "requests", 50)? })
        }
        "missing_values" => {
            allow(&["columns"])?;
            let columns = map.get("columns").map(names).transpose()?.unwrap_or_default();
            Ok(Check::MissingValues { columns })
        }
        other => Err(yaml::unknown(kind.at, "check", other, &CHECKS)),
    }
}

const CHECKS: [&str; 9] = [
    "signature",
    "determinism",
    "metric",
    "non_inferiority",
    "beats_baseline",
    "calibration",
    "slices",
    "latency",
    "missing_values",
];

fn metric(map: &Mapping, check: &str) -> Result<Metric, Fault> {
    map.require("metric", &format!("the check `{check}`"))?.one_of("metric", &Metric::TABLE)
}

fn limit(map: &Mapping, check: &str) -> Result<Limit, Fault> {
    let end = |key: &str| map.get(key).map(|node| node.number(key)).transpose();
    let limit = Limit { min: end("min")?, max: end("max")? };
    if limit.min.is_none() && limit.max.is_none() {
        return Err(Fault::new(
            map.at,
            format!("the check `{check}` has neither `min` nor `max`"),
            "say what the metric must keep: `min: 0.7`",
        ));
    }
    Ok(limit)
}

/// A number from 0 to 1.
fn share(map: &Mapping, key: &str, default: Option<f64>) -> Result<f64, Fault> {
    let value = match (map.get(key), default) {
        (None, Some(default)) => return Ok(default),
        (None, None) => map.require(key, "the check")?.number(key)?,
        (Some(node), _) => node.number(key)?,
    };
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(misfit(map, key, "a number from 0 to 1")) }
}

/// A whole number from 1.
fn whole(map: &Mapping, key: &str, default: usize) -> Result<usize, Fault> {
    let Some(node) = map.get(key) else {
        return Ok(default);
    };
    let value = usize::try_from(node.count(key)?).unwrap_or(usize::MAX);
    if value >= 1 { Ok(value) } else { Err(misfit(map, key, "a whole number from 1")) }
}

fn names(node: &Node) -> Result<Vec<String>, Fault> {
    node.list("columns")?.iter().map(|item| item.text("columns").map(str::to_owned)).collect()
}

fn misfit(map: &Mapping, key: &str, wanted: &str) -> Fault {
    let at = map.get(key).map_or(map.at, |node| node.at);
    Fault::new(at, format!("`{key}` must be {wanted}"), format!("write {wanted} here"))
}
