//! What a rollout manifest says: the strategy of an Argo `Rollout` and the `AnalysisTemplate`s it
//! names, read and checked.

mod analysis;
mod arguments;
mod documents;
mod metric;
mod strategy;

pub(crate) use documents::split;

pub use arguments::{RuntimeArgument, field_path};
pub use metric::{AnalysisMetric, Provider, Quantity, Query, without_user};

use mainspring_domain::delivery::{HeaderRoute, MirrorRoute, Routing};
use mainspring_expressions::duration;
use mainspring_expressions::yaml::SourceError;
use std::path::Path;
use std::time::Duration;

/// A part of a manifest that is read but has no effect here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Line, from 1.
    pub line: u64,
    /// What is not done.
    pub message: String,
}

/// A validated rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutSpec {
    /// The rollout's name.
    pub name: String,
    /// Which strategy it is.
    pub strategy: Strategy,
    /// The steps, in order. Blue-green has those of its order: preview analysis, pause, switch,
    /// analysis after it.
    pub steps: Vec<Step>,
    /// The analysis that runs beside the steps.
    pub background: Option<Background>,
    /// Whether it begins paused by hand.
    pub paused: bool,
    /// How long nothing may move before the rollout counts as stuck.
    pub progress_deadline: Duration,
    /// Whether it is then given up.
    pub progress_deadline_abort: bool,
    /// Going back at most this many releases skips the steps.
    pub rollback_window: Option<u32>,
    /// How long the version that was replaced stays loaded.
    pub scale_down_delay: Duration,
    /// How long a version that was given up stays loaded; `None` keeps it until another comes.
    pub abort_scale_down_delay: Option<Duration>,
    /// What has no effect here.
    pub warnings: Vec<Warning>,
}

/// The kind of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// A share of the traffic that grows.
    Canary,
    /// All traffic at once, after a preview.
    BlueGreen,
}

/// An analysis beside the steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Background {
    /// What is measured.
    pub analysis: Analysis,
    /// The step at which it begins.
    pub starting_step: usize,
}

/// What an analysis measures.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// The template names, for people.
    pub templates: Vec<String>,
    /// The metrics of all templates.
    pub metrics: Vec<AnalysisMetric>,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Give the canary this share of the traffic, in percent.
    SetWeight(u8),
    /// Wait; without a duration, until somebody promotes.
    Pause(Option<Duration>),
    /// Measure, and go on only if every metric succeeds.
    Analysis(Analysis),
    /// Compare both versions for a time.
    Experiment(Experiment),
    /// Sizes are those of `mainspring.toml`; the step is over at once.
    SetCanaryScale(String),
    /// Send requests with certain headers to the canary; without any, take the route away.
    SetHeaderRoute(HeaderRoute),
    /// Copy requests to the canary; `None` takes the route away.
    SetMirrorRoute(String, Option<MirrorRoute>),
    /// Blue-green's switch of all traffic.
    Switch,
}

/// A comparison of both versions for a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// How long; without it, until the required analyses have ended.
    pub duration: Option<Duration>,
    /// Percent of the traffic that the canary gets beside its weight.
    pub weight: u8,
    /// What is measured meanwhile.
    pub analysis: Analysis,
    /// For each metric whether the experiment waits for it.
    pub required: Vec<bool>,
}

impl Step {
    /// How the step reads in a list.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::SetWeight(weight) => format!("set weight {weight} %"),
            Self::Pause(Some(time)) => format!("pause {}", duration::format(*time)),
            Self::Pause(None) => "pause until promoted".to_owned(),
            Self::Analysis(analysis) => format!("analysis {}", analysis.templates.join(", ")),
            Self::Experiment(experiment) => match experiment.duration {
                Some(time) => format!("experiment {}", duration::format(time)),
                None => format!("experiment {}", experiment.analysis.templates.join(", ")),
            },
            Self::SetCanaryScale(scale) => format!("set canary scale {scale}"),
            Self::SetHeaderRoute(route) if route.headers.is_empty() => {
                format!("remove header route {}", route.name)
            }
            Self::SetHeaderRoute(route) => format!("set header route {}", route.name),
            Self::SetMirrorRoute(name, None) => format!("remove mirror route {name}"),
            Self::SetMirrorRoute(name, Some(_)) => format!("set mirror route {name}"),
            Self::Switch => "switch all traffic".to_owned(),
        }
    }

    /// What the step measures.
    #[must_use]
    pub const fn analysis(&self) -> Option<&Analysis> {
        match self {
            Self::Analysis(analysis) => Some(analysis),
            Self::Experiment(experiment) => Some(&experiment.analysis),
            _ => None,
        }
    }
}

impl RolloutSpec {
    /// Reads a manifest: a `Rollout` with its templates, or its `spec`, `strategy`, `canary` or
    /// `blueGreen` block alone. `file` is only used in messages.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn parse(text: &str, file: &Path) -> Result<Self, SourceError> {
        documents::read(text).map_err(|fault| fault.in_file(file))
    }

    /// The weight in force at a step: the nearest `setWeight` at or before it, and what an
    /// experiment adds.
    #[must_use]
    pub fn weight_at(&self, step: usize) -> u8 {
        match self.steps.get(step) {
            None => 100,
            Some(Step::SetWeight(weight)) => *weight,
            Some(Step::Switch) => 100,
            Some(Step::Experiment(experiment)) => {
                self.weight_before(step).saturating_add(experiment.weight).min(100)
            }
            Some(_) => self.weight_before(step),
        }
    }

    /// The weight that the steps before one have set.
    #[must_use]
    pub fn weight_before(&self, step: usize) -> u8 {
        let before = self.steps.iter().take(step).rev().find_map(|step| match step {
            Step::SetWeight(weight) => Some(*weight),
            Step::Switch => Some(100),
            _ => None,
        });
        before.unwrap_or(0)
    }

    /// The routes in force at a step: those that it or a step before it has set.
    #[must_use]
    pub fn routing_at(&self, step: usize) -> Routing {
        let mut routing = Routing::default();
        for step in self.steps.iter().take(step.saturating_add(1)) {
            match step {
                Step::SetHeaderRoute(route) => {
                    routing.headers.retain(|other| other.name != route.name);
                    if !route.headers.is_empty() {
                        routing.headers.push(route.clone());
                    }
                }
                Step::SetMirrorRoute(name, route) => {
                    routing.mirrors.retain(|other| other.name != *name);
                    routing.mirrors.extend(route.clone());
                }
                _ => {}
            }
        }
        routing
    }
}
