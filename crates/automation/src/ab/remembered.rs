//! What clients remember of units in documents, as the GrowthBook SDKs have them.

use super::Asked;
use mainspring_rollouts::ab::{AbSpec, Sticky, plain_text};
use mainspring_stats::assignment::sticky::{
    Attributes, Document, Documents, Memory, Recalled, document_name,
};

/// Documents of a unit that its client sends, and gets back, at most.
pub const MAX_DOCUMENTS: usize = 16;
/// Assignments in one of them at most.
pub const MAX_ASSIGNMENTS: usize = 1_000;

/// What a client remembers of a unit.
pub(super) struct Remembered<'a> {
    test: &'a str,
    sticky: &'a Sticky,
    /// The names of the arms.
    arms: Vec<String>,
    unit: Attributes,
    /// The attribute that the unit is the value of.
    attribute: &'a str,
    pub(super) documents: Documents,
}

impl<'a> Remembered<'a> {
    pub(super) fn of(spec: &'a AbSpec, sticky: &'a Sticky, asked: &Asked) -> Self {
        let texts =
            asked.attributes.iter().filter_map(|(name, value)| Some((name.clone(), plain_text(value)?)));
        let mut unit: Attributes = texts.collect();
        // Who is known only by the fallback is its value.
        let fallback = sticky
            .fallback
            .as_deref()
            .filter(|name| !unit.contains_key(&sticky.attribute) && unit.get(*name) == Some(&asked.unit));
        let attribute = fallback.unwrap_or(&sticky.attribute);
        unit.insert(attribute.to_owned(), asked.unit.clone());
        let own = |document: &Document| unit.get(&document.attribute_name) == Some(&document.attribute_value);
        let documents = asked.documents.iter().filter(|(_, document)| own(document));
        Self {
            test: &spec.name,
            sticky,
            arms: spec.arms.iter().map(|arm| arm.name.clone()).collect(),
            documents: documents.map(|(name, document)| (name.clone(), document.clone())).collect(),
            unit,
            attribute,
        }
    }

    fn memory(&self) -> Memory<'_> {
        Memory {
            key: self.test,
            hash_attribute: &self.sticky.attribute,
            fallback_attribute: self.sticky.fallback.as_deref(),
            arms: &self.arms,
            bucket_version: self.sticky.bucket_version,
            min_bucket_version: self.sticky.min_bucket_version,
        }
    }

    pub(super) fn recall(&self) -> Recalled {
        self.memory().recall(&self.unit, &self.documents)
    }

    /// Writes down the arm of the unit, unless there is no room: what is answered is sent again.
    pub(super) fn keep(&mut self, arm: usize) {
        let Some(value) = self.unit.get(self.attribute) else { return };
        let room = match self.documents.get(&document_name(self.attribute, value)) {
            Some(document) => {
                let entries = &document.assignments;
                entries.len() < MAX_ASSIGNMENTS || entries.contains_key(&self.memory().entry())
            }
            None => self.documents.len() < MAX_DOCUMENTS,
        };
        if room {
            let mut documents = std::mem::take(&mut self.documents);
            self.memory().keep(self.attribute, value, arm, &mut documents);
            self.documents = documents;
        }
    }
}
