//! The documents of a manifest file.

use super::analysis::Templates;
use super::strategy;
use super::{RolloutSpec, Strategy, Warning};
use mainspring_expressions::yaml::{self, Fault, Mapping, Node, Position, Value};
use std::time::Duration;

/// Documents that a manifest may have.
const MAX_DOCUMENTS: usize = 100;
/// Kinds of a cluster that people keep in the same file; nothing of them is needed here.
const CLUSTER_KINDS: [&str; 18] = [
    "Service",
    "Ingress",
    "VirtualService",
    "DestinationRule",
    "Gateway",
    "HTTPRoute",
    "ConfigMap",
    "Secret",
    "Deployment",
    "HorizontalPodAutoscaler",
    "Namespace",
    "ServiceAccount",
    "TrafficSplit",
    "Mapping",
    "TraefikService",
    "ApisixRoute",
    "PodDisruptionBudget",
    "ServiceMonitor",
];
const SPEC: [&str; 7] = [
    "strategy",
    "paused",
    "progressDeadlineSeconds",
    "progressDeadlineAbort",
    "rollbackWindow",
    "revisionHistoryLimit",
    "replicas",
];
/// Fields of a Rollout that only mean something in a cluster.
const SPEC_CLUSTER: [&str; 6] =
    ["selector", "template", "workloadRef", "minReadySeconds", "restartAt", "analysis"];

/// What is read, with what has no effect.
#[derive(Default)]
pub(super) struct Notes {
    warnings: Vec<Warning>,
}

impl Notes {
    pub(super) fn warn(&mut self, at: Position, message: impl Into<String>) {
        self.warnings.push(Warning { line: at.line, message: message.into() });
    }

    /// Refuses what is unknown and notes what only means something in a cluster.
    pub(super) fn fields(
        &mut self,
        map: &Mapping,
        what: &str,
        known: &[&str],
        cluster: &[&str],
    ) -> Result<(), Fault> {
        let all: Vec<&str> = known.iter().chain(cluster).copied().collect();
        map.deny_unknown(what, &all)?;
        for (name, at, _) in &map.entries {
            if cluster.contains(&name.as_str()) {
                self.warn(*at, format!("`{name}` only means something on Kubernetes and has no effect here"));
            }
        }
        Ok(())
    }
}

pub(super) fn read(text: &str) -> Result<RolloutSpec, Fault> {
    let texts = split(text);
    if texts.len() > MAX_DOCUMENTS {
        return Err(Fault::new(
            Position { line: 1, column: 1 },
            format!("the file has more than {MAX_DOCUMENTS} documents"),
            "keep one Rollout with its templates in a file",
        ));
    }
    let mut notes = Notes::default();
    let mut rollout: Option<Node> = None;
    let mut templates = Templates::default();
    for text in texts {
        let node = yaml::parse(&text)?;
        let map = node.map("the document")?;
        let kind = map.get("kind").map(|kind| kind.text("kind").map(|text| (kind.at, text))).transpose()?;
        match kind {
            Some((_, "Rollout")) | None if rollout.is_none() => rollout = Some(node),
            Some((_, "AnalysisTemplate" | "ClusterAnalysisTemplate")) => templates.add(map)?,
            Some((at, kind)) if CLUSTER_KINDS.contains(&kind) => {
                notes.warn(at, format!("the document of kind `{kind}` only means something on Kubernetes"));
            }
            other => {
                let (at, kind) = other.unwrap_or((node.at, "(none)"));
                return Err(Fault::new(
                    at,
                    format!("a document of kind `{kind}` does not belong here"),
                    "write one document of kind `Rollout` and any number of kind `AnalysisTemplate`",
                ));
            }
        }
    }
    let Some(rollout) = rollout else {
        return Err(Fault::new(
            Position { line: 1, column: 1 },
            "there is no document of kind `Rollout`",
            "start with `kind: Rollout` and `spec.strategy.canary.steps`",
        ));
    };
    spec(&rollout, &templates, notes)
}

/// The YAML documents of a text, each padded with empty lines so that positions stay those of the file.
pub(crate) fn split(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for (number, line) in text.lines().enumerate() {
        if line.trim_end() == "---" || line.starts_with("--- ") {
            // What stands behind the dashes belongs to the document.
            documents.push(format!("{}{}\n", "\n".repeat(number), line.replacen("---", "   ", 1)));
        } else if let Some(last) = documents.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
    }
    documents.retain(|document| {
        document.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
    });
    documents
}

fn spec(node: &Node, templates: &Templates, mut notes: Notes) -> Result<RolloutSpec, Fault> {
    let root = node.map("the manifest")?;
    let whole = root.get("kind").is_some() || root.get("spec").is_some();
    let spec = if whole {
        let known = ["apiVersion", "kind", "metadata", "spec", "status"];
        notes.fields(root, "field of the Rollout", &known, &[])?;
        Some(root.require("spec", "the Rollout")?.map("spec")?)
    } else if root.get("strategy").is_some() {
        Some(root)
    } else {
        None
    };
    // A block that stands alone is a strategy, or the inside of one.
    let strategy = match spec {
        Some(spec) => {
            notes.fields(spec, "field of `spec`", &SPEC, &SPEC_CLUSTER)?;
            spec.require("strategy", "the spec")?
        }
        None => node,
    };
    let name = root
        .get("metadata")
        .map(|metadata| metadata.map("metadata"))
        .transpose()?
        .and_then(|metadata| metadata.get("name"))
        .map_or(Ok(String::new()), |name| name.scalar("metadata.name"))?;
    let default = Mapping::default();
    let spec = spec.unwrap_or(&default);
    let flag = |key: &str| spec.get(key).map_or(Ok(false), |node| node.boolean(key));
    let number = |key: &str| spec.get(key).map(|node| node.count(key)).transpose();
    let read = strategy::read(strategy, node, templates, &mut notes, number("revisionHistoryLimit")?)?;
    let rollback_window = match spec.get("rollbackWindow") {
        None => None,
        Some(window) => {
            let window = window.map("rollbackWindow")?;
            window.deny_unknown("field of `rollbackWindow`", &["revisions"])?;
            let revisions = window.require("revisions", "`rollbackWindow`")?.count("revisions")?;
            Some(u32::try_from(revisions).unwrap_or(u32::MAX))
        }
    };
    if let Some(replicas) = spec.get("replicas") {
        replicas.count("replicas")?;
        notes.warn(replicas.at, "`replicas` has no effect here: `workers` in mainspring.toml says how many");
    }
    Ok(RolloutSpec {
        name,
        paused: flag("paused")?,
        progress_deadline: Duration::from_secs(number("progressDeadlineSeconds")?.unwrap_or(600)),
        progress_deadline_abort: flag("progressDeadlineAbort")?,
        rollback_window,
        warnings: notes.warnings,
        ..read
    })
}

/// A spec to be filled in.
pub(super) fn blank(strategy: Strategy) -> RolloutSpec {
    RolloutSpec {
        name: String::new(),
        strategy,
        steps: Vec::new(),
        background: None,
        paused: false,
        progress_deadline: Duration::from_secs(600),
        progress_deadline_abort: false,
        rollback_window: None,
        scale_down_delay: Duration::from_secs(30),
        abort_scale_down_delay: Some(Duration::from_secs(30)),
        warnings: Vec::new(),
    }
}

/// The items of a list, or none.
pub(super) fn items<'a>(map: &'a Mapping, key: &str) -> Result<&'a [Node], Fault> {
    map.get(key).map_or(Ok(&[]), |node| node.list(key))
}

/// A duration as Argo Rollouts takes it: a number, or a text with or without units.
pub(super) fn duration(node: &Node) -> Result<Duration, Fault> {
    let text = match &node.value {
        Value::Integer(_) | Value::Float(_) | Value::Text(_) => node.scalar("duration")?,
        _ => return Err(node.unlike("duration", "a duration like `30s`")),
    };
    mainspring_expressions::duration::parse(&text).map_err(|error| {
        Fault::new(
            node.at,
            format!("Duration needs to be greater than 0: {error}"),
            "write for example `30s`, `5m` or `1h`",
        )
    })
}
