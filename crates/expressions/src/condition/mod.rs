//! Conditions over a measured `result`, in the expression language that Argo Rollouts uses
//! (expr-lang, <https://expr-lang.org/docs/language-definition>): the part of it without variables,
//! dates and bit operations. What cannot be decided is an error, never a verdict.

mod evaluate;
mod functions;
mod lexer;
mod parser;
mod value;

pub use value::Value;

use thiserror::Error;

/// Bytes that a condition may have.
const MAX_LENGTH: usize = 4096;

/// A condition that cannot be read, or a result it cannot be asked of.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ConditionError(pub(crate) String);

impl ConditionError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// A readable condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    root: parser::Expression,
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// Says what cannot be read, and at which character.
    pub fn compile(text: &str) -> Result<Self, ConditionError> {
        if text.len() > MAX_LENGTH {
            return Err(ConditionError::new(format!("a condition has at most {MAX_LENGTH} bytes")));
        }
        Ok(Self { root: parser::parse(&lexer::tokens(text)?)? })
    }

    /// Whether the condition holds for a measured result.
    ///
    /// # Errors
    /// When it cannot be decided: missing elements, wrong types, or an answer that is not a boolean.
    pub fn holds(&self, result: &Value) -> Result<bool, ConditionError> {
        match evaluate::evaluate(&self.root, result)? {
            Value::Bool(holds) => Ok(holds),
            other => Err(ConditionError::new(format!("expected bool, but got {}", other.kind()))),
        }
    }
}

#[cfg(test)]
mod tests;
