//! What people want to know of an A/B test besides its decision.

use super::{ApiError, NativeState};
use axum::Json;
use axum::extract::{Path, Query, State};
use mainspring_automation::ab::{AbTests, Differences, GroupEffect, Progress};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(super) struct By {
    by: Option<String>,
}

/// How far one goal has come.
pub(super) fn progress(progress: &Progress) -> Value {
    let reached = &progress.reached;
    json!({
        "metric": progress.metric, "arm": progress.arm, "smallest": progress.smallest,
        "estimate": reached.effect.estimate, "standard_error": reached.effect.standard_error,
        "detectable": reached.detectable, "power": reached.power,
        "chance_to_win": reached.chance_to_win, "risk": reached.risk,
    })
}

/// `GET /api/v1/ab/tests/{test}/segments?by=ATTRIBUTE`: every comparison by an attribute of the units.
/// Without `by` only the attributes that there are.
pub(super) async fn segments(
    State(state): State<NativeState>,
    Path(test): Path<String>,
    Query(asked): Query<By>,
) -> Result<Json<Value>, ApiError> {
    let found = match &asked.by {
        Some(by) => state.ab.segments(&test, by).await?,
        None => Vec::new(),
    };
    let attributes = state.store.read(move |tx| AbTests::attributes(tx, &test)).await?;
    let comparisons: Vec<Value> = found.iter().map(shown).collect();
    Ok(Json(json!({ "attributes": attributes, "by": asked.by, "comparisons": comparisons })))
}

/// `GET /api/v1/ab/tests/{test}/novelty`: every comparison by the time when units came, and whether the
/// effect fades with their age.
pub(super) async fn novelty(
    State(state): State<NativeState>,
    Path(test): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let found = state.ab.novelty(&test).await?;
    Ok(Json(json!({ "comparisons": found.iter().map(shown).collect::<Vec<_>>() })))
}

fn shown(one: &Differences) -> Value {
    let trend = one.trend.map(|trend| {
        json!({
            "slope_per_day": trend.slope, "standard_error": trend.standard_error, "p": trend.p,
            "novelty": trend.novelty,
        })
    });
    json!({
        "metric": one.metric, "role": one.role, "arm": one.arm, "p": one.p, "trend": trend,
        "groups": one.groups.iter().map(group).collect::<Vec<_>>(),
    })
}

fn group(group: &GroupEffect) -> Value {
    let effect = group.effect.ok();
    json!({
        "name": group.name, "first": group.came.0, "last": group.came.1, "units": group.units,
        "estimate": effect.map(|effect| effect.estimate),
        "standard_error": effect.map(|effect| effect.standard_error),
        "undecided": group.effect.err(), "differs": group.differs,
    })
}
