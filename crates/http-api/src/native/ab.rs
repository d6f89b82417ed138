//! A/B tests: their life, decisions, and the planner.

use super::{ApiError, Body, MaybeBody, NativeState, ab_insight};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use mainspring_automation::AutomationError;
use mainspring_automation::ab::{AbTests, decided, progress, spec_of};
use mainspring_domain::Actor;
use mainspring_domain::ab::{AbDecision, AbTest};
use mainspring_metadata_store::StoreError;
use mainspring_stats::error::Undecided;
use mainspring_stats::fixed::power::{plan, sample_size_paired, sample_size_proportions};
use serde::Deserialize;
use serde_json::{Value, json};

/// Decisions of one answer.
const MAX_DECISIONS: u32 = 1_000;
/// Looks of a chart: more than it has pixels for.
const MAX_LOOKS: u32 = 500;

#[derive(Deserialize)]
pub(super) struct Described {
    spec: String,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize, Default)]
pub(super) struct Reason {
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Window {
    limit: Option<u32>,
}

fn shown(test: &AbTest) -> Value {
    json!({
        "id": test.id, "name": test.name, "model": test.model, "status": test.status, "phase": test.phase,
        "created_by": test.created_by, "created": test.created, "started": test.started, "ended": test.ended,
        "outcome": test.outcome, "rollout": test.rollout,
    })
}

/// `GET /api/v1/ab/tests`: the newest tests.
pub(super) async fn list(State(state): State<NativeState>) -> Result<Json<Value>, ApiError> {
    let tests = state.store.read(|tx| tx.ab_tests(200)).await.map_err(|error: StoreError| error)?;
    Ok(Json(json!({ "tests": tests.iter().map(shown).collect::<Vec<_>>() })))
}

/// `POST /api/v1/ab/tests`: describes a test by its file.
pub(super) async fn create(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Body(described): Body<Described>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let (tests, by) = (state.ab.clone(), actor.clone());
    let test = state.store.write(actor, move |tx| tests.create(tx, described.spec, &by)).await?;
    Ok((StatusCode::CREATED, Json(shown(&test))))
}

/// `GET /api/v1/ab/tests/{test}`: a test with its phases, arms and newest decision, and why it cannot be
/// looked at.
pub(super) async fn one_test(
    State(state): State<NativeState>,
    Path(test): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let tests = state.ab.clone();
    let answer = state
        .store
        .read(move |tx| {
            let found = tx.ab_test(&test)?.ok_or_else(|| AutomationError::NoAbTest(test.clone()))?;
            let phases = tx.ab_phases(&found.id)?;
            let last = phases.last();
            let spec = last.map(spec_of).transpose()?;
            let decision = tx.ab_decisions(&found.id, 1)?.pop();
            let phases = phases.iter().map(
                |phase| json!({ "number": phase.number, "started": phase.started, "reason": phase.reason }),
            );
            let mut answer = shown(&found);
            answer["phases"] = phases.collect();
            answer["spec"] = json!(last.map(|phase| &phase.spec_text));
            answer["hypothesis"] = json!(spec.as_ref().map(|spec| &spec.hypothesis));
            answer["mode"] = json!(spec.as_ref().map(|spec| spec.mode.as_str()));
            answer["strata"] = json!(spec.as_ref().and_then(|spec| spec.strata.as_ref()));
            answer["arms"] = spec
                .iter()
                .flat_map(|spec| &spec.arms)
                .map(|arm| json!({ "name": arm.name, "version": arm.version, "weight": arm.weight }))
                .collect();
            let of_phase = decision.as_ref().filter(|decision| decision.phase == found.phase);
            answer["progress"] = of_phase
                .zip(spec.as_ref())
                .map(|(decision, spec)| progress(decision, spec))
                .unwrap_or_default()
                .iter()
                .map(ab_insight::progress)
                .collect();
            answer["decision"] = decision.as_ref().map_or(Value::Null, decision_shown);
            answer["look_failed"] = tests.look_failed(&found).map_or(
                Value::Null,
                |failure| json!({ "message": failure.message, "hint": failure.hint, "time": failure.time }),
            );
            Ok::<_, AutomationError>(answer)
        })
        .await?;
    Ok(Json(answer))
}

fn decision_shown(decision: &AbDecision) -> Value {
    json!({
        "number": decision.number, "phase": decision.phase, "time": decision.time,
        "decision": decision.decision,
    })
}

/// `POST /api/v1/ab/tests/{test}/do/{verb}`: `start`, `stop`, `decide`.
pub(super) async fn command(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Path((test, verb)): Path<(String, String)>,
    MaybeBody(body): MaybeBody<Reason>,
) -> Result<Json<Value>, ApiError> {
    let reason = body.and_then(|body| body.reason);
    match verb.as_str() {
        "start" => {
            let test = state.store.write(actor, move |tx| AbTests::start(tx, &test)).await?;
            Ok(Json(shown(&test)))
        }
        "stop" => {
            let reason = reason.unwrap_or_else(|| format!("asked for by {actor}"));
            let test = state.store.write(actor, move |tx| AbTests::stop(tx, &test, &reason)).await?;
            Ok(Json(shown(&test)))
        }
        "decide" => {
            let decision = state.ab.look(&test).await?;
            Ok(Json(decision_shown(&decision)))
        }
        other => Err(ApiError::not_found(format!("a test cannot be told to `{other}`"))
            .hint("use start, stop or decide")),
    }
}

/// `PUT /api/v1/ab/tests/{test}`: another description; a new phase when results must not be mixed.
pub(super) async fn revise(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Path(test): Path<String>,
    Body(described): Body<Described>,
) -> Result<Json<Value>, ApiError> {
    let reason = described.reason.unwrap_or_else(|| format!("asked for by {actor}"));
    let tests = state.ab.clone();
    let revised =
        state.store.write(actor, move |tx| tests.revise(tx, &test, described.spec, &reason)).await?;
    let (test, changed) = revised;
    let mut answer = shown(&test);
    answer["new_phase_because"] = json!(changed);
    Ok(Json(answer))
}

/// `GET /api/v1/ab/tests/{test}/decisions`: the decisions, newest first.
pub(super) async fn decisions(
    State(state): State<NativeState>,
    Path(test): Path<String>,
    Query(window): Query<Window>,
) -> Result<Json<Value>, ApiError> {
    let limit = window.limit.unwrap_or(100).clamp(1, MAX_DECISIONS);
    let found = state
        .store
        .read(move |tx| {
            let found = tx.ab_test(&test)?.ok_or_else(|| AutomationError::NoAbTest(test.clone()))?;
            Ok::<_, AutomationError>(tx.ab_decisions(&found.id, limit)?)
        })
        .await?;
    Ok(Json(json!({ "decisions": found.iter().map(decision_shown).collect::<Vec<_>>() })))
}

/// `GET /api/v1/ab/tests/{test}/looks`: what the decisions of the present phase say over time, for
/// charts: units, and each comparison's effect with its interval. Of many decisions every second, third
/// and so on, and the newest.
pub(super) async fn looks(
    State(state): State<NativeState>,
    Path(test): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let looks = state
        .store
        .read(move |tx| {
            let found = tx.ab_test(&test)?.ok_or_else(|| AutomationError::NoAbTest(test.clone()))?;
            let mut decisions = tx.ab_course(&found.id, MAX_LOOKS)?;
            decisions.retain(|decision| decision.phase == found.phase);
            Ok::<_, AutomationError>(decisions)
        })
        .await?;
    let looks = looks.iter().filter_map(|look| {
        let decision = decided(look)?;
        Some(json!({
            "number": look.number, "time": look.time, "seconds": decision.snapshot.seconds,
            "units": decision.snapshot.units, "outcome": decision.outcome,
            "srm_log_e": decision.srm_log_e, "comparisons": look.decision["comparisons"],
        }))
    });
    Ok(Json(json!({ "looks": looks.collect::<Vec<_>>() })))
}

/// `GET /api/v1/ab/tests/{test}/decisions/{number}/replay`: whether a decision, made anew from its stored
/// inputs, is the same to the last bit.
pub(super) async fn replay(
    State(state): State<NativeState>,
    Path((test, number)): Path<(String, u32)>,
) -> Result<Json<Value>, ApiError> {
    let same = state.store.read(move |tx| AbTests::replays(tx, &test, number)).await?;
    Ok(Json(json!({ "number": number, "same": same })))
}

/// What the planner is asked.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Question {
    /// A mean, in each arm.
    Mean {
        deviation: f64,
        effect: f64,
        #[serde(flatten)]
        common: Common,
    },
    /// A share of units, in each arm.
    Proportion {
        baseline: f64,
        effect: f64,
        #[serde(flatten)]
        common: Common,
    },
    /// Right answers to the same requests.
    Paired {
        discordance: f64,
        effect: f64,
        #[serde(flatten)]
        common: Common,
    },
}

#[derive(Deserialize)]
pub(super) struct Common {
    #[serde(default = "two")]
    arms: u32,
    #[serde(default = "five_percent")]
    alpha: f64,
    #[serde(default = "four_fifths")]
    power: f64,
    /// Units that come in a day.
    units_per_day: Option<f64>,
}

const fn two() -> u32 {
    2
}

const fn five_percent() -> f64 {
    0.05
}

const fn four_fifths() -> f64 {
    0.8
}

/// Weeks are whole, so that every day of the week counts alike.
const WEEK: f64 = 7.0;

/// `POST /api/v1/ab/plan`: how many units a test takes, and how long it runs.
pub(super) async fn planner(Body(question): Body<Question>) -> Result<Json<Value>, ApiError> {
    let (units, common) = size(&question);
    let (control, candidate, total) = units.map_err(|why| {
        ApiError::bad(format!("cannot plan this: {why}"))
            .hint("the effect is not zero, shares lie between 0 and 1, alpha and power as well")
    })?;
    let days = common.units_per_day.filter(|per_day| *per_day > 0.0 && per_day.is_finite());
    #[expect(clippy::cast_precision_loss, reason = "a number of units")]
    let days = days.map(|per_day| total as f64 / per_day);
    Ok(Json(json!({
        "control": control, "candidate": candidate, "total": total, "alpha": common.alpha, "power": common.power,
        "days": days.map(f64::ceil), "weeks": days.map(|days| (days / WEEK).ceil().max(1.0)),
    })))
}

type Sizes = Result<(u64, u64, u64), Undecided>;

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of units")]
fn size(question: &Question) -> (Sizes, &Common) {
    match question {
        Question::Mean { deviation, effect, common } => {
            let planned = plan(*effect, *deviation, common.arms, 1.0, common.alpha, common.power);
            (planned.map(|plan| (plan.control, plan.candidate, plan.total)), common)
        }
        Question::Proportion { baseline, effect, common } => {
            let candidates = common.arms.saturating_sub(1).max(1);
            let alpha = common.alpha / f64::from(candidates);
            let each = sample_size_proportions(*baseline, baseline + effect, alpha, common.power);
            let sizes = each.map(|each| {
                let each = each.ceil() as u64;
                (each, each, each.saturating_mul(u64::from(candidates) + 1))
            });
            (sizes, common)
        }
        Question::Paired { discordance, effect, common } => {
            let candidates = common.arms.saturating_sub(1).max(1);
            let alpha = common.alpha / f64::from(candidates);
            let pairs = sample_size_paired(*effect, *discordance, alpha, common.power);
            (pairs.map(|pairs| pairs.ceil() as u64).map(|pairs| (pairs, pairs, pairs)), common)
        }
    }
}
