//! What the server keeps from those it starts.

/// Variables of the server's environment that hold the way to its database or a key of its own, or say where its
/// own spans go. Tasks and models are the users' code: they must reach the database through the API alone, and
/// send traces of theirs where they are told to.
pub const VARIABLES: [&str; 10] = [
    "MAINSPRING_BACKEND_STORE_URI",
    "MLFLOW_BACKEND_STORE_URI",
    "MLFLOW_READ_REPLICA_BACKEND_STORE_URI",
    "MLFLOW_REGISTRY_STORE_URI",
    "MLFLOW_WORKSPACE_STORE_URI",
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
];
