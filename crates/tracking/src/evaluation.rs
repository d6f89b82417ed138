//! Data sets for evaluation: records with inputs, and what is expected of a model for them.

use crate::validation::{self, invalid};
use crate::{Result, TrackingError, experiments, workspaces};
use mainspring_domain::evaluation::{EvaluationDataset, EvaluationRecord, RecordSource};
use mainspring_domain::events::Record;
use mainspring_domain::tracking::KeyValue;
use mainspring_domain::{Timestamp, names};
use mainspring_metadata_store::{ReadTx, WriteTx};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use uuid::Uuid;

/// The tag by which clients say who they are.
const USER_TAG: &str = "mlflow.user";
/// The kinds of sources that a record may have.
const SOURCES: [&str; 5] = ["UNSPECIFIED", "TRACE", "HUMAN", "DOCUMENT", "CODE"];
/// The parts of a record that a schema describes.
const PARTS: [&str; 3] = ["inputs", "outputs", "expectations"];

fn subject(id: &str) -> String {
    format!("evaluation_dataset:{id}")
}

fn sha256(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// Changes with every change of the data set.
fn digest(name: &str, updated: Timestamp) -> String {
    let mut digest = sha256(&format!("{name}:{}", updated.as_millis()));
    digest.truncate(8);
    digest
}

/// Makes a data set.
///
/// # Errors
/// When the name or a tag is not taken, or an experiment does not exist.
pub fn create(
    tx: &mut dyn WriteTx,
    name: &str,
    tags: Vec<KeyValue>,
    experiments: Vec<i64>,
) -> Result<EvaluationDataset> {
    validation::check_length("name", name, 255)?;
    tags.iter().try_for_each(check_tag)?;
    experiments.iter().try_for_each(|id| experiments::get(tx, *id).map(|_| ()))?;
    let now = tx.now();
    let user = tags.iter().find(|tag| tag.key == USER_TAG).map(|tag| tag.value.clone());
    let dataset = EvaluationDataset {
        workspace: workspaces::current(tx)?.name,
        id: format!("d-{}", Uuid::new_v4().simple()),
        name: name.to_owned(),
        digest: digest(name, now),
        created: now,
        updated: now,
        created_by: user.clone(),
        updated_by: user,
        schema: None,
        profile: None,
        tags,
        experiments,
    };
    tx.insert_evaluation_dataset(&dataset)?;
    tx.record(Record::new("evaluation_dataset.created", subject(&dataset.id)).with(json!({ "name": name })))?;
    get(tx, &dataset.id)
}

fn check_tag(tag: &KeyValue) -> Result<()> {
    if tag.key.is_empty() {
        return invalid("A tag of an evaluation dataset needs a key.");
    }
    validation::check_length("key", &tag.key, 255)?;
    validation::check_length("value", &tag.value, 5000)
}

/// One data set.
///
/// # Errors
/// When there is none.
pub fn get(tx: &dyn ReadTx, id: &str) -> Result<EvaluationDataset> {
    tx.evaluation_dataset(id)?.ok_or_else(|| TrackingError::NoEvaluationDataset(id.to_owned()))
}

/// Removes a data set with its records; none there is no error.
///
/// # Errors
/// When the store fails.
pub fn delete(tx: &mut dyn WriteTx, id: &str) -> Result<()> {
    let Some(dataset) = tx.evaluation_dataset(id)? else { return Ok(()) };
    tx.delete_evaluation_dataset(id)?;
    tx.record(Record::new("evaluation_dataset.deleted", subject(id)).with(json!({ "name": dataset.name })))?;
    Ok(())
}

/// Sets tags; the others stay.
///
/// # Errors
/// When there is no such data set, or a tag is not taken.
pub fn set_tags(tx: &mut dyn WriteTx, id: &str, tags: &[KeyValue]) -> Result<EvaluationDataset> {
    get(tx, id)?;
    for tag in tags {
        check_tag(tag)?;
        tx.set_evaluation_dataset_tag(id, tag)?;
    }
    if !tags.is_empty() {
        let keys: Vec<&str> = tags.iter().map(|tag| tag.key.as_str()).collect();
        tx.record(Record::new("evaluation_dataset.tagged", subject(id)).with(json!({ "keys": keys })))?;
    }
    get(tx, id)
}

/// Removes a tag; none there is no error.
///
/// # Errors
/// When there is no such data set.
pub fn delete_tag(tx: &mut dyn WriteTx, id: &str, key: &str) -> Result<()> {
    get(tx, id)?;
    if tx.delete_evaluation_dataset_tag(id, key)? {
        let details = json!({ "keys": [key], "removed": true });
        tx.record(Record::new("evaluation_dataset.tagged", subject(id)).with(details))?;
    }
    Ok(())
}

/// Adds a data set to experiments; it may belong to some already.
///
/// # Errors
/// When there is no such data set or experiment.
pub fn add_to_experiments(tx: &mut dyn WriteTx, id: &str, experiments: &[i64]) -> Result<EvaluationDataset> {
    let mut dataset = get(tx, id)?;
    experiments.iter().try_for_each(|experiment| experiments::get(tx, *experiment).map(|_| ()))?;
    let added = tx.add_evaluation_dataset_to(id, experiments)?;
    moved(tx, &mut dataset, added, json!({ "added_to": experiments }))?;
    get(tx, id)
}

/// Removes a data set from experiments; it need not belong to all of them.
///
/// # Errors
/// When there is no such data set.
pub fn remove_from_experiments(
    tx: &mut dyn WriteTx,
    id: &str,
    experiments: &[i64],
) -> Result<EvaluationDataset> {
    let mut dataset = get(tx, id)?;
    let removed = tx.remove_evaluation_dataset_from(id, experiments)?;
    moved(tx, &mut dataset, removed, json!({ "removed_from": experiments }))?;
    get(tx, id)
}

fn moved(
    tx: &mut dyn WriteTx,
    dataset: &mut EvaluationDataset,
    changed: usize,
    details: Value,
) -> Result<()> {
    if changed > 0 {
        dataset.updated = tx.now();
        tx.update_evaluation_dataset(dataset)?;
        tx.record(Record::new("evaluation_dataset.moved", subject(&dataset.id)).with(details))?;
    }
    Ok(())
}

/// Adds records. One with the inputs of a record that is there changes that one. Gives how many were
/// added and how many were changed.
///
/// # Errors
/// When there is no such data set, or a record does not have its form.
pub fn upsert_records(tx: &mut dyn WriteTx, id: &str, records: &[Value]) -> Result<(usize, usize)> {
    let mut dataset = get(tx, id)?;
    let now = tx.now();
    let mut schema = dataset.schema.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let (mut added, mut changed, mut user) = (0, 0, None);
    for (index, record) in records.iter().enumerate() {
        let given = GivenRecord::read(index, record)?;
        let hash = sha256(&canonical(&Value::Object(given.inputs.clone())));
        user = given.user().or(user);
        let held = tx.evaluation_record(id, &hash)?;
        let record = match held {
            Some(held) => {
                changed += 1;
                given.merged_into(held, now)
            }
            None => {
                added += 1;
                given.into_new(now)
            }
        };
        tx.put_evaluation_record(id, &hash, &record)?;
        describe(schema.get_or_insert_with(empty_schema), records.get(index).unwrap_or(&Value::Null));
    }
    dataset.updated = now;
    dataset.updated_by = user;
    dataset.digest = digest(&dataset.name, now);
    dataset.schema = schema.map(|schema: Value| schema.to_string());
    dataset.profile = profile(tx, id)?;
    tx.update_evaluation_dataset(&dataset)?;
    let details = json!({ "added": added, "changed": changed });
    tx.record(Record::new("evaluation_dataset.records_changed", subject(id)).with(details))?;
    Ok((added, changed))
}

/// Removes records; gives how many there were.
///
/// # Errors
/// When there is no such data set.
pub fn delete_records(tx: &mut dyn WriteTx, id: &str, records: &[String]) -> Result<usize> {
    let mut dataset = get(tx, id)?;
    let removed = tx.delete_evaluation_records(id, records)?;
    if removed > 0 {
        dataset.updated = tx.now();
        dataset.digest = digest(&dataset.name, dataset.updated);
        dataset.profile = profile(tx, id)?;
        tx.update_evaluation_dataset(&dataset)?;
        let details = json!({ "removed": removed });
        tx.record(Record::new("evaluation_dataset.records_changed", subject(id)).with(details))?;
    }
    Ok(removed)
}

/// Records in the order in which they were added, after one of them.
///
/// # Errors
/// When there is no such data set.
pub fn records(
    tx: &dyn ReadTx,
    id: &str,
    after: Option<(Timestamp, &str)>,
    limit: usize,
) -> Result<Vec<EvaluationRecord>> {
    get(tx, id)?;
    Ok(tx.evaluation_records(id, after, limit)?)
}

fn profile(tx: &dyn ReadTx, id: &str) -> Result<Option<String>> {
    let count = tx.count_evaluation_records(id)?;
    Ok((count > 0).then(|| json!({ "num_records": count }).to_string()))
}

/// A record as a client gives it.
struct GivenRecord {
    inputs: Map<String, Value>,
    /// Not given, or given as nothing.
    outputs: Option<Value>,
    expectations: Map<String, Value>,
    tags: Map<String, Value>,
    source: Option<RecordSource>,
}

impl GivenRecord {
    fn read(index: usize, record: &Value) -> Result<Self> {
        let Value::Object(record) = record else {
            return invalid(format!("Record {index} must be an object, with `inputs` at least."));
        };
        let part = |name: &str| match record.get(name) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(part)) => Ok(part.clone()),
            Some(_) => invalid(format!("`{name}` of record {index} must be an object.")),
        };
        Ok(Self {
            inputs: part("inputs")?,
            outputs: record.get("outputs").cloned(),
            expectations: part("expectations")?,
            tags: part("tags")?,
            source: source(index, record.get("source"))?,
        })
    }

    fn user(&self) -> Option<String> {
        self.tags.get(USER_TAG)?.as_str().map(|user| names::truncate(user.to_owned(), 255))
    }

    fn into_new(self, now: Timestamp) -> EvaluationRecord {
        let user = self.user();
        EvaluationRecord {
            id: format!("dr-{}", Uuid::now_v7().simple()),
            created: now,
            updated: now,
            created_by: user.clone(),
            updated_by: user,
            inputs: self.inputs,
            outputs: match self.outputs {
                None => Some(json!({})),
                Some(Value::Null) => None,
                given => given,
            },
            expectations: (!self.expectations.is_empty()).then_some(self.expectations),
            tags: self.tags,
            source: self.source,
        }
    }

    fn merged_into(self, mut held: EvaluationRecord, now: Timestamp) -> EvaluationRecord {
        held.updated = now;
        held.updated_by = self.user().or(held.updated_by);
        match self.outputs {
            None => {}
            Some(Value::Null) => held.outputs = None,
            given => held.outputs = given,
        }
        if !self.expectations.is_empty() {
            held.expectations.get_or_insert_default().extend(self.expectations);
        }
        held.tags.extend(self.tags);
        held
    }
}

fn source(index: usize, given: Option<&Value>) -> Result<Option<RecordSource>> {
    let source = match given {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(source)) if source.is_empty() => return Ok(None),
        Some(Value::Object(source)) => source,
        Some(_) => return invalid(format!("`source` of record {index} must be an object.")),
    };
    let kind = source.get("source_type").and_then(Value::as_str).unwrap_or_default().to_uppercase();
    if !SOURCES.contains(&kind.as_str()) {
        return invalid(format!(
            "Invalid dataset record source type: {kind}. Valid source types: ['{}']",
            SOURCES.join("', '")
        ));
    }
    let data = match source.get("source_data") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(data)) => data.clone(),
        Some(_) => return invalid(format!("`source_data` of record {index} must be an object.")),
    };
    Ok(Some(RecordSource { kind, data }))
}

/// A value as text with one spelling: keys in order.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| key.as_str());
            let fields: Vec<String> =
                fields.iter().map(|(key, value)| format!("{}:{}", json!(key), canonical(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

fn empty_schema() -> Value {
    json!({ "inputs": {}, "outputs": {}, "expectations": {}, "version": "1.0" })
}

/// Adds the fields of a record to a schema; a field that is known keeps its type.
fn describe(schema: &mut Value, record: &Value) {
    for part in PARTS {
        match (schema.get_mut(part), record.get(part)) {
            (Some(Value::Object(known)), Some(Value::Object(fields))) => {
                for (key, value) in fields {
                    known.entry(key.clone()).or_insert_with(|| json!(type_of(value)));
                }
            }
            // Outputs need not have fields.
            (Some(known), Some(value))
                if part == "outputs" && !value.is_null() && known.as_object().is_some_and(Map::is_empty) =>
            {
                *known = json!(type_of(value));
            }
            _ => {}
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::{canonical, describe, empty_schema};
    use serde_json::json;

    #[test]
    fn inputs_are_the_same_in_any_order_of_their_keys() {
        let one = json!({ "b": [{ "y": 1, "x": "é\"" }], "a": null });
        let other = json!({ "a": null, "b": [{ "x": "é\"", "y": 1 }] });
        assert_eq!(canonical(&one), canonical(&other));
        assert_ne!(canonical(&one), canonical(&json!({ "a": null, "b": [] })));
    }

    #[test]
    fn a_schema_grows_and_keeps_what_it_knows() {
        let mut schema = empty_schema();
        describe(&mut schema, &json!({ "inputs": { "q": "a", "n": 1 }, "outputs": "text" }));
        describe(&mut schema, &json!({ "inputs": { "q": 2, "f": 0.5 }, "expectations": { "ok": true } }));
        let expected = json!({
            "inputs": { "q": "string", "n": "integer", "f": "float" },
            "outputs": "string", "expectations": { "ok": "boolean" }, "version": "1.0",
        });
        assert_eq!(schema, expected);
    }
}
