//! The engine of boosters that are read from their files, whatever library wrote them.

use crate::engine::{Answer, Deadline, Description, Engine};
use crate::package::{Library, Package};
use crate::signature::{ColumnSpec, TENSOR};
use crate::{Rows, ServeError, ServerSettings, StartError, lightgbm, xgboost};
use serde_json::{Number, Value};
use std::pin::Pin;
use std::sync::Arc;

/// Bytes of a booster's file at most.
const MODEL_LIMIT: u64 = 1 << 30;
/// Trees times rows that are computed at once; more go to a thread of their own. About half a millisecond.
const AT_ONCE: usize = 10_000;

/// What computes the predictions of a booster.
pub(crate) trait Predictor: Send + Sync {
    /// What a row costs, in trees.
    fn cost(&self) -> usize;

    /// The prediction of a row with one value per feature; missing ones are not numbers. One number, or
    /// one per output.
    ///
    /// # Errors
    /// When the library would refuse a value.
    fn predict(&self, row: &[f64]) -> Result<Vec<f64>, String>;
}

/// A booster as it was read.
pub(crate) struct Booster {
    pub(crate) predictor: Arc<dyn Predictor>,
    pub(crate) platform: &'static str,
    /// Its inputs, for a model whose signature names none.
    pub(crate) inputs: Vec<ColumnSpec>,
    /// Values that a row has.
    pub(crate) width: usize,
    /// Numbers of a prediction.
    pub(crate) outputs: usize,
    /// The type of a prediction, in the words of NumPy.
    pub(crate) dtype: &'static str,
}

/// Why a file is not run here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is a sound model with something that only the library does.
    Unsupported(String),
    /// It is no model.
    Broken(String),
}

/// A file that is no model.
pub(crate) fn broken(problem: impl Into<String>) -> Unread {
    Unread::Broken(problem.into())
}

/// A column of numbers.
pub(crate) fn column(name: &str) -> ColumnSpec {
    ColumnSpec { name: name.to_owned(), kind: "double".to_owned(), required: true, dtype: None, shape: None }
}

/// A loaded booster.
pub(crate) struct BoosterModel {
    predictor: Arc<dyn Predictor>,
    width: usize,
    description: Description,
}

impl BoosterModel {
    /// Loads a model; none when it has something that only the library computes.
    ///
    /// # Errors
    /// When the file cannot be read, or not in time.
    pub(crate) async fn start(
        package: Package,
        library: Library,
        settings: &ServerSettings,
    ) -> Result<Option<Self>, StartError> {
        let limit = settings.load_timeout;
        let reading = tokio::task::spawn_blocking(move || Self::read(package, library));
        let read = tokio::time::timeout(limit, reading).await;
        let read = read.map_err(|_| StartError::Timeout(limit.as_secs()))?;
        read.map_err(|error| StartError::Load(error.to_string()))?
    }

    fn read(package: Package, library: Library) -> Result<Option<Self>, StartError> {
        let unreadable = |problem: String| StartError::Load(format!("{}: {problem}", package.file.display()));
        let size = package.file.metadata().map_err(|error| unreadable(error.to_string()))?.len();
        if size > MODEL_LIMIT {
            return Err(unreadable(format!("it has {size} bytes, more than {MODEL_LIMIT}")));
        }
        let in_workers = |what: &str| {
            tracing::info!(what, "the model runs in Python workers");
            Ok(None)
        };
        if package.params {
            // Their defaults go to the library as well.
            return in_workers("parameters of a prediction");
        }
        let bytes = std::fs::read(&package.file).map_err(|error| unreadable(error.to_string()))?;
        let read = match library {
            Library::LightGbm => lightgbm::read(&bytes),
            Library::XgBoost => xgboost::read(&bytes, package.inputs.as_deref()),
        };
        let booster = match read {
            Ok(booster) => booster,
            Err(Unread::Broken(problem)) => return Err(unreadable(problem)),
            Err(Unread::Unsupported(what)) => return in_workers(&what),
        };
        let mut sides = vec![-1];
        if booster.outputs != 1 {
            sides.push(i64::try_from(booster.outputs).unwrap_or(-1));
        }
        let output = ColumnSpec {
            name: "predictions".to_owned(),
            kind: TENSOR.to_owned(),
            required: true,
            dtype: Some(booster.dtype.to_owned()),
            shape: Some(sides),
        };
        let description = Description {
            platform: booster.platform,
            inputs: Some(package.inputs.unwrap_or(booster.inputs)),
            outputs: Some(vec![output]),
        };
        Ok(Some(Self { predictor: booster.predictor, width: booster.width, description }))
    }

    async fn ask(&self, rows: &Rows, deadline: Deadline) -> Answer {
        let table = self.table(rows)?;
        if table.len().saturating_mul(self.predictor.cost()) <= AT_ONCE {
            return predict(self.predictor.as_ref(), &table);
        }
        let predictor = Arc::clone(&self.predictor);
        let running = tokio::task::spawn_blocking(move || predict(predictor.as_ref(), &table));
        deadline.wait(running).await?.map_err(|error| ServeError::Model(error.to_string()))?
    }

    /// Rows as numbers, in the order in which they come: that of the signature.
    fn table(&self, rows: &Rows) -> Result<Vec<Vec<f64>>, ServeError> {
        let mut table = Vec::with_capacity(rows.data.len());
        for (number, row) in rows.data.iter().enumerate() {
            if row.len() != self.width {
                return Err(ServeError::Input(format!(
                    "row {number} has {} values, the model takes {}",
                    row.len(),
                    self.width
                )));
            }
            let mut values = Vec::with_capacity(row.len());
            for (place, value) in row.iter().enumerate() {
                values.push(match value {
                    Value::Null => f64::NAN,
                    Value::Bool(yes) => f64::from(u8::from(*yes)),
                    Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
                    other => {
                        let feature = self.feature(place);
                        return Err(ServeError::Input(format!(
                            "{feature}, row {number}: expected a number, found {other}"
                        )));
                    }
                });
            }
            table.push(values);
        }
        Ok(table)
    }

    /// A value's place, for messages.
    fn feature(&self, place: usize) -> String {
        let inputs = self.description.inputs.as_deref().unwrap_or_default();
        match inputs.get(place).filter(|input| !input.is_tensor()) {
            Some(input) => format!("column `{}`", input.name),
            None => format!("value {place}"),
        }
    }
}

fn predict(predictor: &dyn Predictor, table: &[Vec<f64>]) -> Answer {
    let real = |number: f64| Number::from_f64(number).map_or(Value::Null, Value::Number);
    let one = |(number, row): (usize, &Vec<f64>)| {
        let refused = |problem| ServeError::Input(format!("row {number}: {problem}"));
        Ok(match predictor.predict(row).map_err(refused)?.as_slice() {
            [only] => real(*only),
            several => several.iter().copied().map(real).collect(),
        })
    };
    table.iter().enumerate().map(one).collect()
}

impl Engine for BoosterModel {
    fn description(&self) -> &Description {
        &self.description
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn restarts(&self) -> u64 {
        0
    }

    fn predict<'a>(
        &'a self,
        rows: &'a Rows,
        _params: &'a Value,
        deadline: Deadline,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(self.ask(rows, deadline))
    }

    fn read_parquet<'a>(
        &'a self,
        _file: &'a [u8],
        _deadline: Deadline,
    ) -> Pin<Box<dyn Future<Output = Result<Rows, ServeError>> + Send + 'a>> {
        Box::pin(async { Err(crate::engine::no_parquet()) })
    }
}
