//! What programs ask and tell that serve the arms of A/B tests themselves: arms of units, merged lists,
//! and events.

use super::{ApiError, Body, NativeState};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use mainspring_automation::ab::{AbTests, Asked, Assignment, MAX_ASSIGNMENTS, MAX_DOCUMENTS, Rankings};
use mainspring_domain::ab::{MAX_METRIC_VALUE, MetricEvent, ShownItem};
use mainspring_domain::{Actor, Timestamp};
use mainspring_metadata_store::StoreError;
use mainspring_stats::assignment::sticky::{Document, Documents, document_name};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashSet};

/// Units of one request.
const MAX_UNITS: usize = 1_000;
/// Events of one request.
const MAX_EVENTS: usize = 10_000;
/// Bytes of names, units, items and ids.
const MAX_TEXT: usize = 250;
/// Attributes of a unit.
const MAX_ATTRIBUTES: usize = 64;
/// Items of a list.
const MAX_ITEMS: usize = 1_000;

#[derive(Deserialize)]
pub(super) struct Unit {
    unit: String,
    #[serde(default)]
    attributes: Map<String, Value>,
    /// As the GrowthBook SDKs have them.
    #[serde(default, rename = "stickyBucketAssignmentDocs")]
    documents: Documents,
}

#[derive(Deserialize)]
pub(super) struct Units {
    units: Vec<Unit>,
}

#[derive(Deserialize)]
pub(super) struct Ranked {
    request: String,
    unit: Option<String>,
    #[serde(default)]
    attributes: Map<String, Value>,
    lists: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
pub(super) struct Events {
    events: Vec<SentEvent>,
}

#[derive(Deserialize)]
struct SentEvent {
    id: String,
    name: String,
    /// Who it happened to; left out only where a request says it.
    unit: Option<String>,
    #[serde(default = "one")]
    value: f64,
    /// RFC 3339; now when left out.
    time: Option<String>,
    /// The request of a merged list.
    request: Option<String>,
    /// The item of that list.
    item: Option<String>,
}

const fn one() -> f64 {
    1.0
}

fn check_text(what: &str, text: &str) -> Result<(), ApiError> {
    if (1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(ApiError::bad(format!("`{what}` has 1 to {MAX_TEXT} bytes and no control characters")))
}

fn check_attributes(attributes: &Map<String, Value>) -> Result<(), ApiError> {
    if attributes.len() > MAX_ATTRIBUTES {
        return Err(ApiError::bad(format!("a unit has at most {MAX_ATTRIBUTES} attributes")));
    }
    attributes.keys().try_for_each(|name| check_text("the name of an attribute", name))
}

/// Documents are bounded, and each stands under its own name.
fn check_documents(documents: &Documents) -> Result<(), ApiError> {
    let fits = |(name, document): (&String, &Document)| {
        *name == document_name(&document.attribute_name, &document.attribute_value)
            && document.assignments.len() <= MAX_ASSIGNMENTS
    };
    if documents.len() <= MAX_DOCUMENTS && documents.iter().all(fits) {
        return Ok(());
    }
    Err(ApiError::bad(format!(
        "`stickyBucketAssignmentDocs` has at most {MAX_DOCUMENTS} documents of at most {MAX_ASSIGNMENTS} \
         assignments, each under `attributeName||attributeValue`"
    )))
}

/// `POST /api/v1/ab/tests/{test}/assign`: the arm of a unit, which counts as exposed.
pub(super) async fn assign(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Path(test): Path<String>,
    Body(asked): Body<Unit>,
) -> Result<Json<Value>, ApiError> {
    let asked = checked(asked)?;
    let assigned = state.store.write(actor, move |tx| AbTests::assign(tx, &test, &asked)).await?;
    Ok(Json(shown(assigned)))
}

/// `POST /api/v1/ab/tests/{test}/assignments`: the arms of units, which count as exposed.
pub(super) async fn assign_all(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Path(test): Path<String>,
    Body(asked): Body<Units>,
) -> Result<Json<Value>, ApiError> {
    if asked.units.len() > MAX_UNITS {
        return Err(ApiError::bad(format!("a request has at most {MAX_UNITS} units"))
            .hint("send the others in another one"));
    }
    let asked = asked.units.into_iter().map(checked).collect::<Result<Vec<Asked>, ApiError>>()?;
    let (asked, assigned) = state
        .store
        .write(actor, move |tx| AbTests::assign_all(tx, &test, &asked).map(|assigned| (asked, assigned)))
        .await?;
    let assignments = asked.into_iter().zip(assigned).map(|(asked, assigned)| {
        let mut answer = shown(assigned);
        answer["unit"] = json!(asked.unit);
        answer
    });
    Ok(Json(json!({ "assignments": assignments.collect::<Vec<Value>>() })))
}

fn checked(asked: Unit) -> Result<Asked, ApiError> {
    check_text("unit", &asked.unit)?;
    check_attributes(&asked.attributes)?;
    check_documents(&asked.documents)?;
    Ok(Asked { unit: asked.unit, attributes: asked.attributes, documents: asked.documents })
}

fn shown(assigned: Assignment) -> Value {
    let (number, name) = assigned.arm.map_or((None, None), |(number, name)| (Some(number), Some(name)));
    let mut answer = json!({
        "in_test": number.is_some(), "phase": assigned.phase, "arm": number, "name": name,
        "version": assigned.version,
    });
    if let Some(documents) = assigned.documents {
        answer["stickyBucketAssignmentDocs"] = json!(documents);
    }
    answer
}

/// `POST /api/v1/ab/tests/{test}/interleave`: the rankings of both arms as one list. The unit counts as
/// exposed.
pub(super) async fn interleave(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Path(test): Path<String>,
    Body(asked): Body<Ranked>,
) -> Result<Json<Value>, ApiError> {
    check_text("request", &asked.request)?;
    asked.unit.iter().try_for_each(|unit| check_text("unit", unit))?;
    check_attributes(&asked.attributes)?;
    for (arm, list) in &asked.lists {
        if list.len() > MAX_ITEMS {
            return Err(ApiError::bad(format!("the list of `{arm}` has more than {MAX_ITEMS} items"))
                .hint("send what may be shown, not all that was ranked"));
        }
        list.iter().try_for_each(|item| check_text("item", item))?;
        let mut seen = HashSet::new();
        if let Some(twice) = list.iter().find(|item| !seen.insert(item.as_str())) {
            return Err(ApiError::bad(format!("the list of `{arm}` names `{twice}` twice")));
        }
    }
    let rankings = Rankings {
        request: asked.request,
        unit: asked.unit,
        attributes: asked.attributes,
        lists: asked.lists.into_iter().collect(),
    };
    let merged = state.store.write(actor, move |tx| AbTests::interleave(tx, &test, &rankings)).await?;
    let list = merged.list.iter().map(|(item, arm)| json!({ "item": item, "arm": arm }));
    Ok(Json(json!({
        "in_test": merged.in_test, "phase": merged.phase, "list": list.collect::<Vec<_>>(),
    })))
}

/// `POST /api/v1/ab/events`: what happened to units. An event whose id is known changes nothing.
pub(super) async fn events(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Body(sent): Body<Events>,
) -> Result<Json<Value>, ApiError> {
    if sent.events.is_empty() || sent.events.len() > MAX_EVENTS {
        return Err(ApiError::bad(format!("send 1 to {MAX_EVENTS} events")));
    }
    let mut events = Vec::with_capacity(sent.events.len());
    for event in sent.events {
        events.push(read(event)?);
    }
    let (added, total) = state
        .store
        .write(actor, move |tx| {
            let now = tx.now();
            let events: Vec<MetricEvent> = events
                .into_iter()
                .map(|(event, time)| MetricEvent { time: time.unwrap_or(now), ..event })
                .collect();
            let (added, total) = (tx.add_metric_events(&events)?, events.len());
            tx.bookkeeping();
            Ok::<_, StoreError>((added, total))
        })
        .await?;
    Ok(Json(json!({ "added": added, "known_before": total - added })))
}

/// An event, and when it happened if that was said.
fn read(sent: SentEvent) -> Result<(MetricEvent, Option<Timestamp>), ApiError> {
    let SentEvent { id, name, unit, value, time, request, item } = sent;
    check_text("id", &id)?;
    check_text("name", &name)?;
    if !value.is_finite() {
        return Err(ApiError::bad(format!("the value of event `{id}` is no finite number")));
    }
    if value.abs() > MAX_METRIC_VALUE {
        return Err(ApiError::bad(format!(
            "the value of event `{id}` is beyond {MAX_METRIC_VALUE:e} in size"
        ))
        .hint("a value so large is a mistake; no variance could be computed with it"));
    }
    let time = match &time {
        None => None,
        Some(text) => Some(
            Timestamp::parse(text)
                .ok_or_else(|| ApiError::bad(format!("`{text}` is not an RFC 3339 time")))?,
        ),
    };
    let about = match (request, item) {
        (None, None) => None,
        (Some(request), Some(item)) => Some(ShownItem { request, item }),
        _ => {
            return Err(ApiError::bad(format!("event `{id}` names only one of `request` and `item`"))
                .hint("an event about an item of a merged list names both, others name neither"));
        }
    };
    if let Some(about) = &about {
        check_text("request", &about.request)?;
        check_text("item", &about.item)?;
    }
    // Whose request it is has been said with its lists.
    let unit = match (unit, &about) {
        (Some(unit), _) => unit,
        (None, Some(about)) => about.request.clone(),
        (None, None) => return Err(ApiError::bad(format!("event `{id}` names no `unit`"))),
    };
    check_text("unit", &unit)?;
    Ok((MetricEvent { id, name, unit, value, time: Timestamp::from_millis(0), about }, time))
}
