//! `traces/{id}/assessments`

use super::reading::Answer;
use super::starting::time;
use super::wire::AssessmentWire;
use crate::mlflow::ApiError;
use crate::mlflow::request::{Call, Params, Within};
use crate::mlflow::wire::Void;
use axum::Json;
use axum::extract::Path;
use mainspring_domain::traces::{Assessment, AssessmentError, AssessmentSource, Judgement};
use mainspring_tracking::traces::assessments::{self, Change};
use serde::Serialize;
use serde_json::{Number, Value};
use std::collections::BTreeMap;

#[derive(Debug, Serialize)]
pub(super) struct One {
    assessment: AssessmentWire,
}

/// The name of a kind of source in the wire format.
pub(super) const fn source_name(source: AssessmentSource) -> &'static str {
    match source {
        AssessmentSource::Unspecified => "SOURCE_TYPE_UNSPECIFIED",
        AssessmentSource::Human => "HUMAN",
        AssessmentSource::LlmJudge => "LLM_JUDGE",
        AssessmentSource::Code => "CODE",
    }
}

/// The kinds of sources by their numbers in the wire format.
const SOURCES: [AssessmentSource; 4] = [
    AssessmentSource::Unspecified,
    AssessmentSource::Human,
    AssessmentSource::LlmJudge,
    AssessmentSource::Code,
];

fn source(params: &Params) -> Result<AssessmentSource, ApiError> {
    let given = params.any("source_type");
    let found = match &given {
        Value::Null => Some(AssessmentSource::Unspecified),
        Value::Number(number) => {
            number.as_u64().and_then(|number| SOURCES.get(usize::try_from(number).ok()?).copied())
        }
        Value::String(text) => SOURCES.into_iter().find(|source| source_name(*source) == text),
        _ => None,
    };
    found.ok_or_else(|| params.wrong("source_type", &given))
}

/// A value with all numbers as floating-point ones, as the wire format has them.
fn floating(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            number.as_f64().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
        }
        Value::Array(items) => items.into_iter().map(floating).collect(),
        Value::Object(members) => members.into_iter().map(|(key, value)| (key, floating(value))).collect(),
        other => other,
    }
}

/// What an assessment says, when it says anything.
fn judgement(params: &Params) -> Result<Option<Judgement>, ApiError> {
    if let Some(feedback) = params.object("feedback")? {
        // The error once stood beside the feedback.
        let error = match feedback.object("error")? {
            Some(error) => Some(error),
            None => params.object("error")?,
        };
        let error = match error {
            None => None,
            Some(error) => Some(AssessmentError {
                code: error.any_text("error_code")?.unwrap_or_default(),
                message: error.text("error_message")?,
                stack_trace: error.text("stack_trace")?,
            }),
        };
        return Ok(Some(Judgement::Feedback { value: floating(feedback.any("value")), error }));
    }
    if let Some(expectation) = params.object("expectation")? {
        let Some(serialized) = expectation.object("serialized_value")? else {
            return Ok(Some(Judgement::Expectation { value: floating(expectation.any("value")) }));
        };
        let format = serialized.any_text("serialization_format")?.unwrap_or_default();
        if format != "JSON_FORMAT" {
            return Err(ApiError::invalid(format!(
                "Unknown serialization format: {format}. Only JSON_FORMAT is supported."
            )));
        }
        let text = serialized.required("value")?;
        let value = serde_json::from_str(&text).map_err(|_| serialized.wrong("value", &text.into()))?;
        return Ok(Some(Judgement::Expectation { value }));
    }
    Ok(match params.object("issue")? {
        Some(issue) => Some(Judgement::Issue { name: issue.text("issue_name")? }),
        None => None,
    })
}

fn metadata(params: &Params) -> Result<BTreeMap<String, String>, ApiError> {
    Ok(params.map("metadata")?.into_iter().map(|pair| (pair.key, pair.value)).collect())
}

/// Reads an assessment. What only the server knows is empty.
pub(super) fn assessment(params: &Params) -> Result<Assessment, ApiError> {
    let by = params.object("source")?;
    let judgement = judgement(params)?.ok_or_else(|| ApiError::invalid("Unknown assessment type: None"))?;
    Ok(Assessment {
        id: params.text("assessment_id")?.unwrap_or_default(),
        trace: String::new(),
        name: params.required("assessment_name")?,
        judgement,
        source: by.as_ref().map_or(Ok(AssessmentSource::Unspecified), source)?,
        source_id: by.map_or(Ok(None), |by| by.text("source_id"))?,
        created: time(params, "create_time")?,
        updated: time(params, "last_update_time")?,
        rationale: params.text("rationale")?,
        metadata: metadata(params)?,
        span: params.text("span_id")?,
        overrides: params.text("overrides")?,
        valid: params.flag("valid")?.unwrap_or(true),
    })
}

fn given(params: &Params) -> Result<Params, ApiError> {
    params.object("assessment")?.ok_or_else(|| params.missing("assessment"))
}

pub(super) async fn create(Within(state): Within, Path(trace): Path<String>, call: Call) -> Answer<One> {
    let new = assessment(&given(&call.params)?)?;
    let made = state.write(call.actor, move |tx| assessments::create(tx, &trace, new)).await?;
    Ok(Json(One { assessment: made.into() }))
}

pub(super) async fn by_id(Within(state): Within, Path((trace, id)): Path<(String, String)>) -> Answer<One> {
    let found = state.read(move |tx| assessments::get(tx, &trace, &id)).await?;
    Ok(Json(One { assessment: found.into() }))
}

/// The fields that a change is about, in the names of the wire format.
fn mask(params: &Params) -> Result<Vec<String>, ApiError> {
    let paths = match params.any("update_mask") {
        Value::Object(_) => match params.object("update_mask")? {
            Some(mask) => mask.texts("paths")?,
            None => Vec::new(),
        },
        _ => params.required("update_mask")?.split(',').map(str::to_owned).collect(),
    };
    Ok(paths.iter().map(|path| snake_case(path.trim())).collect())
}

/// `assessmentName` as `assessment_name`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 1);
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

pub(super) async fn update(
    Within(state): Within,
    Path((trace, id)): Path<(String, String)>,
    call: Call,
) -> Answer<One> {
    let params = given(&call.params)?;
    let mut change = Change::default();
    for field in mask(&call.params)? {
        match field.as_str() {
            "assessment_name" => change.name = Some(params.required("assessment_name")?),
            "feedback" | "expectation" => {
                if change.judgement.is_some() {
                    return Err(ApiError::invalid(
                        "Cannot specify both `expectation` and `feedback` parameters.",
                    ));
                }
                change.judgement = judgement(&params)?;
            }
            "rationale" => change.rationale = Some(params.any_text("rationale")?.unwrap_or_default()),
            "metadata" => change.metadata = metadata(&params)?,
            _ => {}
        }
    }
    let changed = state.write(call.actor, move |tx| assessments::update(tx, &trace, &id, change)).await?;
    Ok(Json(One { assessment: changed.into() }))
}

pub(super) async fn delete(
    Within(state): Within,
    Path((trace, id)): Path<(String, String)>,
    call: Call,
) -> Answer<Void> {
    state.write(call.actor, move |tx| assessments::delete(tx, &trace, &id)).await?;
    Ok(Json(Void {}))
}

#[cfg(test)]
mod tests {
    use super::{floating, snake_case};
    use serde_json::json;

    #[test]
    fn names_and_numbers_take_the_form_of_the_wire() {
        assert_eq!(snake_case("assessmentName"), "assessment_name");
        assert_eq!(snake_case("rationale"), "rationale");
        assert_eq!(floating(json!({ "a": [4, "x"] })).to_string(), r#"{"a":[4.0,"x"]}"#);
    }
}
