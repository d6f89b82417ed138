//! The importer: takes what a source hands over and writes it, a bounded amount per transaction.

use super::traces::{self, SourceTrace};
use crate::artifacts::{Copying, Files};
use crate::moved::Moved;
use crate::report::Report;
use crate::target::{Known, Target};
use crate::{Result, target};
use mainspring_domain::Actor;
use mainspring_domain::events::Record;
use mainspring_domain::tracking::{
    DatasetInput, Experiment, KeyValue, LoggedModel, Metric, ModelOutput, RunInfo, latest_points,
};
use mainspring_metadata_store::traits::ModelMetric;
use mainspring_metadata_store::{StoreError, WriteTx};
use serde_json::json;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// What one transaction writes at most, about: points and entities.
const BATCH: usize = 10_000;
/// What an entity weighs beside a point.
const ENTITY: usize = 20;

/// What the user chose.
#[derive(Clone, Debug)]
pub struct Options {
    /// What happens to artifacts.
    pub copying: Copying,
    /// Folders that artifact files may be taken from, beside the store's own.
    pub artifact_roots: Vec<PathBuf>,
    /// The token for a server that asks for a login.
    pub token: Option<String>,
    /// Who the audit trail names.
    pub actor: Actor,
}

/// A run as a source hands it over. Its points follow.
#[derive(Clone, Debug)]
pub(crate) struct SourceRun {
    pub(crate) info: RunInfo,
    pub(crate) params: Vec<KeyValue>,
    pub(crate) tags: Vec<KeyValue>,
    pub(crate) inputs: Vec<DatasetInput>,
    pub(crate) model_inputs: Vec<String>,
    pub(crate) outputs: Vec<ModelOutput>,
}

/// Something to write.
pub(super) enum Step {
    Run(Box<SourceRun>),
    Points(String, Vec<Metric>),
    LoggedModel(Box<LoggedModel>),
    ModelPoints(String, Vec<ModelMetric>),
    Trace(Box<SourceTrace>),
    /// All of a run or logged model has been handed over.
    Done(String),
}

/// Writes what a source hands over.
pub(crate) struct Importer<'a> {
    pub(crate) target: Target,
    pub(crate) report: Report,
    pub(super) actor: Actor,
    pub(super) moved: Moved,
    files: Files,
    progress: &'a mut dyn FnMut(&Report),
    /// The experiments' ids here, by those of the source.
    experiments: HashMap<i64, i64>,
    /// Ids that a dry run would have given.
    planned: HashSet<i64>,
    /// Runs and logged models that this import has seen.
    seen: HashSet<String>,
    /// Those of them that are there with a part of their points.
    unfinished: HashSet<String>,
    steps: Vec<Step>,
    weight: usize,
}

impl<'a> Importer<'a> {
    pub(crate) fn new(
        target: Target,
        source: String,
        actor: Actor,
        files: Files,
        progress: &'a mut dyn FnMut(&Report),
    ) -> Self {
        let report = Report { source, dry_run: target.is_dry(), ..Report::default() };
        Self {
            target,
            report,
            actor,
            moved: Moved::default(),
            files,
            progress,
            experiments: HashMap::new(),
            planned: HashSet::new(),
            seen: HashSet::new(),
            unfinished: HashSet::new(),
            steps: Vec::new(),
            weight: 0,
        }
    }

    /// Brings an experiment. One of the same name is the same experiment.
    pub(crate) fn experiment(&mut self, mut experiment: Experiment) -> Result<()> {
        let theirs = experiment.id;
        if let Some(ours) = self.target.experiment_named(&experiment.name)? {
            self.report.already_there.experiments += 1;
            self.experiments.insert(theirs, ours.id);
            if ours.id != theirs {
                self.note_mapping(&experiment, ours.id);
            }
            return self.add_experiment_tags(&ours, experiment.tags);
        }
        let free = theirs > 0 && !self.planned.contains(&theirs) && !self.target.has_experiment(theirs)?;
        // Without a store a dry run stands before the default experiment alone.
        if theirs == 0 && matches!(self.target, Target::Look(None)) && experiment.name == "Default" {
            self.experiments.insert(0, 0);
            return Ok(());
        }
        self.report.brought.experiments += 1;
        self.report.brought.tags += experiment.tags.len() as u64;
        let moves = self.files.would_move(&experiment.artifact_location);
        let source = self.report.source.clone();
        let written = experiment.clone();
        let id = self.target.write(&self.actor, move |tx| {
            let id = if free { theirs } else { tx.next_experiment_id()? };
            tx.reserve_experiment_id(id)?;
            let mut experiment = written;
            experiment.id = id;
            if moves {
                experiment.artifact_location = format!("mlflow-artifacts:/{id}");
            }
            tx.insert_experiment(&experiment)?;
            let details =
                json!({ "name": experiment.name, "source": source, "source_id": theirs.to_string() });
            tx.record(Record::new("experiment.imported", format!("experiment:{id}")).with(details))?;
            Ok(id)
        })?;
        let id = id.unwrap_or_else(|| if free { theirs } else { self.plan_id() });
        self.planned.insert(id);
        self.experiments.insert(theirs, id);
        if id != theirs {
            experiment.id = theirs;
            self.note_mapping(&experiment, id);
        }
        Ok(())
    }

    fn note_mapping(&mut self, experiment: &Experiment, ours: i64) {
        let what = format!("experiment {} ({})", experiment.id, experiment.name);
        self.report.mapped(what, format!("experiment {ours}"));
    }

    fn plan_id(&self) -> i64 {
        self.planned.iter().max().map_or(1, |id| id + 1)
    }

    fn add_experiment_tags(&mut self, ours: &Experiment, tags: Vec<KeyValue>) -> Result<()> {
        let is_new = |tag: &KeyValue| ours.tags.iter().all(|held| held.key != tag.key);
        let tags: Vec<KeyValue> = tags.into_iter().filter(is_new).collect();
        self.report.brought.tags += tags.len() as u64;
        if tags.is_empty() {
            return Ok(());
        }
        let (id, source) = (ours.id, self.report.source.clone());
        self.target.write(&self.actor, move |tx| {
            tags.iter().try_for_each(|tag| tx.set_experiment_tag(id, tag))?;
            let details = json!({ "source": source, "tags": tags.len() });
            tx.record(Record::new("experiment.imported", format!("experiment:{id}")).with(details))
        })?;
        Ok(())
    }

    /// Those of the runs, each with its artifact location, that are still to be brought.
    pub(crate) fn wanted_runs(&mut self, runs: Vec<(String, String)>) -> Result<HashSet<String>> {
        let known = self.target.known_runs(runs.iter().map(|(id, _)| id.clone()).collect())?;
        let wanted = self.wanted(runs, &known);
        self.report.already_there.runs += known.values().filter(|run| !run.unfinished).count() as u64;
        Ok(wanted)
    }

    /// As [`Importer::wanted_runs`], for logged models.
    pub(crate) fn wanted_logged_models(&mut self, models: Vec<(String, String)>) -> Result<HashSet<String>> {
        let known = self.target.known_logged_models(models.iter().map(|(id, _)| id.clone()).collect())?;
        let wanted = self.wanted(models, &known);
        self.report.already_there.logged_models +=
            known.values().filter(|model| !model.unfinished).count() as u64;
        Ok(wanted)
    }

    fn wanted(&mut self, offered: Vec<(String, String)>, known: &HashMap<String, Known>) -> HashSet<String> {
        let mut wanted = HashSet::new();
        for (id, location) in offered {
            if let Some(known) = known.get(&id) {
                self.moved.note(&id, &location, &known.artifact_uri);
                if !known.unfinished {
                    continue;
                }
                self.unfinished.insert(id.clone());
            } else if !is_id(&id) {
                self.report.left_out(id, "this is no id: letters, digits, `_` and `-` make one");
                continue;
            }
            if self.seen.insert(id.clone()) {
                wanted.insert(id);
            } else {
                self.report.left_out(id, "the source has this id a second time");
            }
        }
        wanted
    }

    /// Begins a run; its points follow, then [`Importer::done`]. `beside` is the folder where a file
    /// store keeps its artifacts.
    pub(crate) fn run(&mut self, mut run: SourceRun, beside: Option<&Path>) -> Result<bool> {
        let id = run.info.id.clone();
        if self.unfinished.contains(&id) {
            return Ok(true);
        }
        let Some(experiment) = self.experiments.get(&run.info.experiment).copied() else {
            let why = format!("its experiment {} was not brought", run.info.experiment);
            self.report.left_out(format!("run {id}"), why);
            return Ok(false);
        };
        run.info.experiment = experiment;
        let mut keys = HashSet::new();
        run.params.retain(|param| keys.insert(param.key.clone()));
        let to = format!("{experiment}/{id}/artifacts");
        if let Some(location) = self.bring_files(&run.info.artifact_uri, &to, beside)? {
            self.moved.note(&id, &run.info.artifact_uri, &location);
            run.info.artifact_uri = location;
        }
        let brought = &mut self.report.brought;
        brought.runs += 1;
        brought.params += run.params.len() as u64;
        brought.tags += run.tags.len() as u64;
        brought.inputs += run.inputs.len() as u64;
        brought.model_links += (run.model_inputs.len() + run.outputs.len()) as u64;
        let weight = ENTITY + run.params.len() + run.tags.len() + run.inputs.len() * ENTITY;
        run.info.created_by = self.actor.clone();
        self.push(Step::Run(Box::new(run)), weight)?;
        Ok(true)
    }

    pub(super) fn bring_files(
        &mut self,
        location: &str,
        to: &str,
        beside: Option<&Path>,
    ) -> Result<Option<String>> {
        self.files.bring(&self.target, &mut self.report, location, to, beside)
    }

    /// Brings points of a run.
    pub(crate) fn points(&mut self, run: &str, mut points: Vec<Metric>) -> Result<()> {
        for point in &mut points {
            if point.value.is_infinite() {
                point.value = f64::MAX.copysign(point.value);
                self.report.infinities += 1;
            }
        }
        self.report.brought.points += points.len() as u64;
        let weight = points.len();
        self.push(Step::Points(run.to_owned(), points), weight)
    }

    /// Begins a logged model; its points follow, then [`Importer::done`].
    pub(crate) fn logged_model(&mut self, mut model: LoggedModel, beside: Option<&Path>) -> Result<bool> {
        if self.unfinished.contains(&model.id) {
            return Ok(true);
        }
        let Some(experiment) = self.experiments.get(&model.experiment).copied() else {
            let why = format!("its experiment {} was not brought", model.experiment);
            self.report.left_out(format!("logged model {}", model.id), why);
            return Ok(false);
        };
        model.experiment = experiment;
        let mut keys = HashSet::new();
        model.params.retain(|param| keys.insert(param.key.clone()));
        let to = format!("{experiment}/models/{}/artifacts", model.id);
        if let Some(location) = self.bring_files(&model.artifact_uri, &to, beside)? {
            self.moved.note(&model.id, &model.artifact_uri, &location);
            model.artifact_uri = location;
        }
        self.report.brought.logged_models += 1;
        let weight = ENTITY + model.params.len() + model.tags.len();
        self.push(Step::LoggedModel(Box::new(model)), weight)?;
        Ok(true)
    }

    /// Brings points that were measured on a logged model.
    pub(crate) fn model_points(&mut self, model: &str, mut points: Vec<ModelMetric>) -> Result<()> {
        for point in &mut points {
            if point.metric.value.is_infinite() {
                point.metric.value = f64::MAX.copysign(point.metric.value);
                self.report.infinities += 1;
            }
        }
        self.report.brought.model_points += points.len() as u64;
        let weight = points.len();
        self.push(Step::ModelPoints(model.to_owned(), points), weight)
    }

    /// The id here of an experiment of the source, when it was brought.
    pub(super) fn experiment_here(&self, theirs: i64) -> Option<i64> {
        self.experiments.get(&theirs).copied()
    }

    /// All of a run or logged model has been handed over.
    pub(crate) fn done(&mut self, id: &str) -> Result<()> {
        self.push(Step::Done(id.to_owned()), 0)
    }

    pub(super) fn push(&mut self, step: Step, weight: usize) -> Result<()> {
        self.weight += weight;
        self.steps.push(step);
        if self.weight >= BATCH { self.flush() } else { Ok(()) }
    }

    /// Writes what waits.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.weight = 0;
        let steps = std::mem::take(&mut self.steps);
        if !steps.is_empty() {
            let source = self.report.source.clone();
            self.target.write(&self.actor, move |tx| write(tx, &source, steps))?;
        }
        (self.progress)(&self.report);
        Ok(())
    }
}

/// Whether a text can be the id of a run, logged model or trace.
pub(super) fn is_id(text: &str) -> bool {
    text.len() <= 256
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// Writes a batch. Of what is not complete at its end a bookmark says so.
fn write(tx: &mut dyn WriteTx, source: &str, steps: Vec<Step>) -> std::result::Result<(), StoreError> {
    let mut begun: HashSet<String> = HashSet::new();
    let mut added: HashMap<String, usize> = HashMap::new();
    let mut done = Vec::new();
    let mut traced: BTreeMap<i64, usize> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Run(run) => {
                begun.insert(run.info.id.clone());
                write_run(tx, source, &run)?;
            }
            Step::Points(run, points) => {
                let new = tx.insert_metric_points(&run, &points)?;
                if new > 0 {
                    tx.raise_latest_metrics(&run, &latest_points(&points))?;
                }
                *added.entry(run).or_default() += new;
            }
            Step::LoggedModel(model) => {
                begun.insert(model.id.clone());
                tx.insert_logged_model(&model)?;
                let details = json!({ "name": model.name, "source": source });
                let subject = format!("logged_model:{}", model.id);
                tx.record(Record::new("logged_model.imported", subject).with(details))?;
            }
            Step::ModelPoints(model, points) => {
                tx.insert_model_metrics(&points)?;
                added.entry(model).or_default();
            }
            Step::Trace(trace) => {
                traces::write(tx, &trace)?;
                *traced.entry(trace.info.experiment).or_default() += 1;
            }
            Step::Done(id) => done.push(id),
        }
    }
    let touched: Vec<&String> = begun.iter().chain(added.keys().filter(|id| !begun.contains(*id))).collect();
    for id in touched.into_iter().filter(|id| !done.contains(id)) {
        tx.set_cursor(&target::bookmark(id), 1)?;
    }
    for id in done.iter().filter(|id| !begun.contains(*id)) {
        tx.set_cursor(&target::bookmark(id), 0)?;
    }
    for (run, points) in added.into_iter().filter(|(id, points)| *points > 0 && !begun.contains(id)) {
        let details = json!({ "metrics": points, "source": source });
        tx.record(Record::new("run.imported", format!("run:{run}")).with(details))?;
    }
    for (experiment, traces) in traced {
        let details = json!({ "traces": traces, "source": source });
        tx.record(Record::new("traces.imported", format!("experiment:{experiment}")).with(details))?;
    }
    // What only moved bookmarks has nothing to say.
    tx.bookkeeping();
    Ok(())
}

fn write_run(tx: &mut dyn WriteTx, source: &str, run: &SourceRun) -> std::result::Result<(), StoreError> {
    let id = &run.info.id;
    tx.insert_run(&run.info)?;
    tx.set_run_tags(id, &run.tags)?;
    run.params.iter().try_for_each(|param| tx.insert_param(id, param))?;
    tx.insert_inputs(&run.info, &run.inputs)?;
    tx.insert_model_inputs(id, &run.model_inputs)?;
    tx.insert_outputs(id, &run.outputs)?;
    let details = json!({
        "name": run.info.name, "experiment": run.info.experiment.to_string(), "source": source,
    });
    tx.record(Record::new("run.imported", format!("run:{id}")).with(details))?;
    Ok(())
}
