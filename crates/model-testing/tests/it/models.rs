//! Models that behave as a test needs, and a table for them.

use std::fmt::Write as _;
use std::path::Path;

use mainspring_model_testing::{PredictError, Predictor};
use mainspring_tables::Table;
use serde_json::Value;

type Score = Box<dyn FnMut(&[Value]) -> Result<f64, String>>;

/// A model over the columns `x` and `origin`.
pub(crate) struct Model {
    columns: Vec<String>,
    score: Score,
}

impl Model {
    pub(crate) fn new(score: impl FnMut(&[Value]) -> Result<f64, String> + 'static) -> Self {
        Self { columns: vec!["x".to_owned(), "origin".to_owned()], score: Box::new(score) }
    }

    /// The chance of a positive is x, so this one is right.
    pub(crate) fn good() -> Self {
        Self::new(|row| Ok(row[0].as_f64().unwrap_or(0.5)))
    }

    /// Ranks by nothing but the position of a digit.
    pub(crate) fn shuffled() -> Self {
        Self::new(|row| Ok((row[0].as_f64().unwrap_or(0.5) * 7_919.0).fract()))
    }

    pub(crate) fn with_columns(mut self, columns: &[&str]) -> Self {
        self.columns = columns.iter().map(|name| (*name).to_owned()).collect();
        self
    }
}

impl Predictor for Model {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn predict(&mut self, _: &[String], rows: &[Vec<Value>]) -> Result<Vec<f64>, PredictError> {
        rows.iter().map(|row| (self.score)(row).map_err(PredictError::new)).collect()
    }
}

/// 2,000 rows; x runs evenly over (0, 1) and a row is positive with probability x.
pub(crate) fn table() -> Table {
    let mut text = String::from("x,origin,late\n");
    for i in 0..2_000_u32 {
        let x = (f64::from(i) + 0.5) / 2_000.0;
        // Golden-ratio steps spread evenly and do not follow x.
        let draw = (f64::from(i) * 0.618_033_988_749_894_9).fract();
        let origin = ["EWR", "JFK", "LGA"][i as usize % 3];
        writeln!(
            text,
            "{x},{origin},{}",
            if i % 50 == 7 {
                ""
            } else if draw < x {
                "1"
            } else {
                "0"
            }
        )
        .unwrap();
    }
    Table::parse_csv(&text, Path::new("weeks.csv")).unwrap()
}
