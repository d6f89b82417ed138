//! The engine of LightGBM's boosters, from the text that the library writes.

mod booster;

use crate::engine::{Answer, Deadline, Description, Engine};
use crate::package::Package;
use crate::signature::ColumnSpec;
use crate::{Rows, ServeError, ServerSettings, StartError};
use booster::{Booster, Unread};
use serde_json::{Number, Value};
use std::pin::Pin;
use std::sync::Arc;

/// Bytes of a model's text at most.
const MODEL_LIMIT: u64 = 1 << 30;
/// Trees times rows that are computed at once; more go to a thread of their own. About half a millisecond.
const AT_ONCE: usize = 10_000;

/// A loaded booster.
pub(crate) struct LightGbmModel {
    booster: Arc<Booster>,
    description: Description,
}

impl LightGbmModel {
    /// Loads a model; none when it has something that only the library computes.
    ///
    /// # Errors
    /// When the text cannot be read, or not in time.
    pub(crate) async fn start(
        package: Package,
        settings: &ServerSettings,
    ) -> Result<Option<Self>, StartError> {
        let limit = settings.load_timeout;
        let reading = tokio::task::spawn_blocking(move || Self::read(package));
        let read = tokio::time::timeout(limit, reading).await;
        let read = read.map_err(|_| StartError::Timeout(limit.as_secs()))?;
        read.map_err(|error| StartError::Load(error.to_string()))?
    }

    fn read(package: Package) -> Result<Option<Self>, StartError> {
        let unreadable = |problem: String| StartError::Load(format!("{}: {problem}", package.file.display()));
        let size = package.file.metadata().map_err(|error| unreadable(error.to_string()))?.len();
        if size > MODEL_LIMIT {
            return Err(unreadable(format!("it has {size} bytes, more than {MODEL_LIMIT}")));
        }
        let text = std::fs::read_to_string(&package.file).map_err(|error| unreadable(error.to_string()))?;
        let booster = match Booster::read(&text) {
            Ok(booster) => booster,
            Err(Unread::Broken(problem)) => return Err(unreadable(problem)),
            Err(Unread::Unsupported(what)) => {
                tracing::info!(what, "the model runs in Python workers");
                return Ok(None);
            }
        };
        let column = |name: &String| ColumnSpec {
            name: name.clone(),
            kind: "double".to_owned(),
            required: true,
            dtype: None,
            shape: None,
        };
        let own = || booster.features.iter().map(column).collect::<Vec<_>>();
        let sides = if booster.classes == 1 {
            vec![-1]
        } else {
            vec![-1, i64::try_from(booster.classes).unwrap_or(-1)]
        };
        let output = ColumnSpec {
            name: "predictions".to_owned(),
            kind: crate::signature::TENSOR.to_owned(),
            required: true,
            dtype: Some("float64".to_owned()),
            shape: Some(sides),
        };
        let description = Description {
            platform: "lightgbm_text",
            inputs: Some(package.inputs.unwrap_or_else(own)),
            outputs: Some(vec![output]),
        };
        Ok(Some(Self { booster: Arc::new(booster), description }))
    }

    async fn ask(&self, rows: &Rows, deadline: Deadline) -> Answer {
        let table = table(rows, &self.booster.features)?;
        if table.len().saturating_mul(self.booster.trees()) <= AT_ONCE {
            return Ok(predict(&self.booster, &table));
        }
        let booster = Arc::clone(&self.booster);
        let running = tokio::task::spawn_blocking(move || predict(&booster, &table));
        deadline.wait(running).await?.map_err(|error| ServeError::Model(error.to_string()))
    }
}

fn predict(booster: &Booster, table: &[Vec<f64>]) -> Vec<Value> {
    let real = |number: f64| Number::from_f64(number).map_or(Value::Null, Value::Number);
    let one = |row: &Vec<f64>| match booster.predict(row).as_slice() {
        [only] => real(*only),
        several => several.iter().copied().map(real).collect(),
    };
    table.iter().map(one).collect()
}

/// Rows as numbers, in the order in which they come: that of the signature.
fn table(rows: &Rows, features: &[String]) -> Result<Vec<Vec<f64>>, ServeError> {
    let mut table = Vec::with_capacity(rows.data.len());
    for (number, row) in rows.data.iter().enumerate() {
        if row.len() != features.len() {
            return Err(ServeError::Input(format!(
                "row {number} has {} values, the model takes {}",
                row.len(),
                features.len()
            )));
        }
        let mut values = Vec::with_capacity(row.len());
        for (value, feature) in row.iter().zip(features) {
            values.push(match value {
                Value::Null => f64::NAN,
                Value::Bool(yes) => f64::from(u8::from(*yes)),
                Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
                other => {
                    return Err(ServeError::Input(format!(
                        "column `{feature}`, row {number}: expected a number, found {other}"
                    )));
                }
            });
        }
        table.push(values);
    }
    Ok(table)
}

impl Engine for LightGbmModel {
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
