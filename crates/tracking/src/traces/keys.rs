//! Names that clients and server agree on.

pub(super) use mainspring_metadata_store::traits::trace_figures::{
    COST, MODEL, PROVIDER, SPAN_COST, SPAN_TYPE, TOKEN_USAGE,
};

/// Tag: where the trace's files live.
pub(super) const ARTIFACT_LOCATION: &str = "mlflow.artifactLocation";
/// Tag: where the spans are kept.
pub(super) const SPANS_LOCATION: &str = "mlflow.trace.spansLocation";
/// The value of [`SPANS_LOCATION`] for spans in the store.
pub(super) const IN_STORE: &str = "TRACKING_STORE";
/// Tags that only the server sets.
pub(super) const SERVER_TAGS: [&str; 4] =
    [ARTIFACT_LOCATION, SPANS_LOCATION, "mlflow.trace.archiveLocation", "mlflow.trace.archivalFailure"];
/// The one of [`SERVER_TAGS`] that clients may remove.
pub(super) const REMOVABLE_TAG: &str = "mlflow.trace.archivalFailure";

/// Metadata: what is known of the whole trace has come and counts more than what its spans say.
pub(super) const FINALIZED: &str = "mlflow.trace.infoFinalized";
/// Metadata: how many spans the trace has, among other figures.
pub(super) const SIZE_STATS: &str = "mlflow.trace.sizeStats";
/// Metadata: the session that the trace belongs to.
pub(super) const SESSION: &str = "mlflow.trace.session";
/// Metadata: whose request it was.
pub(super) const USER: &str = "mlflow.trace.user";

/// Span attribute: what went in.
pub(super) const INPUTS: &str = "mlflow.spanInputs";
/// Span attribute: what came out.
pub(super) const OUTPUTS: &str = "mlflow.spanOutputs";
/// Span attribute: tokens.
pub(super) const SPAN_USAGE: &str = "mlflow.chat.tokenUsage";
/// Span attributes of the root that are tags of the trace begin like this.
pub(super) const TAG_PREFIX: &str = "mlflow.traceTag.";
