//! A model, as far as the battery needs to know it.

/// Something that answers rows with scores. Implemented elsewhere, by a worker process that runs the
/// real model.
pub trait Predictor {
    /// The input columns of the model's signature, in order; empty if it has none.
    fn columns(&self) -> &[String];

    /// One score for each row; `rows` hold the values of `columns`, nulls as JSON null.
    ///
    /// # Errors
    /// [`PredictError`] if the model raises or its process dies.
    fn predict(
        &mut self,
        columns: &[String],
        rows: &[Vec<serde_json::Value>],
    ) -> Result<Vec<f64>, PredictError>;
}

/// Why a model gave no scores.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PredictError(String);

impl PredictError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
