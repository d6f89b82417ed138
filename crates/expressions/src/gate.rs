//! Conditions that let something pass, in CEL. What cannot be decided never passes.

use cel::{Context, Env, ExecutionError, Program, Value as CelValue};
use serde_json::{Map, Value};
use std::sync::Arc;
use thiserror::Error;

/// A condition that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct GateError(String);

/// A readable condition.
pub struct Gate {
    env: Arc<Env>,
    program: Program,
}

/// What a condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// It cannot be decided, and why.
    Undecided(String),
}

impl Gate {
    /// Reads a condition.
    ///
    /// # Errors
    /// Says where and what cannot be read.
    pub fn compile(condition: &str) -> Result<Self, GateError> {
        let env = Arc::new(Env::stdlib());
        let program = env.compile(condition).map_err(|error| GateError(error.to_string()))?;
        Ok(Self { env, program })
    }

    /// Evaluates it. Beside CEL's own functions there are those of Argo Rollouts' conditions:
    /// `len`, `isNaN`, `isInf`, `isNil`, `default`, `asFloat` and `asInt`.
    #[must_use]
    pub fn evaluate(&self, variables: &Map<String, Value>) -> Verdict {
        let mut context = Context::with_env(Arc::clone(&self.env));
        for (name, value) in variables {
            if let Err(error) = context.add_variable(name.as_str(), value) {
                return Verdict::Undecided(format!("`{name}`: {error}"));
            }
        }
        let added = context
            .add_function("isNaN", |value: f64| value.is_nan())
            .and_then(|()| context.add_function("isInf", |value: f64| value.is_infinite()))
            .and_then(|()| {
                context.add_function("len", |list: Arc<Vec<CelValue>>| {
                    i64::try_from(list.len()).unwrap_or(i64::MAX)
                })
            })
            .and_then(|()| context.add_function("isNil", |value: CelValue| value == CelValue::Null))
            .and_then(|()| context.add_function("default", or_fallback))
            .and_then(|()| context.add_function("asFloat", as_float))
            .and_then(|()| context.add_function("asInt", as_int));
        if let Err(error) = added {
            return Verdict::Undecided(error.to_string());
        }
        match self.program.execute(&context) {
            Ok(CelValue::Bool(true)) => Verdict::Pass,
            Ok(CelValue::Bool(false)) => Verdict::Fail,
            Ok(other) => Verdict::Undecided(format!("it gives {other:?}, not true or false")),
            Err(error) => Verdict::Undecided(error.to_string()),
        }
    }
}

/// `value`, or `fallback` if it is null.
fn or_fallback(value: CelValue, fallback: CelValue) -> CelValue {
    if value == CelValue::Null { fallback } else { value }
}

/// Argo's `asFloat`: numbers and texts of numbers; anything else is an error.
fn as_float(value: CelValue) -> Result<f64, ExecutionError> {
    let bad = || ExecutionError::function_error("asFloat", "the value is not a number");
    match value {
        CelValue::Float(number) => Ok(number),
        CelValue::Int(number) => Ok(number as f64),
        CelValue::UInt(number) => Ok(number as f64),
        CelValue::String(text) => text.parse().map_err(|_| bad()),
        _ => Err(bad()),
    }
}

/// Argo's `asInt`: whole numbers and texts of them; a fraction is cut off.
fn as_int(value: CelValue) -> Result<i64, ExecutionError> {
    let bad = || ExecutionError::function_error("asInt", "the value is not a number");
    match value {
        CelValue::Int(number) => Ok(number),
        CelValue::UInt(number) => i64::try_from(number).map_err(|_| bad()),
        CelValue::Float(number) if number.is_finite() => Ok(number as i64),
        CelValue::String(text) => text.parse().map_err(|_| bad()),
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Gate, Verdict};
    use serde_json::json;

    fn judge(condition: &str, variables: &serde_json::Value) -> Verdict {
        Gate::compile(condition).unwrap().evaluate(variables.as_object().unwrap())
    }

    #[test]
    fn conditions_pass_and_fail() {
        let variables = json!({ "result": [0.5, 1], "metrics": { "auc": 0.8, "val/loss": 0.1 }, "text": "3", "nothing": null });
        for condition in [
            "result[0] <= 0.5",
            "result.all(x, x > 0.1)",
            "metrics.auc > 0 && metrics['val/loss'] < 0.2",
            "len(result) == 2",
            "asInt(text) == 3",
            "asFloat(result[1]) == 1.0",
            "!isNaN(result[0])",
            "isNil(nothing) && !isNil(text)",
            "default(nothing, 0) < 1 && default(text, '') == '3'",
        ] {
            assert_eq!(judge(condition, &variables), Verdict::Pass, "{condition}");
        }
        assert_eq!(judge("metrics.auc > 0.9", &variables), Verdict::Fail);
    }

    #[test]
    fn what_cannot_be_decided_does_not_pass() {
        let variables = json!({ "result": null, "metrics": {} });
        for condition in ["metrics.auc > 0.9", "result <= 0.5", "missing > 1", "1 + 1", "isNaN(result)"] {
            assert!(matches!(judge(condition, &variables), Verdict::Undecided(_)), "{condition}");
        }
    }

    #[test]
    fn a_bad_condition_is_refused_when_it_is_read() {
        assert!(Gate::compile("result <=").is_err());
        assert!(Gate::compile("").is_err());
        let error = Gate::compile("result <= 1 &&\n  result >>= 2").err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("2:")), "line and column are named");
    }
}
