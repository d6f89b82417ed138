//! Which role each route needs, and on what.

use axum::http::Method;
use mainspring_domain::access::Role::{self, Admin, Editor, Manager, Reader};

/// Where MLflow's API lies.
const PREFIXES: [&str; 4] = ["/api/2.0/", "/api/3.0/", "/ajax-api/2.0/", "/ajax-api/3.0/"];

/// What a route works on, and so where the role must be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    /// The whole server.
    Server,
    /// The workspace of the request.
    Workspace,
    /// The workspace in the path.
    WorkspacePath,
    /// A list that shows each caller what it may see.
    Visible,
    /// The experiment of `experiment_id`.
    Experiment,
    /// The experiment of `experiment_name`.
    ExperimentName,
    /// Each of `experiment_ids`; the whole server when none is named.
    Experiments,
    /// The experiment of each run in `run_id`, `run_uuid` or `run_ids`.
    Run,
    /// The same, named in the query alone.
    RunQuery,
    /// The experiment of the logged model in the path.
    LoggedModel,
    /// Every experiment of the evaluation data set in the path, and of `experiment_ids`.
    EvaluationDataset,
    /// The experiment of the trace in the path.
    Trace,
    /// The experiment of each trace in `trace_id`, `trace_ids` or `request_id`.
    Traces,
    /// The experiment that a header names.
    ExperimentHeader,
    /// The experiment that the artifact path in the URL begins with.
    Artifact,
    /// The same for the query parameter `path`.
    ArtifactQuery,
    /// The registered model of `name`.
    Model,
    /// The same; what a new version is made from must be readable.
    ModelWithSource,
    /// The registered model in the path.
    ModelPath,
    /// The same, with a verb behind a colon.
    ModelCall,
    /// The model of the rollout in the path.
    RolloutPath,
    /// The experiment of the W&B project in the path.
    ProjectPath,
}

impl On {
    /// Whether the body of a request may name what it works on.
    pub(super) const fn reads_body(self) -> bool {
        matches!(
            self,
            Self::Experiment
                | Self::ExperimentName
                | Self::Experiments
                | Self::EvaluationDataset
                | Self::Run
                | Self::Traces
                | Self::Model
                | Self::ModelWithSource
        )
    }
}

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing: health, files of the web UI that hold no data, and links that carry their own authority.
    Nothing,
    /// A login, where one is asked for at all.
    Login,
    /// A role.
    Role(Role, On),
}

/// Whether calls of the route with this pattern see one workspace. The workspaces themselves, and what the
/// server is, are the same in all of them.
pub(super) fn lies_in_workspace(pattern: &str) -> bool {
    for prefix in PREFIXES {
        if let Some(rest) = pattern.strip_prefix(prefix) {
            let apart = matches!(rest, "mlflow/server-info" | "mlflow-artifacts/signed/{*path}")
                || rest.starts_with("mlflow/workspaces");
            return !apart;
        }
    }
    matches!(pattern, "/get-artifact" | "/model-versions/get-artifact" | "/v1/traces")
}

/// What the route with this pattern needs; none when it is not listed.
pub(super) fn of(method: &Method, pattern: &str) -> Option<Needs> {
    let method = match *method {
        Method::GET | Method::HEAD => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => return Some(Needs::Login),
    };
    for prefix in PREFIXES {
        if let Some(rest) = pattern.strip_prefix(prefix) {
            if matches!((method, rest), ("GET" | "PUT", "mlflow-artifacts/signed/{*path}")) {
                // The link itself says what it allows.
                return Some(Needs::Nothing);
            }
            let role = match rest.strip_prefix("mlflow/") {
                Some(rest) => mlflow(method, rest),
                None => artifacts(method, rest.strip_prefix("mlflow-artifacts/")?),
            };
            return role.map(|(role, on)| Needs::Role(role, on));
        }
    }
    if let Some(rest) = pattern.strip_prefix("/api/v1/") {
        return native(method, rest);
    }
    other(method, pattern)
}

fn mlflow(method: &str, route: &str) -> Option<(Role, On)> {
    Some(match (method, route) {
        ("GET", "server-info") => (Reader, On::Visible),
        ("GET", "workspaces") => (Reader, On::Visible),
        ("GET", "workspaces/{workspace}") => (Reader, On::WorkspacePath),
        ("POST", "workspaces") | ("PATCH" | "DELETE", "workspaces/{workspace}") => (Admin, On::Server),
        ("POST", "experiments/create") => (Editor, On::Workspace),
        ("GET", "experiments/get") => (Reader, On::Experiment),
        ("GET", "experiments/get-by-name") => (Reader, On::ExperimentName),
        ("GET" | "POST", "experiments/search") => (Reader, On::Visible),
        ("POST", "experiments/search-datasets" | "runs/search" | "logged-models/search") => {
            (Reader, On::Experiments)
        }
        (
            "POST",
            "experiments/update" | "experiments/set-experiment-tag" | "experiments/delete-experiment-tag",
        ) => (Editor, On::Experiment),
        ("POST", "experiments/delete" | "experiments/restore") => (Manager, On::Experiment),
        ("POST", "runs/create") | ("POST", "logged-models") => (Editor, On::Experiment),
        ("GET", "runs/get" | "artifacts/list") => (Reader, On::Run),
        ("GET", "metrics/get-history" | "metrics/get-history-bulk" | "metrics/get-history-bulk-interval") => {
            (Reader, On::Run)
        }
        ("POST", "runs/delete" | "runs/restore") => (Manager, On::Run),
        (
            "POST",
            "runs/update" | "runs/set-tag" | "runs/delete-tag" | "runs/log-metric" | "runs/log-parameter"
            | "runs/log-batch" | "runs/log-model" | "runs/log-inputs" | "runs/outputs",
        ) => (Editor, On::Run),
        ("POST", "artifacts/presigned-upload-url") => (Editor, On::Run),
        ("POST", "artifacts/presigned-download-url") => (Reader, On::Run),
        ("POST", "upload-artifact") => (Editor, On::RunQuery),
        (
            "GET",
            "logged-models/{id}"
            | "logged-models/{id}/artifacts/directories"
            | "logged-models/{id}/artifacts/files",
        ) => (Reader, On::LoggedModel),
        ("DELETE", "logged-models/{id}") => (Manager, On::LoggedModel),
        ("PATCH", "logged-models/{id}" | "logged-models/{id}/tags")
        | ("DELETE", "logged-models/{id}/tags/{key}")
        | ("POST", "logged-models/{id}/params") => (Editor, On::LoggedModel),
        // A webhook carries what happens in the whole workspace elsewhere, and its address may be a secret.
        ("GET" | "POST", "webhooks")
        | ("GET" | "PATCH" | "DELETE", "webhooks/{webhook}")
        | ("POST", "webhooks/{webhook}/test") => (Manager, On::Workspace),
        ("POST", "datasets/create") => (Editor, On::Experiments),
        ("GET" | "POST", "datasets/search") => (Reader, On::Visible),
        (
            "GET",
            "datasets/{dataset}" | "datasets/{dataset}/records" | "datasets/{dataset}/experiment-ids",
        ) => (Reader, On::EvaluationDataset),
        ("DELETE", "datasets/{dataset}") => (Manager, On::EvaluationDataset),
        ("PATCH", "datasets/{dataset}/tags")
        | ("DELETE", "datasets/{dataset}/tags/{key}" | "datasets/{dataset}/records")
        | (
            "POST",
            "datasets/{dataset}/records"
            | "datasets/{dataset}/add-experiments"
            | "datasets/{dataset}/remove-experiments",
        ) => (Editor, On::EvaluationDataset),
        ("POST", "traces") => (Editor, On::Experiment),
        ("GET", "traces")
        | ("POST", "traces/search" | "traces/metrics" | "traces/calculate-filter-correlation") => {
            (Reader, On::Experiments)
        }
        ("GET", "traces/get" | "traces/batchGet" | "get-trace-artifact")
        | ("POST", "traces/batchGetInfos") => (Reader, On::Traces),
        ("GET", "traces/{id}" | "traces/{id}/info" | "traces/{id}/assessments/{assessment}") => {
            (Reader, On::Trace)
        }
        ("PATCH", "traces/{id}" | "traces/{id}/tags" | "traces/{id}/assessments/{assessment}")
        | ("POST", "traces/{id}/assessments")
        | ("DELETE", "traces/{id}/tags" | "traces/{id}/assessments/{assessment}") => (Editor, On::Trace),
        ("POST", "traces/delete-traces") => (Manager, On::Experiment),
        ("POST", "traces/link-to-run") => (Editor, On::Run),
        ("POST", "traces/link-prompts") => (Editor, On::Traces),
        ("POST", "registered-models/create") => (Editor, On::Workspace),
        ("GET", "registered-models/search" | "model-versions/search") => (Reader, On::Visible),
        (
            "GET",
            "registered-models/get"
            | "registered-models/get-latest-versions"
            | "registered-models/alias"
            | "model-versions/get"
            | "model-versions/get-download-uri",
        )
        | ("POST", "registered-models/get-latest-versions") => (Reader, On::Model),
        ("POST", "model-versions/create") => (Editor, On::ModelWithSource),
        ("PATCH", "registered-models/update" | "model-versions/update")
        | ("POST", "registered-models/set-tag" | "model-versions/set-tag")
        | ("DELETE", "registered-models/delete-tag" | "model-versions/delete-tag") => (Editor, On::Model),
        (
            "POST",
            "registered-models/rename" | "registered-models/alias" | "model-versions/transition-stage",
        )
        | ("DELETE", "registered-models/delete" | "registered-models/alias" | "model-versions/delete") => {
            (Manager, On::Model)
        }
        _ => return None,
    })
}

fn artifacts(method: &str, route: &str) -> Option<(Role, On)> {
    Some(match (method, route) {
        ("GET", "artifacts") => (Reader, On::ArtifactQuery),
        ("GET", "artifacts/{*path}") => (Reader, On::Artifact),
        ("GET", "presigned/{*path}") => (Reader, On::Artifact),
        ("PUT", "artifacts/{*path}")
        | ("POST", "mpu/create/{*path}" | "mpu/complete/{*path}" | "mpu/abort/{*path}") => {
            (Editor, On::Artifact)
        }
        ("DELETE", "artifacts/{*path}") => (Manager, On::Artifact),
        _ => return None,
    })
}

fn native(method: &str, route: &str) -> Option<Needs> {
    Some(match (method, route) {
        ("GET", "me") => Needs::Login,
        ("GET" | "POST", "gc") => Needs::Role(Admin, On::Server),
        ("GET", "users") | ("POST", "users") | ("DELETE", "users/{name}") => Needs::Role(Admin, On::Server),
        ("POST", "users/{name}/tokens")
        | ("DELETE", "users/{name}/tokens/{id}")
        | ("POST", "users/{name}/roles") => Needs::Role(Admin, On::Server),
        (
            "GET",
            "loop"
            | "events"
            | "dags"
            | "runs"
            | "runs/{run_id}"
            | "runs/{run_id}/tasks/{task_id}/{try_number}/log"
            | "gates"
            | "data/versions"
            | "data/arrivals"
            | "models"
            | "rollouts"
            | "ab/tests"
            | "ab/tests/{test}"
            | "ab/tests/{test}/decisions"
            | "ab/tests/{test}/decisions/{number}/replay"
            | "ab/tests/{test}/looks"
            | "ab/tests/{test}/novelty"
            | "ab/tests/{test}/segments"
            | "monitors/{model}"
            | "audit"
            | "why",
        ) => Needs::Role(Reader, On::Server),
        ("GET", "tracking/experiments") => Needs::Role(Reader, On::Visible),
        ("POST", "tracking/compare") => Needs::Role(Reader, On::Experiments),
        ("GET", "rollouts/{id}" | "rollouts/{id}/shadow") => Needs::Role(Reader, On::RolloutPath),
        ("POST", "dags/import" | "dags/{dag_id}/runs" | "gates" | "data/versions") => {
            Needs::Role(Editor, On::Server)
        }
        ("GET", "deployments/{model}/manifests") => Needs::Role(Reader, On::ModelPath),
        ("POST", "deployments/{model}" | "deployments/{model}/undo") => Needs::Role(Manager, On::ModelPath),
        ("POST", "ab/plan") => Needs::Role(Reader, On::Server),
        (
            "POST",
            "ab/events"
            | "ab/tests/{test}/assign"
            | "ab/tests/{test}/assignments"
            | "ab/tests/{test}/interleave",
        ) => Needs::Role(Editor, On::Server),
        ("POST", "ab/tests" | "ab/tests/{test}/do/{verb}") | ("PUT", "ab/tests/{test}") => {
            Needs::Role(Manager, On::Server)
        }
        ("POST", "rollouts/{id}/{verb}") => Needs::Role(Manager, On::RolloutPath),
        _ => return None,
    })
}

fn other(method: &str, pattern: &str) -> Option<Needs> {
    Some(match (method, pattern) {
        (
            "GET",
            "/health" | "/version" | "/ping" | "/v2" | "/v2/health/live" | "/v2/health/ready"
            | "/favicon.svg" | "/assets/{*path}",
        ) => Needs::Nothing,
        // The signature in the URL is the right to the one file that it names, for a time.
        ("GET" | "PUT", "/wandb/storage/{ticket}") => Needs::Nothing,
        ("POST", "/files/{entity}/{project}/{run}/file_stream") => Needs::Role(Editor, On::ProjectPath),
        // Each field asks for the role on the project that it belongs to.
        ("POST", "/graphql") => Needs::Login,
        ("GET", "/get-artifact") => Needs::Role(Reader, On::RunQuery),
        ("GET", "/model-versions/get-artifact") => Needs::Role(Reader, On::Model),
        ("GET", "/metrics") => Needs::Role(Reader, On::Server),
        ("GET", "/v1/models") => Needs::Role(Reader, On::Visible),
        ("GET", "/v1/models/{model}") | ("POST", "/seldon/{namespace}/{model}/api/v1.0/predictions") => {
            Needs::Role(Reader, On::ModelPath)
        }
        ("POST", "/v1/models/{model}") => Needs::Role(Reader, On::ModelCall),
        ("POST", "/seldon/{namespace}/{model}/api/v1.0/feedback") => Needs::Role(Editor, On::ModelPath),
        ("POST", "/api/v1.0/predictions") => Needs::Role(Reader, On::Server),
        ("POST", "/api/v1.0/feedback") => Needs::Role(Editor, On::Server),
        ("POST", "/invocations") => Needs::Role(Reader, On::Server),
        ("POST", "/v2/repository/index") | ("GET", "/v2/models/stats") => Needs::Role(Reader, On::Visible),
        ("POST", "/v2/repository/models/{model}/load" | "/v2/repository/models/{model}/unload") => {
            Needs::Role(Manager, On::ModelPath)
        }
        ("POST", "/v2/models/{model}/feedback") => Needs::Role(Editor, On::ModelPath),
        (_, pattern) if pattern.starts_with("/v2/models/{model}") => of_model(method, pattern)?,
        (_, pattern) if pattern.starts_with("/v2/") => of_inference_server(method, pattern)?,
        ("POST", pattern) if pattern.starts_with("/inference.GRPCInferenceService/") => {
            match pattern.rsplit('/').next() {
                Some("ServerLive" | "ServerReady" | "ServerMetadata") => Needs::Nothing,
                // The message names the model, so each call asks for the role on it.
                _ => Needs::Login,
            }
        }
        ("POST", "/v1/traces") => Needs::Role(Editor, On::ExperimentHeader),
        // The pages of the web UI: asking for them makes the browser ask for the login.
        (
            "GET",
            "/"
            | "/data"
            | "/pipelines"
            | "/pipelines/{*rest}"
            | "/experiments"
            | "/experiments/{*rest}"
            | "/models"
            | "/models/{*rest}"
            | "/rollouts"
            | "/rollouts/{*rest}"
            | "/ab"
            | "/ab/{*rest}"
            | "/events",
        ) => Needs::Login,
        _ => return None,
    })
}

/// Calls of the Open Inference Protocol on a model or a version of it.
fn of_model(method: &str, pattern: &str) -> Option<Needs> {
    let rest = pattern.strip_prefix("/v2/models/{model}")?;
    let call = rest.strip_prefix("/versions/{version}").unwrap_or(rest);
    Some(match (method, call) {
        ("GET", "" | "/ready" | "/config" | "/stats" | "/trace/setting") | ("POST", "/infer") => {
            Needs::Role(Reader, On::ModelPath)
        }
        ("POST", "/trace/setting") => Needs::Role(Manager, On::ModelPath),
        _ => return None,
    })
}

/// Settings of the server in Triton's words, and its shared memory, of which there is none.
fn of_inference_server(method: &str, pattern: &str) -> Option<Needs> {
    let known = [
        "/v2/trace/setting",
        "/v2/logging",
        "/v2/systemsharedmemory/status",
        "/v2/systemsharedmemory/unregister",
        "/v2/systemsharedmemory/region/{region}/status",
        "/v2/systemsharedmemory/region/{region}/register",
        "/v2/systemsharedmemory/region/{region}/unregister",
        "/v2/cudasharedmemory/status",
        "/v2/cudasharedmemory/unregister",
        "/v2/cudasharedmemory/region/{region}/status",
        "/v2/cudasharedmemory/region/{region}/register",
        "/v2/cudasharedmemory/region/{region}/unregister",
    ];
    match method {
        _ if !known.contains(&pattern) => None,
        "GET" => Some(Needs::Login),
        "POST" => Some(Needs::Role(Manager, On::Server)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Needs, On, of};
    use axum::http::Method;
    use mainspring_domain::access::Role;

    #[test]
    fn a_route_needs_the_same_under_every_prefix_and_an_unknown_one_answers_nobody() {
        for prefix in ["/api/2.0", "/api/3.0", "/ajax-api/2.0", "/ajax-api/3.0"] {
            let needs = of(&Method::POST, &format!("{prefix}/mlflow/runs/log-batch"));
            assert_eq!(needs, Some(Needs::Role(Role::Editor, On::Run)), "{prefix}");
            assert_eq!(of(&Method::POST, &format!("{prefix}/mlflow/runs/new-thing")), None);
            assert_eq!(of(&Method::PATCH, &format!("{prefix}/mlflow/runs/log-batch")), None);
        }
        assert_eq!(of(&Method::GET, "/api/v1/new-thing"), None);
        assert_eq!(of(&Method::HEAD, "/health"), Some(Needs::Nothing));
    }
}
