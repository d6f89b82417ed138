//! From what a request names to the scopes on which its role must be held.

use super::ids::Named;
use super::permissions::On;
use mainspring_domain::access::{Role, Scope};
use mainspring_domain::delivery::served_model;
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_metadata_store::{ReadTx, StoreError};
use mainspring_tracking::locations::experiment_in;
use mainspring_tracking::wandb::projects;

/// A role that is needed, and where.
pub(super) type Needed = (Role, Scope);

/// What the role is needed on. Something that does not exist, and a request that names nothing, asks
/// for the role on the whole server: who holds less learns nothing of what exists.
pub(super) fn needed(
    tx: &dyn ReadTx,
    role: Role,
    on: On,
    named: &Named,
    path: &[(String, String)],
) -> Result<Vec<Needed>, StoreError> {
    let in_path = |key: &str| path.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    // What cannot be found, and what is no single thing, asks for the role on all that there is to see.
    let whole = || tx.within().map_or(Scope::Server, |within| Scope::Workspace(within.clone()));
    let model = |name: &str| Scope::Model(tx.qualified(name));
    let mut needed = Vec::new();
    match on {
        On::Server => needed.push((role, Scope::Server)),
        On::Visible | On::Workspace => {}
        On::WorkspacePath => {
            let name = in_path("workspace").and_then(|name| WorkspaceName::parse(name).ok());
            needed.push((role, name.map_or(Scope::Server, Scope::Workspace)));
        }
        On::Experiment | On::Experiments | On::ExperimentHeader => {
            needed.extend(named.experiments.iter().map(|id| (role, experiment(id))));
            // A logged model names the run that it comes from.
            for run in &named.runs {
                needed.push((role, of_run(tx, run)?.unwrap_or_else(whole)));
            }
        }
        On::ExperimentName => {
            for name in &named.experiment_names {
                let found = tx.experiment_by_name(name)?;
                needed.push((role, found.map_or_else(whole, |found| Scope::Experiment(found.id))));
            }
        }
        On::Run | On::RunQuery => {
            for run in &named.runs {
                needed.push((role, of_run(tx, run)?.unwrap_or_else(whole)));
            }
            for id in &named.logged_models {
                needed.push((role, of_logged_model(tx, id)?.unwrap_or_else(whole)));
            }
        }
        On::LoggedModel => {
            if let Some(id) = in_path("id") {
                needed.push((role, of_logged_model(tx, id)?.unwrap_or_else(whole)));
            }
        }
        On::EvaluationDataset => {
            let dataset = in_path("dataset").map(|id| tx.evaluation_dataset(id)).transpose()?.flatten();
            // Adding it to an experiment shows it to that experiment's readers, so both sides count.
            let own = dataset.map(|dataset| dataset.experiments).unwrap_or_default();
            needed.extend(own.into_iter().map(|id| (role, Scope::Experiment(id))));
            if needed.is_empty() {
                needed.push((role, whole()));
            }
            needed.extend(named.experiments.iter().map(|id| (role, experiment(id))));
        }
        On::Trace => {
            if let Some(id) = in_path("id") {
                needed.push((role, of_trace(tx, id)?.unwrap_or_else(whole)));
            }
        }
        On::Traces => {
            for id in &named.traces {
                needed.push((role, of_trace(tx, id)?.unwrap_or_else(whole)));
            }
        }
        On::Artifact => {
            let path = in_path("path").unwrap_or_default();
            needed.push((role, of_path(tx, path)?));
        }
        On::ArtifactQuery => {
            for path in &named.paths {
                needed.push((role, of_path(tx, path)?));
            }
            // The root of the default workspace is that of all.
            if needed.is_empty() && tx.within().is_none_or(WorkspaceName::is_default) {
                needed.push((role, Scope::Server));
            }
        }
        On::Model => needed.extend(named.models.iter().map(|name| (role, model(name)))),
        On::ModelWithSource => {
            needed.extend(named.models.iter().map(|name| (role, model(name))));
            for run in &named.runs {
                needed.push((Role::Reader, of_run(tx, run)?.unwrap_or_else(whole)));
            }
            for id in &named.logged_models {
                needed.push((Role::Reader, of_logged_model(tx, id)?.unwrap_or_else(whole)));
            }
            for source in &named.sources {
                if let Some(rest) = source.strip_prefix("models:/").filter(|rest| rest.contains(['/', '@'])) {
                    let name = rest.split(['/', '@']).next().unwrap_or_default();
                    needed.push((Role::Reader, model(name)));
                }
            }
        }
        On::ModelPath => {
            needed.extend(in_path("model").map(|name| (role, Scope::Model(served_model(name).to_owned()))));
        }
        On::ModelCall => {
            let name = in_path("model").map(|call| call.rsplit_once(':').map_or(call, |(name, _)| name));
            needed.extend(name.map(|name| (role, Scope::Model(served_model(name).to_owned()))));
        }
        On::RolloutPath => {
            if let Some(id) = in_path("id") {
                let found = tx.rollout(id)?;
                needed.push((
                    role,
                    found.map_or(Scope::Server, |rollout| {
                        Scope::Model(served_model(&rollout.model).to_owned())
                    }),
                ));
            }
        }
        On::ProjectPath => {
            if let (Some(entity), Some(project)) = (in_path("entity"), in_path("project")) {
                let found = projects::experiment_name(entity, project).ok();
                let found = found.map(|name| tx.experiment_by_name(&name)).transpose()?.flatten();
                needed.push((role, found.map_or(Scope::Server, |found| Scope::Experiment(found.id))));
            }
        }
    }
    if needed.is_empty() {
        needed.push((role, whole()));
    }
    Ok(needed)
}

fn experiment(id: &str) -> Scope {
    id.parse().map_or(Scope::Server, Scope::Experiment)
}

fn of_run(tx: &dyn ReadTx, run: &str) -> Result<Option<Scope>, StoreError> {
    Ok(tx.run_info(run)?.map(|run| Scope::Experiment(run.experiment)))
}

fn of_logged_model(tx: &dyn ReadTx, id: &str) -> Result<Option<Scope>, StoreError> {
    Ok(tx.logged_model(id)?.map(|model| Scope::Experiment(model.experiment)))
}

fn of_trace(tx: &dyn ReadTx, id: &str) -> Result<Option<Scope>, StoreError> {
    Ok(tx.trace_experiment(id)?.map(Scope::Experiment))
}

/// The experiment in whose folder an artifact lies.
fn of_path(tx: &dyn ReadTx, path: &str) -> Result<Scope, StoreError> {
    let Some(id) = experiment_in(path) else { return Ok(Scope::Server) };
    Ok(tx.experiment(id)?.map_or(Scope::Server, |found| Scope::Experiment(found.id)))
}
