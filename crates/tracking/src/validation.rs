//! Which names and values are taken.

use crate::{Result, TrackingError};
use mainspring_domain::names;
use mainspring_domain::tracking::{DatasetInput, KeyValue, Metric};
use serde_json::json;
use std::fmt::{self, Display};

const KEY: usize = 250;
const PARAM_VALUE: usize = 6000;
const TAG_VALUE: usize = 8000;
const EXPERIMENT_TAG_VALUE: usize = 20_000;
const EXPERIMENT_NAME: usize = 500;

pub(crate) fn invalid<T>(message: impl Into<String>) -> Result<T> {
    Err(TrackingError::Invalid(message.into()))
}

/// Where something stood in a request.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// It is what the request is about.
    Alone,
    /// In a list of that name, at that index.
    Item(&'static str, usize),
}

/// A field's full name. Written only when a message needs it: a batch has thousands.
fn at(place: Place, field: &'static str) -> impl Display {
    fmt::from_fn(move |f| match place {
        Place::Alone => f.write_str(field),
        Place::Item(list, index) => write!(f, "{list}[{index}].{field}"),
    })
}

fn check_name(parameter: impl Display, name: &str) -> Result<()> {
    names::check(name).or_else(|problem| {
        invalid(format!("Invalid value {} for parameter '{parameter}' supplied: {problem}", json!(name)))
    })
}

pub(crate) fn check_length(what: impl Display, text: &str, limit: usize) -> Result<()> {
    if text.chars().nth(limit).is_none() {
        return Ok(());
    }
    invalid(format!("'{what}' exceeds the maximum length of {limit} characters"))
}

/// Checks one point. An infinity becomes the largest number.
pub(crate) fn metric(mut metric: Metric, place: Place) -> Result<Metric> {
    check_name(at(place, "name"), &metric.key)?;
    if metric.timestamp.as_millis() < 0 {
        return invalid(format!(
            "Invalid value {} for parameter '{}' supplied: metric '{}' (value={}). \
             Timestamp must be a nonnegative long (64-bit integer) ",
            metric.timestamp.as_millis(),
            at(place, "timestamp"),
            metric.key,
            metric.value
        ));
    }
    check_length("Metric name", &metric.key, KEY)?;
    if metric.value.is_infinite() {
        metric.value = f64::MAX.copysign(metric.value);
    }
    Ok(metric)
}

/// Checks a parameter; a value that is too long is cut.
pub(crate) fn param(param: KeyValue, place: Place) -> Result<KeyValue> {
    check_name(at(place, "key"), &param.key)?;
    check_length("Param key", &param.key, KEY)?;
    Ok(KeyValue { key: param.key, value: names::truncate(param.value, PARAM_VALUE) })
}

/// Checks a tag of a run; a value that is too long is cut.
pub(crate) fn tag(tag: KeyValue, place: Place) -> Result<KeyValue> {
    check_name(at(place, "key"), &tag.key)?;
    check_length(at(place, "key"), &tag.key, KEY)?;
    Ok(KeyValue { key: tag.key, value: names::truncate(tag.value, TAG_VALUE) })
}

pub(crate) fn experiment_tag(tag: &KeyValue) -> Result<()> {
    check_name("key", &tag.key)?;
    check_length("key", &tag.key, KEY)?;
    check_length("value", &tag.value, EXPERIMENT_TAG_VALUE)
}

pub(crate) fn experiment_name(name: &str) -> Result<()> {
    if name.is_empty() {
        return invalid("Invalid experiment name: ''");
    }
    check_length("name", name, EXPERIMENT_NAME)
}

pub(crate) fn logged_model_name(name: &str) -> Result<()> {
    if name.is_empty() || name.contains(['/', ':', '.', '%', '"', '\'']) {
        return invalid(format!(
            "Invalid model name ('{name}') provided. Model name must be a non-empty string and cannot \
             contain the following characters: ('/', ':', '.', '%', '\"', \"'\")"
        ));
    }
    Ok(())
}

pub(crate) fn dataset(input: &DatasetInput) -> Result<()> {
    check_length("name", &input.name, 500)?;
    check_length("digest", &input.digest, 36)?;
    check_length("source", &input.source, 65_535)?;
    check_length("schema", input.schema.as_deref().unwrap_or_default(), 1_048_575)?;
    check_length("profile", input.profile.as_deref().unwrap_or_default(), 16_777_215)?;
    for tag in &input.tags {
        check_length("key", &tag.key, 255)?;
        check_length("value", &tag.value, 500)?;
    }
    Ok(())
}

/// How much one request may log.
pub(crate) fn batch(metrics: usize, params: usize, tags: usize) -> Result<()> {
    let limits = [
        ("metrics", 1000, metrics),
        ("params", 100, params),
        ("tags", 100, tags),
        ("metrics, params, and tags", 1000, metrics + params + tags),
    ];
    match limits.into_iter().find(|(_, limit, count)| count > limit) {
        None => Ok(()),
        Some((what, limit, count)) => invalid(format!(
            "A batch logging request can contain at most {limit} {what}. Got {count} {what}. Please split \
             up {what} across multiple requests and try again."
        )),
    }
}

/// A batch gives each parameter once.
pub(crate) fn unique_keys(params: &[KeyValue]) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    let repeated: Vec<String> = params
        .iter()
        .filter(|param| !seen.insert(param.key.as_str()))
        .map(|param| format!("'{}'", param.key))
        .collect();
    if repeated.is_empty() {
        return Ok(());
    }
    invalid(format!(
        "Duplicate parameter keys have been submitted: [{}]. Please ensure the request contains only one \
         param value per param key.",
        repeated.join(", ")
    ))
}
