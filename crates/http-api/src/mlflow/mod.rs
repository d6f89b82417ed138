//! The MLflow REST API.
