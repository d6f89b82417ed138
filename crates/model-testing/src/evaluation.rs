//! Rows, labels and scores.

use mainspring_stats::calibration::{brier, calibration_gap, expected_calibration_error, log_loss};
use mainspring_stats::ranking::auc;
use mainspring_tables::{Column, Kind, Table};
use serde_json::Value;

use crate::battery::Metric;
use crate::predictor::Predictor;
use crate::report::MetricSet;

/// Rows in one request to a model.
const BATCH_ROWS: usize = 1_000;

/// Labels of a table: the rows that have one.
pub(crate) struct Labels {
    /// Numbers of the labelled rows in the table.
    pub(crate) rows: Vec<usize>,
    pub(crate) positive: Vec<bool>,
    pub(crate) missing: usize,
}

impl Labels {
    pub(crate) fn of(table: &Table, name: &str) -> Result<Self, String> {
        let column = table.require(name).map_err(|error| error.to_string())?;
        let (mut rows, mut positive, mut missing) = (Vec::new(), Vec::new(), 0);
        for (row, label) in parsed(column).enumerate() {
            match label {
                Label::Null => missing += 1,
                Label::Of(label) => {
                    rows.push(row);
                    positive.push(label);
                }
                Label::Odd => {
                    let line = table.line(row);
                    let value = column.value(row);
                    return Err(format!(
                        "{}:{line}: the label `{name}` is {value}; expected true, false, 1, 0 or nothing",
                        table.file().display()
                    ));
                }
            }
        }
        if rows.is_empty() {
            return Err(format!("{}: no row has a label `{name}`", table.file().display()));
        }
        Ok(Self { rows, positive, missing })
    }

    /// Share of positives.
    pub(crate) fn rate(&self) -> f64 {
        self.positive.iter().filter(|label| **label).count() as f64 / self.positive.len() as f64
    }
}

enum Label {
    Null,
    Of(bool),
    Odd,
}

fn parsed<'a>(column: Column<'a>) -> Box<dyn Iterator<Item = Label> + 'a> {
    if column.kind() == Kind::Text {
        return Box::new(column.texts().map(|text| if text.is_none() { Label::Null } else { Label::Odd }));
    }
    Box::new(column.numbers().map(|number| match number {
        None => Label::Null,
        Some(1.0) => Label::Of(true),
        Some(0.0) => Label::Of(false),
        Some(_) => Label::Odd,
    }))
}

/// The values of `columns` in the given rows, as a model gets them.
pub(crate) fn inputs(
    table: &Table,
    columns: &[String],
    rows: impl IntoIterator<Item = usize>,
) -> Result<Vec<Vec<Value>>, String> {
    let columns: Result<Vec<Column<'_>>, String> =
        columns.iter().map(|name| table.require(name).map_err(|error| error.to_string())).collect();
    let columns = columns?;
    let value = |column: &Column<'_>, row| match column.value(row) {
        // JSON has no NaN; for a model it is a missing value.
        Value::String(text) if column.kind() == Kind::Number && text == "NaN" => Value::Null,
        value => value,
    };
    Ok(rows.into_iter().map(|row| columns.iter().map(|column| value(column, row)).collect()).collect())
}

/// One score for each row, or why not.
pub(crate) fn scores(model: &mut dyn Predictor, rows: &[Vec<Value>]) -> Result<Vec<f64>, String> {
    let columns = model.columns().to_vec();
    let mut scores = Vec::with_capacity(rows.len());
    for batch in rows.chunks(BATCH_ROWS) {
        let answer = model.predict(&columns, batch).map_err(|error| error.to_string())?;
        if answer.len() != batch.len() {
            return Err(format!("the model gave {} scores for {} rows", answer.len(), batch.len()));
        }
        scores.extend(answer);
    }
    match scores.iter().position(|score| !score.is_finite()) {
        Some(row) => Err(format!("the model gave the score {} for row {row}", scores[row])),
        None => Ok(scores),
    }
}

pub(crate) fn metric_of(metric: Metric, scores: &[f64], positive: &[bool]) -> Option<f64> {
    match metric {
        Metric::Auc => auc(scores, positive),
        Metric::Brier => brier(scores, positive),
        Metric::LogLoss => log_loss(scores, positive),
        Metric::CalibrationGap => calibration_gap(scores, positive),
    }
}

pub(crate) fn metrics_of(scores: &[f64], positive: &[bool]) -> MetricSet {
    MetricSet {
        auc: metric_of(Metric::Auc, scores, positive),
        brier: metric_of(Metric::Brier, scores, positive),
        log_loss: metric_of(Metric::LogLoss, scores, positive),
        ece: expected_calibration_error(scores, positive, 10).map(|error| error.ece),
        calibration_gap: metric_of(Metric::CalibrationGap, scores, positive),
    }
}
