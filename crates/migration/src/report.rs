//! What a migration did.

use serde::Serialize;
use std::collections::BTreeMap;

/// Entries of one list that a report keeps; more are only counted.
const KEPT: usize = 10_000;

/// How many of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Experiments.
    pub experiments: u64,
    /// Runs.
    pub runs: u64,
    /// Parameters of runs.
    pub params: u64,
    /// Points of metrics.
    pub points: u64,
    /// Tags of experiments and runs.
    pub tags: u64,
    /// Data sets that runs read, once per use.
    pub inputs: u64,
    /// Models that runs read or produced.
    pub model_links: u64,
    /// Logged models.
    pub logged_models: u64,
    /// Points that were measured on logged models.
    pub model_points: u64,
    /// Traces.
    pub traces: u64,
    /// Spans of traces.
    pub spans: u64,
    /// What was said about traces.
    pub assessments: u64,
    /// Registered models.
    pub registered_models: u64,
    /// Versions of registered models.
    pub model_versions: u64,
    /// Aliases of registered models.
    pub aliases: u64,
    /// Artifact files.
    pub files: u64,
    /// Bytes of artifact files.
    pub bytes: u64,
}

impl Counts {
    /// The counts under the names that people read.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, u64); 17] {
        [
            ("experiments", self.experiments),
            ("runs", self.runs),
            ("parameters", self.params),
            ("metric points", self.points),
            ("tags", self.tags),
            ("dataset inputs", self.inputs),
            ("links to models", self.model_links),
            ("logged models", self.logged_models),
            ("points of logged models", self.model_points),
            ("traces", self.traces),
            ("spans", self.spans),
            ("assessments", self.assessments),
            ("registered models", self.registered_models),
            ("model versions", self.model_versions),
            ("aliases", self.aliases),
            ("artifact files", self.files),
            ("artifact bytes", self.bytes),
        ]
    }
}

/// Something that has another id or value here than in its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mapped {
    /// What it is, as the source names it.
    pub what: String,
    /// What it became.
    pub to: String,
}

/// Something that was not brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Where it is in the source.
    pub place: String,
    /// Why it was not brought.
    pub why: String,
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The foreign store.
    pub source: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// What was brought.
    pub brought: Counts,
    /// What was there already and stayed as it was.
    pub already_there: Counts,
    /// What has another id or value here.
    pub mapped: Vec<Mapped>,
    /// What was not brought; at most the first ten thousand.
    pub left_out: Vec<LeftOut>,
    /// How many things were not brought.
    pub left_out_count: u64,
    /// Artifact locations that stay where they are, by scheme.
    pub kept_locations: BTreeMap<String, u64>,
    /// Artifact folders that were not found. A run that logged no file has none.
    pub absent_folders: u64,
    /// Metric values that were infinite and are the largest finite number now.
    pub infinities: u64,
}

impl Report {
    pub(crate) fn left_out(&mut self, place: impl Into<String>, why: impl Into<String>) {
        self.left_out_count += 1;
        if self.left_out.len() < KEPT {
            self.left_out.push(LeftOut { place: place.into(), why: why.into() });
        }
    }

    pub(crate) fn mapped(&mut self, what: impl Into<String>, to: impl Into<String>) {
        if self.mapped.len() < KEPT {
            self.mapped.push(Mapped { what: what.into(), to: to.into() });
        }
    }
}
