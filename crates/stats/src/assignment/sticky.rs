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

/// What is looked for in documents, and written into them.
#[derive(Debug, Clone, Copy)]
pub struct Memory<'a> {
    /// Key of the experiment.
    pub key: &'a str,
    /// Attribute that is hashed.
    pub hash_attribute: &'a str,
    /// Attribute that is looked up as well; `id` if there is none, as in the SDKs.
    pub fallback_attribute: Option<&'a str>,
    /// Keys of the arms, in order.
    pub arms: &'a [String],
    /// Version of the documents' entries.
    pub bucket_version: u32,
    /// Entries of versions below this put a unit out.
    pub min_bucket_version: u32,
}

/// What documents say of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recalled {
    /// It was in a version that is blocked, and takes no part.
    PutOut,
    /// Nothing.
    Nothing,
    /// It has this arm, from 0.
    Arm(usize),
}

/// The name under which the SDKs keep the document of a unit with this value of an attribute.
#[must_use]
pub fn document_name(attribute: &str, value: &str) -> String {
    format!("{attribute}||{value}")
}

impl Memory<'_> {
    /// What the documents say of a unit.
    #[must_use]
    pub fn recall(&self, unit: &Attributes, documents: &Documents) -> Recalled {
        let names = [self.hash_attribute, self.fallback_attribute.unwrap_or("id")];
        let own =
            || names.into_iter().filter_map(|name| documents.get(&document_name(name, present(unit, name)?)));
        // Entries of a blocked version; documents are short, versions may be many.
        let blocked = |document: &Document| {
            document.assignments.keys().any(|name| {
                let version = name.strip_prefix(self.key).and_then(|rest| rest.strip_prefix("__"));
                version
                    .and_then(|version| version.parse::<u32>().ok())
                    .is_some_and(|version| version < self.min_bucket_version)
            })
        };
        if self.min_bucket_version > 0 && own().any(blocked) {
            return Recalled::PutOut;
        }
        let entry = self.entry();
        let key = own().find_map(|document| document.assignments.get(&entry));
        let arm = key.and_then(|key| self.arms.iter().position(|arm| arm == key));
        arm.map_or(Recalled::Nothing, Recalled::Arm)
    }

    /// Writes the arm of the unit with this value of an attribute; one that there is not is not written.
    pub fn keep(&self, attribute: &str, value: &str, arm: usize, documents: &mut Documents) {
        let Some(key) = self.arms.get(arm) else { return };
        documents
            .entry(document_name(attribute, value))
            .or_insert_with(|| Document {
                attribute_name: attribute.to_owned(),
                attribute_value: value.to_owned(),
                assignments: BTreeMap::new(),
            })
            .assignments
            .insert(self.entry(), key.clone());
    }

    /// The name of the experiment's entry in documents.
    #[must_use]
    pub fn entry(&self) -> String {
        format!("{}__{}", self.key, self.bucket_version)
    }
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
    let memory = Memory {
        key: &experiment.key,
        hash_attribute: &experiment.hash_attribute,
        fallback_attribute: experiment.fallback_attribute.as_deref(),
        arms: &experiment.arms,
        bucket_version: experiment.bucket_version,
        min_bucket_version: experiment.min_bucket_version,
    };
    let recalled = if experiment.sticky { memory.recall(unit, documents) } else { Recalled::Nothing };
    let remembered = match recalled {
        Recalled::PutOut => return None,
        Recalled::Nothing => None,
        Recalled::Arm(arm) => Some(arm),
    };
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
        memory.keep(attribute, value, arm, documents);
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
