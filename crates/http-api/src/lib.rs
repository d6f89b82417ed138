//! HTTP faces: MLflow REST, inference, native API and the web UI.
