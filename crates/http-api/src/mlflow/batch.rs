//! Bodies of `runs/log-batch`, which may have a thousand points: read in one pass, without a tree of
//! their values. What is not plain here (a wrong or missing value, a list that is none) is left to
//! [`Params`](super::request::Params), which reads every body and has the messages.

use super::request::{integer, number};
use mainspring_domain::Timestamp;
use mainspring_domain::tracking::{KeyValue, Metric};
use mainspring_tracking::logging::{Batch, LoggedMetric};
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::fmt;

/// The run and what is logged to it; nothing when the body must be read with more care.
pub(super) fn read(body: &[u8]) -> Option<(String, Batch)> {
    let Body { run, batch } = serde_json::from_slice(body).ok()?;
    Some((run.filter(|id| !id.is_empty())?, batch))
}

#[derive(Default)]
struct Body {
    run: Option<String>,
    batch: Batch,
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Whole)
    }
}

struct Whole;

impl<'de> Visitor<'de> for Whole {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    // Of a name that comes twice the last value counts, here and below.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body, A::Error> {
        let mut body = Body::default();
        while let Some(part) = map.next_key()? {
            match part {
                Part::RunId => body.run = map.next_value()?,
                Part::Metrics => body.batch.metrics = map.next_value_seed(Items(point))?,
                Part::Params => body.batch.params = map.next_value_seed(Items(pair))?,
                Part::Tags => body.batch.tags = map.next_value_seed(Items(pair))?,
                Part::Other => drop(map.next_value::<Value>()?),
            }
        }
        Ok(body)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Part {
    RunId,
    Metrics,
    Params,
    Tags,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Key,
    Value,
    Timestamp,
    Step,
    ModelId,
    DatasetName,
    DatasetDigest,
    #[serde(other)]
    Other,
}

/// A list of objects, each made of its fields.
struct Items<T>(fn(Fields) -> Option<T>);

impl<'de, T> DeserializeSeed<'de> for Items<T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T> Visitor<'de> for Items<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(fields) = list.next_element::<Fields>()? {
            items.push((self.0)(fields).ok_or_else(|| A::Error::custom("not plain"))?);
        }
        Ok(items)
    }
}

/// The fields of a point, parameter or tag; null is not given.
#[derive(Default)]
struct Fields {
    key: Value,
    value: Value,
    timestamp: Value,
    step: Value,
    model_id: Value,
    dataset_name: Value,
    dataset_digest: Value,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Item;

        impl<'de> Visitor<'de> for Item {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some(field) = map.next_key()? {
                    let value = map.next_value()?;
                    match field {
                        Field::Key => fields.key = value,
                        Field::Value => fields.value = value,
                        Field::Timestamp => fields.timestamp = value,
                        Field::Step => fields.step = value,
                        Field::ModelId => fields.model_id = value,
                        Field::DatasetName => fields.dataset_name = value,
                        Field::DatasetDigest => fields.dataset_digest = value,
                        Field::Other => {}
                    }
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Item)
    }
}

/// A text, when it is one or not given. Empty counts as not given.
fn text(value: Value) -> Option<Option<String>> {
    match value {
        Value::Null => Some(None),
        Value::String(text) => Some(Some(text).filter(|text| !text.is_empty())),
        _ => None,
    }
}

fn point(fields: Fields) -> Option<LoggedMetric> {
    let step = if fields.step.is_null() { 0 } else { integer(&fields.step)? };
    Some(LoggedMetric {
        metric: Metric {
            key: text(fields.key)??,
            value: number(&fields.value)?,
            timestamp: Timestamp::from_millis(integer(&fields.timestamp)?),
            step,
        },
        model_id: text(fields.model_id)?,
        dataset_name: text(fields.dataset_name)?,
        dataset_digest: text(fields.dataset_digest)?,
    })
}

fn pair(fields: Fields) -> Option<KeyValue> {
    Some(KeyValue { key: text(fields.key)??, value: text(fields.value)?.unwrap_or_default() })
}
