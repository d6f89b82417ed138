//! What the protocol tells of a server and its models.

use super::datatype::Datatype;
use super::failure::Failure;
use super::incoming::Target;
use crate::inference::InferenceState;
use crate::inference::serve::refusal;
use axum::http::StatusCode;
use mainspring_domain::access::{Role, Scope};
use mainspring_domain::delivery::served_model;
use mainspring_governance::access::Principal;
use mainspring_serving::{ColumnSpec, ServeError, ServedVersion};
use serde_json::{Value, json};

/// The extensions of the protocol that are spoken.
pub(crate) const EXTENSIONS: [&str; 6] = [
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "statistics",
    "parameters",
];

/// The loaded version that a path means; without a version, the one in charge, or that of the preview.
///
/// # Errors
/// When nothing of the kind is loaded; with 503 while it is loading.
pub(crate) fn loaded(state: &InferenceState, target: &Target) -> Result<ServedVersion, Failure> {
    state.gateway.find(&target.model, target.version).map_err(|error| match error {
        ServeError::NotDeployed(model) => {
            Failure::new(StatusCode::NOT_FOUND, format!("model `{model}` is not deployed"))
        }
        other => refusal(&other).into(),
    })
}

/// The names of all routes, those of stages included, as far as the caller may see them.
pub(crate) fn visible_routes(state: &InferenceState, principal: &Principal) -> Vec<String> {
    let mut routes = state.gateway.routes();
    routes.retain(|route| may_see(principal, route));
    routes.sort();
    routes
}

/// Whether a caller may see a model, by the name of one of its routes.
pub(crate) fn may_see(principal: &Principal, route: &str) -> bool {
    principal.may(Role::Reader, &Scope::Model(served_model(route).to_owned()))
}

/// Whether a model answers.
///
/// # Errors
/// When it is not loaded.
pub(crate) fn is_ready(state: &InferenceState, target: &Target) -> Result<bool, Failure> {
    Ok(loaded(state, target)?.server.is_ready())
}

/// Whether every deployed model answers.
pub(crate) fn all_ready(state: &InferenceState) -> bool {
    state.gateway.is_ready()
}

/// A model's metadata.
pub(crate) struct Metadata {
    pub(crate) versions: Vec<String>,
    pub(crate) platform: &'static str,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
}

/// An input or output: its name, type and shape.
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) datatype: Datatype,
    pub(crate) shape: Vec<i64>,
}

impl Port {
    fn of(spec: &ColumnSpec, column: &[i64]) -> Self {
        let shape = spec.shape.clone().unwrap_or_else(|| column.to_vec());
        Self { name: spec.name.clone(), datatype: Datatype::of(spec), shape }
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "name": self.name, "datatype": self.datatype.as_str(), "shape": self.shape })
    }
}

pub(crate) fn metadata(state: &InferenceState, target: &Target) -> Result<Metadata, Failure> {
    let found = loaded(state, target)?;
    let description = found.server.description();
    let versions = state.gateway.versions(&target.model);
    let ports = |specs: &Option<Vec<ColumnSpec>>, column: &[i64]| -> Vec<Port> {
        specs.iter().flatten().map(|spec| Port::of(spec, column)).collect()
    };
    Ok(Metadata {
        versions: versions.iter().map(|loaded| loaded.version.to_string()).collect(),
        platform: description.platform,
        inputs: ports(&description.inputs, &[-1, 1]),
        outputs: ports(&description.outputs, &[-1]),
    })
}

impl Metadata {
    pub(crate) fn json(&self, model: &str) -> Value {
        let ports = |ports: &[Port]| -> Vec<Value> { ports.iter().map(Port::json).collect() };
        json!({
            "name": model, "versions": self.versions, "platform": self.platform,
            "inputs": ports(&self.inputs), "outputs": ports(&self.outputs),
        })
    }
}
