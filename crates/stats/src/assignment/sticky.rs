//! GrowthBook's sticky buckets: a unit keeps its arm although weights, coverage or targeting change.
//!
//! What a unit was given is written into a document of its attribute (`attribute||value`), as the arm's
//! key under `experiment__bucketVersion`. A raised bucket version begins anew; a raised minimal version
//! puts out those who were in an earlier one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Range, bucket_ranges, choose_variation, growthbook_hash};

/// Attributes of a unit as text; an empty value counts as absent.
pub type Attributes = BTreeMap<String, String>;

/// What an attribute's value was given, in the SDKs' format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Name of the attribute.
    pub attribute_name: String,
    /// Its value.
    pub attribute_value: String,
    /// Key of an arm by `experiment__bucketVersion`.
    pub assignments: BTreeMap<String, String>,
}

/// Documents by `attribute||value`.
pub type Documents = BTreeMap<String, Document>;

/// An experiment as the SDKs' feature rules describe it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// Its key.
    pub key: String,
    /// Seed of the hash; the key if there is none.
    pub seed: Option<String>,
    /// Version of the hash, 1 or 2.
    pub hash_version: u32,
    /// Attribute that is hashed.
    pub hash_attribute: String,
    /// Attribute that is hashed while the first is absent.
    pub fallback_attribute: Option<String>,
    /// Keys of the arms, in order.
    pub arms: Vec<String>,
    /// Weights of the arms; equal if there are none.
    pub weights: Option<Vec<f64>>,
    /// Share of units that take part.
    pub coverage: f64,
    /// Values that each of these attributes may have; others do not take part, unless they did before.
    pub targeting: BTreeMap<String, Vec<String>>,
    /// Version of the documents' entries.
    pub bucket_version: u32,
    /// Entries of versions below this put a unit out.
    pub min_bucket_version: u32,
    /// Whether documents are used.
    pub sticky: bool,
}

/// Where a unit is.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// The arm, from 0.
    pub arm: usize,
    /// The place in [0, 1).
    pub bucket: f64,
    /// Attribute that was hashed.
    pub attribute: String,
    /// Its value.
    pub value: String,
    /// Whether a document decided.
    pub from_document: bool,
}

/// The arm of a unit, and what its documents are to say from now on (written into `documents`).
///
/// `None` if it takes no part: no attribute to hash, out of target or coverage, put out by version, or
/// an unknown hash version.
#[must_use]
pub fn evaluate(experiment: &Experiment, unit: &Attributes, documents: &mut Documents) -> Option<Assignment> {
    let fallback = experiment.fallback_attribute.as_deref().filter(|_| experiment.sticky);
    let (attribute, value) = [Some(experiment.hash_attribute.as_str()), fallback]
        .into_iter()
        .flatten()
        .find_map(|name| present(unit, name).map(|value| (name, value)))?;
    let remembered = if experiment.sticky { remembered(experiment, unit, documents)? } else { None };
    if remembered.is_none() && !targeted(experiment, unit) {
        return None;
    }
    let seed = experiment.seed.as_deref().filter(|seed| !seed.is_empty()).unwrap_or(&experiment.key);
    let bucket = growthbook_hash(seed, value, experiment.hash_version)?;
    let ranges: Vec<Range> =
        bucket_ranges(experiment.arms.len(), experiment.coverage, experiment.weights.as_deref());
    let arm = match remembered {
        Some(arm) => arm,
        None => choose_variation(bucket, &ranges)?,
    };
    if experiment.sticky {
        documents
            .entry(format!("{attribute}||{value}"))
            .or_insert_with(|| Document {
                attribute_name: attribute.to_owned(),
                attribute_value: value.to_owned(),
                assignments: BTreeMap::new(),
            })
            .assignments
            .insert(entry(experiment, experiment.bucket_version), experiment.arms.get(arm)?.clone());
    }
    Some(Assignment {
        arm,
        bucket,
        attribute: attribute.to_owned(),
        value: value.to_owned(),
        from_document: remembered.is_some(),
    })
}

fn present<'a>(unit: &'a Attributes, name: &str) -> Option<&'a str> {
    unit.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

fn targeted(experiment: &Experiment, unit: &Attributes) -> bool {
    let matches = |(name, values): (&String, &Vec<String>)| {
        present(unit, name).is_some_and(|value| values.iter().any(|allowed| allowed == value))
    };
    experiment.targeting.iter().all(matches)
}

fn entry(experiment: &Experiment, version: u32) -> String {
    format!("{}__{version}", experiment.key)
}

/// What the documents say: the outer `None` puts the unit out.
#[expect(clippy::option_option, reason = "put out, not remembered, and remembered are three answers")]
fn remembered(experiment: &Experiment, unit: &Attributes, documents: &Documents) -> Option<Option<usize>> {
    // As in the SDKs: the attribute `id` is looked up where no fallback is named.
    let fallback = experiment.fallback_attribute.as_deref().unwrap_or("id");
    let lookup = |entry: &str| {
        [experiment.hash_attribute.as_str(), fallback].into_iter().find_map(|name| {
            let value = present(unit, name)?;
            documents.get(&format!("{name}||{value}"))?.assignments.get(entry)
        })
    };
    // Entries of a blocked version; documents are short, versions may be many.
    let blocked = |document: &Document| {
        document.assignments.keys().any(|name| {
            let version = name.strip_prefix(&experiment.key).and_then(|rest| rest.strip_prefix("__"));
            version
                .and_then(|version| version.parse::<u32>().ok())
                .is_some_and(|version| version < experiment.min_bucket_version)
        })
    };
    let own = [experiment.hash_attribute.as_str(), fallback]
        .into_iter()
        .filter_map(|name| present(unit, name).and_then(|value| documents.get(&format!("{name}||{value}"))));
    if experiment.min_bucket_version > 0 && own.into_iter().any(blocked) {
        return None;
    }
    let key = lookup(&entry(experiment, experiment.bucket_version));
    Some(key.and_then(|key| experiment.arms.iter().position(|arm| arm == key)))
}
