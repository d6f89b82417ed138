//! What can go wrong.

use mainspring_domain::tracking::Lifecycle;
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_expressions::search::FilterError;
use mainspring_metadata_store::StoreError;
use thiserror::Error;

/// An error of tracking.
#[derive(Debug, Error)]
pub enum TrackingError {
    /// A value that is not taken; the text says which and why.
    #[error("{0}")]
    Invalid(String),
    /// A filter or an order that is not understood.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// There is no such experiment, or not in this state.
    #[error("No Experiment with id={0} exists")]
    NoExperiment(i64),
    /// There is no such workspace.
    #[error("Workspace '{0}' not found")]
    NoWorkspace(WorkspaceName),
    /// The name is taken by another workspace.
    #[error("Workspace '{0}' already exists.")]
    WorkspaceExists(WorkspaceName),
    /// There is no experiment of this name.
    #[error("Could not find experiment with name '{0}'")]
    NoExperimentNamed(String),
    /// The name is taken, perhaps by a deleted experiment.
    #[error("Experiment(name={name}) already exists.{hint}")]
    ExperimentExists {
        /// The name.
        name: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// There is no such run.
    #[error("Run with id={0} not found")]
    NoRun(String),
    /// There is no such data set for evaluation.
    #[error("Evaluation dataset with id '{0}' not found")]
    NoEvaluationDataset(String),
    /// There is no such logged model.
    #[error("Logged model with ID '{0}' not found.")]
    NoLoggedModel(String),
    /// There is no such tag of a logged model.
    #[error("No tag with key '{key}' found for model with ID '{model}'.")]
    NoModelTag {
        /// The tag.
        key: String,
        /// The model.
        model: String,
    },
    /// There is no such trace.
    #[error("Trace with ID '{0}' not found.")]
    NoTrace(String),
    /// There is no such trace whose spans could be given.
    #[error("Trace with ID {0} is not found.")]
    NoWholeTrace(String),
    /// There is no such tag of a trace.
    #[error("No trace tag with key '{key}' for trace with ID '{trace}'")]
    NoTraceTag {
        /// The tag.
        key: String,
        /// The trace.
        trace: String,
    },
    /// There is no such assessment of a trace.
    #[error("Assessment with ID '{id}' not found for trace '{trace}'")]
    NoAssessment {
        /// The assessment.
        id: String,
        /// The trace.
        trace: String,
    },
    /// The spans of a trace are files that its client wrote.
    #[error("The spans of the trace with ID '{0}' are not in the tracking store but among its artifacts.")]
    SpansElsewhere(String),
    /// Not all spans of a trace have come.
    #[error("Trace with ID {0} is not fully exported yet, please try again later.")]
    NotExported(String),
    /// There is no such tag.
    #[error("No tag with name: {key} in {owner}")]
    NoTag {
        /// The tag.
        key: String,
        /// What was expected to have it.
        owner: String,
    },
    /// Deleted things are not written to.
    #[error("The {what} must be in the 'active' state. Current state is {}.", .state.as_str())]
    NotActive {
        /// The kind and id.
        what: String,
        /// Its state.
        state: Lifecycle,
    },
    /// A parameter never changes.
    #[error(
        "Changing param values is not allowed. Param with key='{key}' was already logged with \
         value='{old}' for run ID='{run}'. Attempted logging new value '{new}'."
    )]
    ParamChanged {
        /// The parameter.
        key: String,
        /// The value it has.
        old: String,
        /// The value it was to get.
        new: String,
        /// The run.
        run: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
