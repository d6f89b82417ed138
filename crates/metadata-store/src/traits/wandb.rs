//! What clients of W&B keep: their view of runs, lines of streams, artifact versions.

use crate::Result;
use mainspring_domain::tracking::{KeyValue, Metric};
use mainspring_domain::wandb::{ArtifactEntry, ArtifactVersion, Collection, LineStream, WandbRun};

/// A line of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number within the stream.
    pub number: i64,
    /// The step it belongs to, where it has one.
    pub step: Option<i64>,
    /// The line.
    pub text: String,
}

/// Reading what clients of W&B keep.
pub trait WandbRead {
    /// The run of a client's id.
    fn wandb_run(&self, experiment: i64, name: &str) -> Result<Option<WandbRun>>;
    /// What the W&B client said of a run.
    fn wandb_run_of(&self, run: &str) -> Result<Option<WandbRun>>;
    /// The same for many runs; those of other clients are left out.
    fn wandb_runs_of(&self, runs: &[String]) -> Result<Vec<WandbRun>>;
    /// The number after the last line of a stream.
    fn wandb_line_count(&self, run: &str, stream: LineStream) -> Result<i64>;
    /// Up to `limit` lines of a stream from a line on, in order.
    fn wandb_lines(&self, run: &str, stream: LineStream, from: i64, limit: usize) -> Result<Vec<Line>>;
    /// Up to `limit` lines of a stream whose steps lie in `from..to`, in order.
    fn wandb_lines_of_steps(
        &self,
        run: &str,
        stream: LineStream,
        steps: (i64, i64),
        limit: usize,
    ) -> Result<Vec<Line>>;
    /// The collections of an experiment by name, perhaps of one type only.
    fn wandb_collections(&self, experiment: i64, kind: Option<&str>) -> Result<Vec<Collection>>;
    /// One collection.
    fn wandb_collection(&self, id: i64) -> Result<Option<Collection>>;
    /// The collection of a name.
    fn wandb_collection_named(&self, experiment: i64, name: &str) -> Result<Option<Collection>>;
    /// One version.
    fn wandb_artifact(&self, id: &str) -> Result<Option<ArtifactVersion>>;
    /// The versions of a collection that are complete, the newest first.
    fn wandb_artifacts(&self, collection: i64) -> Result<Vec<ArtifactVersion>>;
    /// The versions of a collection with a digest that are not deleted, the newest first.
    fn wandb_artifacts_with_digest(&self, collection: i64, digest: &str) -> Result<Vec<ArtifactVersion>>;
    /// The version that an alias names.
    fn wandb_artifact_aliased(&self, collection: i64, alias: &str) -> Result<Option<ArtifactVersion>>;
    /// The aliases of a version, by name.
    fn wandb_aliases(&self, artifact: &str) -> Result<Vec<String>>;
    /// Up to `limit` files of a version whose paths come after the given one.
    fn wandb_entries(&self, artifact: &str, after: &str, limit: usize) -> Result<Vec<ArtifactEntry>>;
    /// One file of a version.
    fn wandb_entry(&self, artifact: &str, path: &str) -> Result<Option<ArtifactEntry>>;
    /// The versions that a run made, oldest first.
    fn wandb_artifacts_made_by(&self, run: &str) -> Result<Vec<ArtifactVersion>>;
    /// The versions that a run used, oldest first.
    fn wandb_artifacts_used_by(&self, run: &str) -> Result<Vec<ArtifactVersion>>;
    /// The runs that used a version.
    fn wandb_artifact_users(&self, artifact: &str) -> Result<Vec<String>>;
    /// The version of a client's id; for the id of a collection its newest version.
    fn wandb_artifact_of_client(&self, client_id: &str) -> Result<Option<ArtifactVersion>>;
    /// The secret that signs URLs.
    fn wandb_secret(&self) -> Result<Option<String>>;
}

/// Writing what clients of W&B keep.
pub trait WandbWrite {
    /// Adds a run or replaces what is known of it.
    fn put_wandb_run(&mut self, run: &WandbRun) -> Result<()>;
    /// Adds lines; with `replace` those with numbers that are taken replace what was there.
    fn put_wandb_lines(&mut self, run: &str, stream: LineStream, lines: &[Line], replace: bool)
    -> Result<()>;
    /// Makes these the parameters of a run: for clients that may change them.
    fn replace_params(&mut self, run: &str, params: &[KeyValue]) -> Result<()>;
    /// Makes these points the latest of their metrics, whatever was there.
    fn set_latest_metrics(&mut self, run: &str, points: &[Metric]) -> Result<()>;
    /// Adds a collection; gives its number.
    fn insert_wandb_collection(&mut self, collection: &Collection) -> Result<i64>;
    /// Writes type, name, description, client id, time of change and last version of a collection.
    fn update_wandb_collection(&mut self, collection: &Collection) -> Result<()>;
    /// Adds a version or replaces what is known of it.
    fn put_wandb_artifact(&mut self, artifact: &ArtifactVersion) -> Result<()>;
    /// Lets an alias name a version and no other of its collection.
    fn set_wandb_alias(&mut self, collection: i64, alias: &str, artifact: &str) -> Result<()>;
    /// Removes an alias; says whether it named this version.
    fn delete_wandb_alias(&mut self, collection: i64, alias: &str, artifact: &str) -> Result<bool>;
    /// Adds the files of a version.
    fn insert_wandb_entries(&mut self, artifact: &str, entries: &[ArtifactEntry]) -> Result<()>;
    /// Notes that a run used a version; says whether that is new.
    fn insert_wandb_use(&mut self, run: &str, artifact: &str) -> Result<bool>;
    /// Keeps a secret unless there is one.
    fn insert_wandb_secret(&mut self, secret: &str) -> Result<()>;
}
