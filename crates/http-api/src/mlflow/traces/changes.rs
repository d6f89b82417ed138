//! Tags, links and deletion.

use super::reading::Answer;
use crate::mlflow::ApiError;
use crate::mlflow::request::{Call, Within};
use crate::mlflow::wire::Void;
use axum::Json;
use axum::extract::Path;
use mainspring_domain::Timestamp;
use mainspring_metadata_store::traits::TraceSelection;
use mainspring_tracking::experiments::parse_id;
use mainspring_tracking::traces::info;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Deleted {
    traces_deleted: usize,
}

pub(super) async fn set_tag(Within(state): Within, Path(id): Path<String>, call: Call) -> Answer<Void> {
    let tag = call.params.pair()?;
    state.write(call.actor, move |tx| info::set_tag(tx, &id, &tag.key, tag.value)).await?;
    Ok(Json(Void {}))
}

pub(super) async fn delete_tag(Within(state): Within, Path(id): Path<String>, call: Call) -> Answer<Void> {
    let key = call.params.required("key")?;
    state.write(call.actor, move |tx| info::delete_tag(tx, &id, &key)).await?;
    Ok(Json(Void {}))
}

pub(super) async fn delete(Within(state): Within, call: Call) -> Answer<Deleted> {
    let params = &call.params;
    let experiment = parse_id(&params.required("experiment_id")?)?;
    let until = params.integer("max_timestamp_millis")?;
    let most = params.integer("max_traces")?;
    let ids = params.texts("request_ids")?;
    let selection = match (until, ids.is_empty()) {
        (Some(_), false) => {
            return Err(ApiError::invalid(
                "Only one of `max_timestamp_millis` and `trace_ids` can be specified.",
            ));
        }
        (None, false) if most.is_some() => {
            return Err(ApiError::invalid("`max_traces` can't be specified if `trace_ids` is specified."));
        }
        (None, _) => TraceSelection::Ids(ids),
        (Some(time), true) => {
            let most = most.map(|most| match usize::try_from(most) {
                Ok(most) if most > 0 => Ok(most),
                _ => Err(ApiError::invalid(format!(
                    "`max_traces` must be a positive integer, received {most}."
                ))),
            });
            TraceSelection::Until { time: Timestamp::from_millis(time), most: most.transpose()? }
        }
    };
    let traces_deleted = state.write(call.actor, move |tx| info::delete(tx, experiment, &selection)).await?;
    Ok(Json(Deleted { traces_deleted }))
}

pub(super) async fn link_to_run(Within(state): Within, call: Call) -> Answer<Void> {
    let (ids, run) = (call.params.texts("trace_ids")?, call.params.required("run_id")?);
    if ids.is_empty() {
        return Err(call.params.missing("trace_ids"));
    }
    state.write(call.actor, move |tx| info::link_to_run(tx, &run, &ids)).await?;
    Ok(Json(Void {}))
}

pub(super) async fn link_prompts(Within(state): Within, call: Call) -> Answer<Void> {
    let id = call.params.required("trace_id")?;
    let prompts = call.params.objects("prompt_versions")?;
    if prompts.is_empty() {
        return Err(call.params.missing("prompt_versions"));
    }
    let mut versions = Vec::new();
    for prompt in &prompts {
        let version = prompt.integer("version")?.ok_or_else(|| prompt.missing("version"))?;
        let number = u64::try_from(version).map_err(|_| prompt.wrong("version", &version.into()))?;
        versions.push((prompt.required("name")?, number));
    }
    state.write(call.actor, move |tx| info::link_prompts(tx, &id, &versions)).await?;
    Ok(Json(Void {}))
}
