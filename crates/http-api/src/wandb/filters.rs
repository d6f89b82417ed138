//! Filters and orders of runs, in the form of MongoDB's queries as clients send them.

use crate::graphql::GraphqlError;
use mainspring_domain::Timestamp;
use regex::Regex;
use serde_json::Value;
use std::cmp::Ordering;

/// Conditions within conditions.
const DEPTH: usize = 16;

fn refuse<T>(message: String) -> Result<T, GraphqlError> {
    Err(GraphqlError(message))
}

/// A condition on a run's document.
#[derive(Debug)]
pub(super) enum Filter {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Field(String, Test),
}

/// What must hold of a field.
#[derive(Debug)]
pub(super) enum Test {
    Equals(Value),
    In(Vec<Value>),
    Compare(Ordering, bool, Value),
    Exists(bool),
    Matches(Regex),
}

impl Filter {
    /// Reads a filter's text; an empty one lets everything through.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, GraphqlError> {
        let Some(text) = text else { return Ok(Self::All(Vec::new())) };
        let value: Value = serde_json::from_str(text)
            .map_err(|error| GraphqlError(format!("The filter is no JSON: {error}")))?;
        if value.is_null() { Ok(Self::All(Vec::new())) } else { Self::of(&value, DEPTH) }
    }

    /// Whether it lets everything through.
    pub(super) const fn is_empty(&self) -> bool {
        matches!(self, Self::All(list) if list.is_empty())
    }

    fn of(value: &Value, depth: usize) -> Result<Self, GraphqlError> {
        let Some(object) = value.as_object().filter(|_| depth > 0) else {
            return refuse(format!("A filter is an object, not {value}."));
        };
        let mut parts = Vec::new();
        for (key, value) in object {
            parts.push(match key.as_str() {
                "$and" => Self::All(Self::list(value, depth)?),
                "$or" => Self::Any(Self::list(value, depth)?),
                "$nor" => Self::Not(Box::new(Self::Any(Self::list(value, depth)?))),
                "$not" => Self::Not(Box::new(Self::of(value, depth - 1)?)),
                key if key.starts_with('$') => return refuse(format!("The operator {key} is not known.")),
                field => Self::field(field, value, depth - 1)?,
            });
        }
        Ok(Self::All(parts))
    }

    fn list(value: &Value, depth: usize) -> Result<Vec<Self>, GraphqlError> {
        let Some(items) = value.as_array() else {
            return refuse(format!("{value} is no list of conditions."));
        };
        items.iter().map(|item| Self::of(item, depth - 1)).collect()
    }

    fn field(field: &str, value: &Value, depth: usize) -> Result<Self, GraphqlError> {
        let operators = value.as_object().filter(|object| object.keys().any(|key| key.starts_with('$')));
        let Some(operators) = operators.filter(|_| depth > 0) else {
            return Ok(Self::Field(field.to_owned(), Test::Equals(value.clone())));
        };
        let mut parts = Vec::new();
        for (operator, value) in operators {
            let test = |test| Self::Field(field.to_owned(), test);
            let not = |test| Self::Not(Box::new(Self::Field(field.to_owned(), test)));
            let items = || {
                let items = value.as_array().cloned();
                items.ok_or_else(|| GraphqlError(format!("{operator} needs a list, not {value}.")))
            };
            parts.push(match operator.as_str() {
                "$eq" => test(Test::Equals(value.clone())),
                "$ne" => not(Test::Equals(value.clone())),
                "$in" => test(Test::In(items()?)),
                "$nin" => not(Test::In(items()?)),
                "$gt" => test(Test::Compare(Ordering::Greater, false, value.clone())),
                "$gte" => test(Test::Compare(Ordering::Greater, true, value.clone())),
                "$lt" => test(Test::Compare(Ordering::Less, false, value.clone())),
                "$lte" => test(Test::Compare(Ordering::Less, true, value.clone())),
                "$exists" => test(Test::Exists(value.as_bool().unwrap_or(true))),
                "$regex" => {
                    let pattern = value.as_str().unwrap_or_default();
                    let pattern = Regex::new(pattern)
                        .map_err(|error| GraphqlError(format!("The pattern is not understood: {error}")))?;
                    test(Test::Matches(pattern))
                }
                "$not" => Self::Not(Box::new(Self::field(field, value, depth - 1)?)),
                other => return refuse(format!("The operator {other} is not known.")),
            });
        }
        Ok(Self::All(parts))
    }

    /// Whether it lets a run through. `look` gives the values of fields.
    pub(super) fn passes(&self, look: &dyn Fn(&str) -> Value) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.passes(look)),
            Self::Any(parts) => parts.iter().any(|part| part.passes(look)),
            Self::Not(part) => !part.passes(look),
            Self::Field(field, test) => match look(field) {
                // A list passes when one of its items does.
                Value::Array(items) if !matches!(test, Test::Exists(_)) => {
                    items.iter().any(|item| test.passes(item))
                        || (items.is_empty() && test.passes(&Value::Null))
                }
                value => test.passes(&value),
            },
        }
    }
}

impl Test {
    fn passes(&self, value: &Value) -> bool {
        match self {
            Self::Equals(wanted) => equal(value, wanted),
            Self::In(wanted) => wanted.iter().any(|wanted| equal(value, wanted)),
            Self::Compare(order, or_equal, wanted) => {
                compare(value, wanted).is_some_and(|found| found == *order || (*or_equal && found.is_eq()))
            }
            Self::Exists(wanted) => value.is_null() != *wanted,
            Self::Matches(pattern) => value.as_str().is_some_and(|text| pattern.is_match(text)),
        }
    }
}

fn equal(a: &Value, b: &Value) -> bool {
    a == b || compare(a, b).is_some_and(Ordering::is_eq)
}

/// The order of two values of one kind; texts that are both times are compared as such.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::String(a), Value::String(b)) => match (Timestamp::parse(a), Timestamp::parse(b)) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => Some(a.cmp(b)),
        },
        _ => None,
    }
}

/// One key of an order: a field, and whether from high to low.
pub(super) type Key = (String, bool);

/// Reads an order: `+created_at`, or several keys with commas between them.
pub(super) fn order(text: Option<&str>) -> Vec<Key> {
    let keys = text.unwrap_or("+created_at").split(',').map(str::trim).filter(|key| !key.is_empty());
    keys.map(|key| match key.strip_prefix('-') {
        Some(field) => (field.to_owned(), true),
        None => (key.strip_prefix('+').unwrap_or(key).to_owned(), false),
    })
    .collect()
}

/// The order of two runs; what has no value comes last.
pub(super) fn compare_by(keys: &[Key], a: &dyn Fn(&str) -> Value, b: &dyn Fn(&str) -> Value) -> Ordering {
    for (field, descending) in keys {
        let (a, b) = (a(field), b(field));
        let found = match (a.is_null(), b.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let found = compare(&a, &b).unwrap_or(Ordering::Equal);
                if *descending { found.reverse() } else { found }
            }
        };
        if found.is_ne() {
            return found;
        }
    }
    Ordering::Equal
}

#[cfg(test)]
mod tests {
    use super::{Filter, compare_by, order};
    use serde_json::{Value, json};

    fn look(document: &Value) -> impl Fn(&str) -> Value + '_ {
        |field| document.get(field).cloned().unwrap_or(Value::Null)
    }

    #[test]
    fn conditions_hold_as_in_mongodb() {
        let run = json!({ "state": "finished", "loss": 0.5, "tags": ["a", "b"], "n": 3, "none": null,
                          "created_at": "2026-01-02T00:00:00Z" });
        for (filter, expected) in [
            (json!({}), true),
            (json!({ "state": "finished", "n": 3.0 }), true),
            (json!({ "state": { "$ne": "finished" } }), false),
            (json!({ "loss": { "$gt": 0.1, "$lte": 0.5 } }), true),
            (json!({ "loss": { "$lt": 0.5 } }), false),
            (json!({ "missing": { "$lt": 5 } }), false),
            (json!({ "tags": "b" }), true),
            (json!({ "tags": { "$in": ["x", "a"] } }), true),
            (json!({ "tags": { "$nin": ["x", "a"] } }), false),
            (json!({ "$or": [{ "n": 1 }, { "$and": [{ "n": 3 }, { "none": null }] }] }), true),
            (json!({ "$nor": [{ "n": 1 }] }), true),
            (json!({ "state": { "$regex": "^fin" } }), true),
            (json!({ "state": { "$not": { "$regex": "^fin" } } }), false),
            (json!({ "none": { "$exists": false } }), true),
            (json!({ "created_at": { "$gt": "2026-01-01T12:00:00" } }), true),
        ] {
            let parsed = Filter::parse(Some(&filter.to_string())).unwrap();
            assert_eq!(parsed.passes(&look(&run)), expected, "{filter}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let deep = "{\"$and\":[".repeat(40) + &"]}".repeat(40);
        for text in
            ["{", "[]", "{\"$where\": 1}", "{\"a\": {\"$in\": 1}}", "{\"a\": {\"$regex\": \"(\"}}", &deep]
        {
            assert!(Filter::parse(Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn runs_are_ordered_with_missing_values_last() {
        let runs = [json!({ "a": 2 }), json!({}), json!({ "a": 1 })];
        for (text, expected) in [("+a", [2, 0, 1]), ("-a", [0, 2, 1]), ("a", [2, 0, 1])] {
            let mut places = [0, 1, 2];
            let keys = order(Some(text));
            places.sort_by(|a, b| compare_by(&keys, &look(&runs[*a]), &look(&runs[*b])));
            assert_eq!(places, expected, "{text}");
        }
    }
}
