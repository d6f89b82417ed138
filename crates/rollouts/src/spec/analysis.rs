//! Analyses: templates by name, and who names them.

use super::Analysis;
use super::arguments::Arguments;
use super::documents::{Notes, items};
use super::metric::{self, AnalysisMetric};
use mainspring_expressions::yaml::{Fault, Mapping, Node};

/// Metrics that one analysis may have.
const MAX_METRICS: usize = 100;
/// How deep templates may name others.
const MAX_DEPTH: usize = 5;
const ANALYSIS: [&str; 4] = ["templates", "args", "dryRun", "startingStep"];
const IGNORED: [&str; 2] = ["measurementRetention", "analysisRunMetadata"];

/// The templates of a file by name.
#[derive(Default)]
pub(super) struct Templates(Vec<(String, Mapping)>);

impl Templates {
    pub(super) fn add(&mut self, document: &Mapping) -> Result<(), Fault> {
        document
            .deny_unknown("field of the AnalysisTemplate", &["apiVersion", "kind", "metadata", "spec"])?;
        let metadata = document.require("metadata", "the AnalysisTemplate")?;
        let name = metadata.map("metadata")?.require("name", "`metadata`")?;
        let text = name.scalar("metadata.name")?;
        if self.0.iter().any(|(known, _)| *known == text) {
            return Err(Fault::new(
                name.at,
                format!("there are two AnalysisTemplates `{text}`"),
                "rename one of them",
            ));
        }
        let spec = document.require("spec", "the AnalysisTemplate")?.map("spec")?;
        let known = ["args", "metrics", "dryRun", "templates", "measurementRetention"];
        spec.deny_unknown("field of the template's `spec`", &known)?;
        self.0.push((text, spec.clone()));
        Ok(())
    }
}

/// Reads what names templates.
pub(super) struct Reader<'a> {
    pub(super) templates: &'a Templates,
    pub(super) rollout: &'a Node,
}

impl Reader<'_> {
    /// An `analysis` block. `endless` says whether its metrics may run until the rollout is over.
    pub(super) fn analysis(&self, node: &Node, endless: bool, notes: &mut Notes) -> Result<Analysis, Fault> {
        let map = node.map("analysis")?;
        let known = if endless { &ANALYSIS[..] } else { &ANALYSIS[..3] };
        notes.fields(map, "field of `analysis`", known, &IGNORED)?;
        let given = Arguments::read(items(map, "args")?, self.rollout)?;
        let mut analysis = Analysis { templates: Vec::new(), metrics: Vec::new() };
        for reference in items(map, "templates")? {
            let found = reference.map("template")?;
            let name = template_name(found)?;
            analysis.templates.push(name.scalar("templateName")?);
            self.collect(name, &given, endless, notes, 0, &mut analysis.metrics)?;
        }
        dry_run(map.get("dryRun"), &mut analysis.metrics)?;
        distinct(node, &analysis.metrics)?;
        Ok(analysis)
    }

    /// One analysis of an experiment, and whether the experiment waits for it.
    pub(super) fn experiment_analysis(
        &self,
        node: &Node,
        dry: Option<&Node>,
        notes: &mut Notes,
    ) -> Result<(Analysis, bool), Fault> {
        let map = node.map("analysis")?;
        let known = ["name", "templateName", "clusterScope", "args", "requiredForCompletion"];
        map.deny_unknown("field of an experiment's analysis", &known)?;
        let given = Arguments::read(items(map, "args")?, self.rollout)?;
        let name = map.require("templateName", "the analysis")?;
        let waits = map
            .get("requiredForCompletion")
            .map_or(Ok(false), |node| node.boolean("requiredForCompletion"))?;
        let mut metrics = Vec::new();
        // What is not waited for ends with the experiment.
        self.collect(name, &given, !waits, notes, 0, &mut metrics)?;
        dry_run(dry, &mut metrics)?;
        distinct(node, &metrics)?;
        Ok((Analysis { templates: vec![name.scalar("templateName")?], metrics }, waits))
    }

    fn collect(
        &self,
        name: &Node,
        given: &Arguments,
        endless: bool,
        notes: &mut Notes,
        depth: usize,
        metrics: &mut Vec<AnalysisMetric>,
    ) -> Result<(), Fault> {
        let text = name.scalar("templateName")?;
        let Some((_, spec)) = self.templates.0.iter().find(|(known, _)| *known == text) else {
            return Err(Fault::new(
                name.at,
                format!("there is no AnalysisTemplate `{text}` in this file"),
                "add a document of kind `AnalysisTemplate` with that `metadata.name`",
            ));
        };
        if depth > MAX_DEPTH {
            return Err(Fault::new(name.at, "templates name each other too deeply", "write the metrics out"));
        }
        let arguments = Arguments::read(items(spec, "args")?, self.rollout)?.given(given);
        let first = metrics.len();
        for metric in items(spec, "metrics")? {
            metrics.push(metric::read(metric, &text, &arguments, endless, notes)?);
        }
        if metrics.len() > MAX_METRICS {
            return Err(Fault::new(name.at, format!("more than {MAX_METRICS} metrics"), "measure less"));
        }
        for reference in items(spec, "templates")? {
            let nested = template_name(reference.map("template")?)?;
            self.collect(nested, given, endless, notes, depth + 1, metrics)?;
        }
        if metrics.len() == first {
            return Err(Fault::new(
                spec.at,
                "no metrics specified",
                format!("add `metrics` to the template `{text}`"),
            ));
        }
        dry_run(spec.get("dryRun"), &mut metrics[first..])
    }
}

fn template_name(map: &Mapping) -> Result<&Node, Fault> {
    map.deny_unknown("field of a template reference", &["templateName", "clusterScope"])?;
    map.require("templateName", "the template reference")
}

/// Takes the say from metrics whose names match.
fn dry_run(node: Option<&Node>, metrics: &mut [AnalysisMetric]) -> Result<(), Fault> {
    let Some(node) = node else { return Ok(()) };
    for item in node.list("dryRun")? {
        let map = item.map("dryRun")?;
        map.deny_unknown("field of `dryRun`", &["metricName"])?;
        let name = map.require("metricName", "`dryRun`")?;
        let pattern = format!("^(?:{})$", name.scalar("metricName")?);
        let pattern = regex::RegexBuilder::new(&pattern).size_limit(1 << 20).build().map_err(|error| {
            Fault::new(name.at, format!("the regex cannot be read: {error}"), "write a metric's name")
        })?;
        let mut found = false;
        for metric in metrics.iter_mut().filter(|metric| pattern.is_match(&metric.name)) {
            metric.dry_run = true;
            found = true;
        }
        if !found {
            return Err(Fault::new(
                name.at,
                format!("dryRun[0]: Rule didn't match any metric name(s): {}", name.scalar("metricName")?),
                "name a metric of the template",
            ));
        }
    }
    Ok(())
}

fn distinct(node: &Node, metrics: &[AnalysisMetric]) -> Result<(), Fault> {
    for (index, metric) in metrics.iter().enumerate() {
        if metrics[..index].iter().any(|other| other.name == metric.name) {
            return Err(Fault::new(
                node.at,
                format!("metrics[{index}]: duplicate name '{}'", metric.name),
                "rename one of them",
            ));
        }
    }
    Ok(())
}
