//! The fields of the root: each is a call of the REST API, sent through the gate in the name of
//! whoever asks, so that a field needs the role that the route needs.

use crate::access::WORKSPACE_HEADER;
use crate::graphql::{Call, GraphqlError, Resolvers};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

/// Bytes of an answer that becomes the value of a field.
const ANSWER_LIMIT: usize = 64 << 20;
/// Headers of a request that say who asks, and in which workspace.
const IDENTITY: [&str; 3] = ["authorization", "host", WORKSPACE_HEADER];

/// A request to GraphQL.
#[derive(Clone)]
pub(super) struct Asked {
    /// The REST API behind its gate.
    pub(super) rest: Router,
    /// The request's headers.
    pub(super) headers: HeaderMap,
}

type Answer = Result<Value, GraphqlError>;

/// The route of a field.
#[derive(Clone, Copy)]
enum Route {
    Get(&'static str),
    Post(&'static str),
}

const ROOTS: [(&str, Route); 8] = [
    ("Query.mlflowGetExperiment", Route::Get("experiments/get")),
    ("Query.mlflowGetRun", Route::Get("runs/get")),
    ("Query.mlflowListArtifacts", Route::Get("artifacts/list")),
    ("Query.mlflowGetMetricHistoryBulkInterval", Route::Get("metrics/get-history-bulk-interval")),
    ("Query.mlflowSearchModelVersions", Route::Get("model-versions/search")),
    ("Query.mlflowSearchRuns", Route::Post("runs/search")),
    ("Mutation.mlflowSearchRuns", Route::Post("runs/search")),
    ("Mutation.mlflowSearchDatasets", Route::Post("experiments/search-datasets")),
];

/// All resolvers. What a message of MLflow does not have, its clients see as its type's zero.
pub(super) fn all() -> Resolvers<Asked> {
    let mut resolvers = Resolvers::with_missing(zero);
    for (field, route) in ROOTS {
        resolvers.add(field, move |call: Call<Asked>| async move {
            send(&call.context, route, &snake(call.input())).await
        });
    }
    for field in ["Query.test", "Mutation.testMutation"] {
        resolvers.add(field, |call: Call<Asked>| async move {
            Ok(json!({ "output": call.arguments.get("inputString") }))
        });
    }
    resolvers.add("MlflowRunExtension.experiment", |call: Call<Asked>| async move {
        let id = json!({ "experiment_id": call.parent["info"]["experimentId"] });
        let answer = send(&call.context, Route::Get("experiments/get"), &id).await?;
        Ok(answer["experiment"].clone())
    });
    resolvers.add("MlflowRunExtension.modelVersions", |call: Call<Asked>| async move {
        let run = call.parent["info"]["runId"].as_str().unwrap_or_default();
        let filter = json!({ "filter": format!("run_id='{run}'") });
        let answer = send(&call.context, Route::Get("model-versions/search"), &filter).await?;
        Ok(answer.get("modelVersions").cloned().unwrap_or_else(|| json!([])))
    });
    for field in ["MlflowMetricExtension.value", "MlflowMetricWithRunId.value", "MlflowModelMetric.value"] {
        // JSON has no NaN and no infinity: they come as texts, which a Float is not.
        resolvers.add(field, |call: Call<Asked>| async move {
            Ok(call.parent.get("value").filter(|value| value.is_number()).cloned().unwrap_or(Value::Null))
        });
    }
    resolvers
}

/// What a field shows when the message lacks it, by the name of its type.
fn zero(type_name: &str, list: bool) -> Value {
    match type_name {
        "ApiError" | "MlflowModelVersionDeploymentJobState" => Value::Null,
        _ if list => json!([]),
        "String" => json!(""),
        "LongString" => json!("0"),
        "Boolean" => json!(false),
        "MlflowRunStatus" => json!("RUNNING"),
        name if name.starts_with("MlflowModelVersion") => Value::Null,
        _ => json!({}),
    }
}

/// Sends a call through the gate; gives its answer in GraphQL's names.
async fn send(asked: &Asked, route: Route, params: &Value) -> Answer {
    let failed = |error: &dyn std::error::Error| GraphqlError(error.to_string());
    let mut request = match route {
        Route::Get(path) => {
            let uri = format!("/ajax-api/2.0/mlflow/{path}?{}", query(params));
            Request::get(uri).body(Body::empty())
        }
        Route::Post(path) => Request::post(format!("/ajax-api/2.0/mlflow/{path}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(params.to_string())),
    }
    .map_err(|error| failed(&error))?;
    for name in IDENTITY {
        if let Some(value) = asked.headers.get(name) {
            request.headers_mut().insert(name, value.clone());
        }
    }
    let Ok(response) = asked.rest.clone().oneshot(request).await;
    let status = response.status();
    let body = to_bytes(response.into_body(), ANSWER_LIMIT).await.map_err(|error| failed(&error))?;
    let body: Value = serde_json::from_slice(&body).map_err(|error| failed(&error))?;
    if status.is_success() {
        return Ok(camel(body));
    }
    let message = body.get("message").and_then(Value::as_str).unwrap_or("the call failed");
    Err(GraphqlError(message.to_owned()))
}

fn query(params: &Value) -> String {
    let mut pairs = Vec::new();
    for (name, value) in params.as_object().into_iter().flatten() {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            pairs.push(format!("{name}={}", utf8_percent_encode(&text, NON_ALPHANUMERIC)));
        }
    }
    pairs.join("&")
}

/// `runIds` gives `run_ids`; what is null is left out.
fn snake(input: Map<String, Value>) -> Value {
    let mut params = Map::new();
    for (name, value) in input.into_iter().filter(|(_, value)| !value.is_null()) {
        let mut snake = String::new();
        for letter in name.chars() {
            if letter.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
        }
        params.insert(snake, value);
    }
    Value::Object(params)
}

/// Members in camel case. All numbers but values of metrics are 64-bit integers, which GraphQL
/// shows as texts.
fn camel(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(camel).collect()),
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| {
                let mut camel_name = String::new();
                for (index, part) in name.split('_').enumerate() {
                    let mut letters = part.chars();
                    match letters.next() {
                        Some(first) if index > 0 => camel_name.push(first.to_ascii_uppercase()),
                        Some(first) => camel_name.push(first),
                        None => {}
                    }
                    camel_name.extend(letters);
                }
                let value = match value {
                    Value::Number(number) if name != "value" => Value::String(number.to_string()),
                    value => camel(value),
                };
                (camel_name, value)
            });
            Value::Object(members.collect())
        }
        value => value,
    }
}
