//! What the server keeps from those it starts.

/// Variables of the server's environment that hold the way to its database. Tasks and models are
/// the users' code, and must reach it through the API alone.
pub const VARIABLES: [&str; 2] = ["MAINSPRING_BACKEND_STORE_URI", "MLFLOW_BACKEND_STORE_URI"];
