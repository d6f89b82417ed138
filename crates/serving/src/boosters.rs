//! The engine of boosters that are read from their files, whatever library wrote them.

use crate::engine::{Answer, Deadline, Description, Engine, load_within};
use crate::package::{Library, Package};
use crate::signature::{ColumnSpec, TENSOR};
use crate::{MAX_CELLS, Rows, ServeError, ServerSettings, StartError, lightgbm, xgboost};
use serde_json::{Number, Value};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Bytes of a booster's file at most; what is read takes some times as many. Larger ones run in workers.
const MODEL_LIMIT: u64 = 256 << 20;
/// Steps that are computed at once; more go to a thread of their own. About a millisecond.
const AT_ONCE: usize = 100_000;

/// What computes the predictions of a booster.
pub(crate) trait Predictor: Send + Sync {
    /// What a row costs at most, in steps: nodes that are passed, or numbers that are added up.
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
    outputs: usize,
    /// What each value of a row may be, where the signature says so.
    kinds: Vec<Kind>,
    description: Description,
}

/// What a column of the signature takes beyond numbers being numbers, as MLflow enforces it: a column of whole
/// numbers or truth values has no missing ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Real,
    Whole,
    Whole32,
    Truth,
}

impl Kind {
    fn of(input: &ColumnSpec) -> Self {
        match input.kind.as_str() {
            "long" => Self::Whole,
            "integer" => Self::Whole32,
            "boolean" => Self::Truth,
            _ => Self::Real,
        }
    }

    /// The value as the library gets it, or what would be taken.
    fn number(self, value: &Value) -> Result<f64, &'static str> {
        match (self, value) {
            (Self::Real, Value::Null) => Ok(f64::NAN),
            (_, Value::Bool(yes)) => Ok(f64::from(u8::from(*yes))),
            (Self::Whole32, Value::Number(number)) => {
                let number =
                    number.as_f64().filter(|number| (-2_147_483_648.0..2_147_483_648.0).contains(number));
                number.ok_or("a whole number of 32 bits")
            }
            (Self::Real | Self::Whole, Value::Number(number)) => Ok(number.as_f64().unwrap_or(f64::NAN)),
            (Self::Real, _) => Err("a number"),
            (Self::Whole | Self::Whole32, _) => Err("a whole number"),
            (Self::Truth, _) => Err("true or false"),
        }
    }
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
        load_within(settings.load_timeout, move || Self::read(package, library)).await
    }

    fn read(package: Package, library: Library) -> Result<Option<Self>, StartError> {
        let unreadable = |problem: String| StartError::Load(format!("{}: {problem}", package.file.display()));
        let size = package.file.metadata().map_err(|error| unreadable(error.to_string()))?.len();
        let in_workers = |what: &str| {
            tracing::info!(what, "the model runs in Python workers");
            Ok(None)
        };
        if size > MODEL_LIMIT {
            return in_workers("the size of its file");
        }
        let inputs = package.inputs.as_deref().unwrap_or_default();
        if inputs
            .iter()
            .any(|input| input.is_tensor() && !matches!(input.dtype.as_deref(), Some("float32" | "float64")))
        {
            // What is sent is converted to that type first, which loses something.
            return in_workers("a tensor of another type than float32 and float64");
        }
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
        let kinds = description.inputs.iter().flatten().map(Kind::of).collect();
        Ok(Some(Self {
            predictor: booster.predictor,
            width: booster.width,
            outputs: booster.outputs,
            kinds,
            description,
        }))
    }

    async fn ask(&self, rows: &Rows, deadline: Deadline) -> Answer {
        if rows.data.len().saturating_mul(self.outputs) > MAX_CELLS {
            return Err(ServeError::TooLarge(format!(
                "{} rows with {} predictions each are more than {MAX_CELLS} values; send fewer rows",
                rows.data.len(),
                self.outputs
            )));
        }
        let table = self.table(rows)?;
        let given_up = GivenUp::default();
        if table.len().saturating_mul(self.predictor.cost()) <= AT_ONCE {
            return predict(self.predictor.as_ref(), &table, &given_up.0);
        }
        let (predictor, stop) = (Arc::clone(&self.predictor), Arc::clone(&given_up.0));
        let running = tokio::task::spawn_blocking(move || predict(predictor.as_ref(), &table, &stop));
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
                let kind = self.kinds.get(place).copied().unwrap_or(Kind::Real);
                values.push(kind.number(value).map_err(|wanted| {
                    let feature = self.feature(place);
                    ServeError::Input(format!("{feature}, row {number}: expected {wanted}, found {value}"))
                })?);
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

/// Whether nobody waits for a prediction any more: its thread is to end soon, since it counts for no limit.
#[derive(Default)]
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn predict(predictor: &dyn Predictor, table: &[Vec<f64>], given_up: &AtomicBool) -> Answer {
    let real = |number: f64| Number::from_f64(number).map_or(Value::Null, Value::Number);
    let one = |(number, row): (usize, &Vec<f64>)| {
        if given_up.load(Relaxed) {
            return Err(ServeError::Model("nobody waits for it any more".to_owned()));
        }
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

    fn predict<'a>(
        &'a self,
        rows: &'a Rows,
        _params: &'a Value,
        deadline: Deadline,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(self.ask(rows, deadline))
    }
}

#[cfg(test)]
mod tests {
    use super::{BoosterModel, Kind, Predictor, column};
    use crate::engine::{Deadline, Description};
    use crate::{Rows, ServeError};
    use serde_json::{Value, json};
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn columns_take_what_mlflow_takes() {
        for (kind, value, taken) in [
            ("double", Value::Null, true),
            ("float", json!(1.5), true),
            ("long", json!(3_000_000_000_u32), true),
            ("long", Value::Null, false),
            ("integer", json!(-2_147_483_648_i64), true),
            ("integer", json!(2_147_483_648_u32), false),
            ("integer", Value::Null, false),
            ("boolean", json!(true), true),
            ("boolean", Value::Null, false),
            ("double", json!("1"), false),
        ] {
            let kind = Kind::of(&crate::ColumnSpec { kind: kind.to_owned(), ..column("x") });
            assert_eq!(kind.number(&value).is_ok(), taken, "{kind:?} {value}");
        }
    }

    struct Wide;

    impl Predictor for Wide {
        fn cost(&self) -> usize {
            1
        }

        fn predict(&self, row: &[f64]) -> Result<Vec<f64>, String> {
            Ok(vec![row.first().copied().unwrap_or_default(); 10_000])
        }
    }

    #[tokio::test]
    async fn predictions_are_bounded_as_inputs_are() {
        let description = Description { platform: "test", inputs: None, outputs: None };
        let predictor = Arc::new(Wide);
        let model = BoosterModel { predictor, width: 1, outputs: 10_000, kinds: Vec::new(), description };
        let ask = async |rows: usize| {
            let rows = Rows { columns: None, data: vec![vec![json!(1)]; rows] };
            model.ask(&rows, Deadline::after(Duration::from_secs(20))).await
        };
        assert_eq!(ask(400).await.unwrap().len(), 400);
        let refused = ask(401).await.unwrap_err();
        assert!(
            matches!(&refused, ServeError::TooLarge(text) if text.contains("10000 predictions")),
            "{refused}"
        );
    }
}
