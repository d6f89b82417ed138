//! What runs log: `runs/log-*`, `runs/outputs` and `metrics/*`.

use super::request::{Call, Params, Unread, Within};
use super::wire::{MetricWire, OwnedMetricWire, Void};
use super::{AllWorkspaces, ApiError, batch, page_token};
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Json, Router};
use mainspring_domain::Timestamp;
use mainspring_domain::tracking::{DatasetInput, Metric, ModelOutput};
use mainspring_tracking::TrackingError;
use mainspring_tracking::logging::{self, Batch, LoggedMetric};
use serde::Serialize;
use serde_json::json;

type Answer<T> = Result<Json<T>, ApiError>;

/// A batch may be this long.
const BATCH_LIMIT: usize = 1_000_000;
/// Points in one answer of a history.
const HISTORY_PAGE: usize = 25_000;
/// Runs in one request for many histories.
const BULK_RUNS: usize = 100;
/// Points of one run in a sample, unless told and at most.
const SAMPLE: (usize, usize) = (320, 2500);

pub(super) fn routes() -> Router<AllWorkspaces> {
    Router::new()
        .route("/runs/log-metric", post(log_metric))
        .route("/runs/log-parameter", post(log_param))
        .route("/runs/log-batch", post(log_batch).layer(DefaultBodyLimit::max(BATCH_LIMIT)))
        .route("/runs/log-model", post(log_model))
        .route("/runs/log-inputs", post(log_inputs))
        .route("/runs/outputs", post(log_outputs))
        .route("/metrics/get-history", get(history))
        .route("/metrics/get-history-bulk", get(history_bulk))
        .route("/metrics/get-history-bulk-interval", get(history_bulk_interval))
}

fn metric(params: &Params) -> Result<LoggedMetric, ApiError> {
    let key = params.required("key")?;
    let value = params.number("value")?.ok_or_else(|| params.missing("value"))?;
    let timestamp = params.integer("timestamp")?.ok_or_else(|| params.missing("timestamp"))?;
    let step = params.integer("step")?.unwrap_or(0);
    Ok(LoggedMetric {
        metric: Metric { key, value, timestamp: Timestamp::from_millis(timestamp), step },
        model_id: params.text("model_id")?,
        dataset_name: params.text("dataset_name")?,
        dataset_digest: params.text("dataset_digest")?,
    })
}

async fn log_metric(Within(state): Within, call: Call) -> Answer<Void> {
    let (run, metric) = (call.params.run_id()?, metric(&call.params)?);
    state.write(call.actor, move |tx| logging::log_metric(tx, &run, metric)).await?;
    Ok(Json(Void {}))
}

async fn log_param(Within(state): Within, call: Call) -> Answer<Void> {
    let (run, param) = (call.params.run_id()?, call.params.pair()?);
    state.write(call.actor, move |tx| logging::log_param(tx, &run, param)).await?;
    Ok(Json(Void {}))
}

fn whole_batch(mut params: Params) -> Result<(String, Batch), ApiError> {
    let run = params.required("run_id")?;
    let batch = Batch {
        metrics: params.take_objects("metrics")?.iter().map(metric).collect::<Result<_, _>>()?,
        params: params.pairs("params")?,
        tags: params.pairs("tags")?,
    };
    Ok((run, batch))
}

async fn log_batch(Within(state): Within, call: Unread) -> Answer<Void> {
    let (run, batch) = batch::read(&call.body).map_or_else(|| whole_batch(call.params()?), Ok)?;
    state.write(call.actor, move |tx| logging::log_batch(tx, &run, batch)).await?;
    Ok(Json(Void {}))
}

async fn log_model(Within(state): Within, call: Call) -> Answer<Void> {
    let (run, model) = (call.params.required("run_id")?, call.params.required("model_json")?);
    state.write(call.actor, move |tx| logging::log_model(tx, &run, &model)).await?;
    Ok(Json(Void {}))
}

fn dataset(params: &Params) -> Result<DatasetInput, ApiError> {
    let dataset = params.object("dataset")?.ok_or_else(|| params.missing("dataset"))?;
    Ok(DatasetInput {
        name: dataset.required("name")?,
        digest: dataset.required("digest")?,
        source_type: dataset.required("source_type")?,
        source: dataset.required("source")?,
        schema: dataset.text("schema")?,
        profile: dataset.text("profile")?,
        tags: params.pairs("tags")?,
    })
}

fn model_ids(params: &Params) -> Result<Vec<String>, ApiError> {
    params.objects("models")?.iter().map(|model| model.required("model_id")).collect()
}

async fn log_inputs(Within(state): Within, call: Call) -> Answer<Void> {
    let run = call.params.required("run_id")?;
    let datasets: Vec<_> = call.params.objects("datasets")?.iter().map(dataset).collect::<Result<_, _>>()?;
    let models = model_ids(&call.params)?;
    state.write(call.actor, move |tx| logging::log_inputs(tx, &run, &datasets, &models)).await?;
    Ok(Json(Void {}))
}

async fn log_outputs(Within(state): Within, call: Call) -> Answer<Void> {
    let run = call.params.required("run_id")?;
    let output = |model: &Params| -> Result<ModelOutput, ApiError> {
        Ok(ModelOutput { model_id: model.required("model_id")?, step: model.integer("step")?.unwrap_or(0) })
    };
    let outputs: Vec<_> = call.params.objects("models")?.iter().map(output).collect::<Result<_, _>>()?;
    if outputs.is_empty() {
        return Err(call.params.missing("models"));
    }
    state.write(call.actor, move |tx| logging::log_outputs(tx, &run, &outputs)).await?;
    Ok(Json(Void {}))
}

#[derive(Serialize)]
struct History {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<MetricWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

async fn history(Within(state): Within, call: Call) -> Answer<History> {
    let (run, key) = (call.params.run_id()?, call.params.required("metric_key")?);
    let offset = page_token::offset(&call.params)?;
    // Clients that ask for no number expect everything at once.
    let limit = match call.params.integer("max_results")? {
        None => usize::MAX,
        Some(wanted) => usize::try_from(wanted)
            .ok()
            .filter(|wanted| *wanted > 0)
            .ok_or_else(|| call.params.wrong("max_results", &json!(wanted)))?
            .min(HISTORY_PAGE),
    };
    let (points, more) = state.read(move |tx| logging::metric_history(tx, &run, &key, limit, offset)).await?;
    let next_page_token = more.then(|| page_token::encode(offset + points.len()));
    Ok(Json(History { metrics: points.into_iter().map(Into::into).collect(), next_page_token }))
}

#[derive(Serialize)]
struct Histories {
    metrics: Vec<OwnedMetricWire>,
}

async fn history_bulk(Within(state): Within, call: Call) -> Answer<Histories> {
    let mut ids = call.params.texts("run_id")?;
    ids.extend(call.params.texts("run_ids")?);
    if ids.is_empty() {
        return Err(ApiError::invalid("GetMetricHistoryBulk request must specify at least one run_id."));
    }
    if ids.len() > BULK_RUNS {
        return Err(ApiError::invalid(format!(
            "GetMetricHistoryBulk request cannot specify more than {BULK_RUNS} run_ids. Received {} run_ids.",
            ids.len()
        )));
    }
    let Some(key) = call.params.text("metric_key")? else {
        return Err(ApiError::invalid("GetMetricHistoryBulk request must specify a metric_key."));
    };
    let limit = call.params.max_results(HISTORY_PAGE, HISTORY_PAGE)?;
    ids.sort();
    let metrics = state
        .read(move |tx| {
            let mut metrics = Vec::new();
            for id in ids {
                let (points, _) = logging::metric_history(tx, &id, &key, limit - metrics.len(), 0)?;
                metrics.extend(points.into_iter().map(|point| OwnedMetricWire::of_run(id.clone(), point)));
                if metrics.len() >= limit {
                    break;
                }
            }
            Ok::<_, TrackingError>(metrics)
        })
        .await?;
    Ok(Json(Histories { metrics }))
}

async fn history_bulk_interval(Within(state): Within, call: Call) -> Answer<Histories> {
    let params = &call.params;
    let ids = params.texts("run_ids")?;
    if ids.is_empty() {
        return Err(params.missing("run_ids"));
    }
    if ids.len() > BULK_RUNS {
        return Err(ApiError::invalid(format!(
            "GetMetricHistoryBulkInterval request must specify at most {BULK_RUNS} run_ids. Received {} \
             run_ids.",
            ids.len()
        )));
    }
    let key = params.required("metric_key")?;
    let (default, most) = SAMPLE;
    let wanted = params.integer("max_results")?.map_or(Ok(default), usize::try_from);
    let points = wanted
        .ok()
        .filter(|wanted| (1..=most).contains(wanted))
        .ok_or_else(|| ApiError::invalid(format!("max_results must be between 1 and {most}.")))?;
    let steps = match (params.integer("start_step")?, params.integer("end_step")?) {
        (Some(start), Some(end)) => Some((start, end)),
        (None, None) => None,
        _ => {
            return Err(ApiError::invalid(
                "If either start step or end step are specified, both must be specified.",
            ));
        }
    };
    let histories = state.read(move |tx| logging::sample_histories(tx, &ids, &key, steps, points)).await?;
    let metrics = histories
        .into_iter()
        .flat_map(|(run, points)| {
            points.into_iter().map(move |point| OwnedMetricWire::of_run(run.clone(), point))
        })
        .collect();
    Ok(Json(Histories { metrics }))
}

#[cfg(test)]
mod tests {
    use super::{batch, whole_batch};
    use crate::mlflow::request::Unread;
    use mainspring_domain::Actor;

    /// Values in JSON of every kind, with the edges of what is taken.
    const VALUES: [&str; 30] = [
        "null",
        "true",
        "0",
        "-0",
        "7",
        "-3",
        "7.0",
        "7.5",
        "1e3",
        "1e999",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "-9223372036854775809",
        r#""""#,
        r#"" ""#,
        r#""a""#,
        r#""7""#,
        r#"" 7 ""#,
        r#""7.5""#,
        r#""NaN""#,
        r#""-Infinity""#,
        r#""\u00e9\n""#,
        r#""\ud800""#,
        "[]",
        r#"["a"]"#,
        "{}",
        r#"[{"key": "k"}]"#,
        r#"[{"key": "k", "value": "v"}, 1]"#,
        "01",
    ];

    /// What each of the two readings makes of a body; both give the same where the first gives something.
    fn plain(body: &str) -> bool {
        let call = Unread { actor: Actor::system("test"), body: body.to_owned().into() };
        let Some(read) = batch::read(&call.body) else { return false };
        let whole = call.params().and_then(whole_batch);
        assert_eq!(whole.map(|whole| format!("{whole:?}")).ok(), Some(format!("{read:?}")), "{body}");
        true
    }

    #[test]
    fn a_plain_batch_is_what_it_is_with_more_care() {
        let point = r#""key": "k", "value": 0.5, "timestamp": 1, "step": 2"#;
        let pair = r#""key": "k", "value": "v""#;
        assert!(plain(&format!(
            r#"{{"run_id": "r", "metrics": [{{{point}, "model_id": "m", "dataset_name": "d"}}, {{{point}}}],
                 "params": [{{{pair}}}], "tags": [{{{pair}}}, {{"key": "only"}}]}}"#
        )));
        assert!(!plain("") && !plain("null") && !plain("[]") && !plain(r#""{\"run_id\": \"r\"}""#));
        let fields =
            ["key", "value", "timestamp", "step", "model_id", "dataset_name", "dataset_digest", "other"];
        let lists = ["run_id", "metrics", "params", "tags", "run_uuid"];
        let mut read = 0;
        for value in VALUES {
            for field in fields {
                // Once beside the others, once in the place of one of the same name, before and after it.
                for item in [
                    format!(r#"{{{point}, "{field}": {value}}}"#),
                    format!(r#"{{"{field}": {value}, {point}}}"#),
                    format!(r#"{{"key": "k", "{field}": {value}}}"#),
                ] {
                    for list in ["metrics", "params", "tags"] {
                        read += usize::from(plain(&format!(r#"{{"run_id": "r", "{list}": [{item}]}}"#)));
                    }
                }
            }
            for list in lists {
                read += usize::from(plain(&format!(r#"{{"run_id": "r", "{list}": {value}}}"#)));
                read += usize::from(plain(&format!(r#"{{"{list}": {value}, "run_id": "r"}}"#)));
                read += usize::from(plain(&format!(r#"{{"run_id": "r", "metrics": [{value}]}}"#)));
            }
        }
        assert!(read > 500, "{read}");
    }

    #[test]
    fn a_deep_value_is_refused_by_both() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(plain(&format!(r#"{{"run_id": "r", "other": {}}}"#, deep(100))));
        assert!(!plain(&format!(r#"{{"run_id": "r", "other": {}}}"#, deep(200))));
    }
}
