//! What the server keeps from those it starts.

/// Variables of the server's environment that hold the way to its database or a key of its own. Tasks and models are
/// the users' code, and must reach it through the API alone.
pub const VARIABLES: [&str; 3] =
    ["MAINSPRING_BACKEND_STORE_URI", "MLFLOW_BACKEND_STORE_URI", "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"];
