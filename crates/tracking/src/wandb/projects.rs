//! Entities and projects as experiments.

use crate::validation::invalid;
use crate::{Result, experiments};
use mainspring_domain::tracking::{Experiment, Lifecycle};
use mainspring_metadata_store::{ReadTx, WriteTx};

/// The entity that stands for this server: its projects are experiments of the same name.
pub const ENTITY: &str = "mainspring";

/// The experiment's name for a project. Projects of other entities carry them before a slash.
///
/// # Errors
/// When a name is empty or has a slash of its own.
pub fn experiment_name(entity: &str, project: &str) -> Result<String> {
    for (what, name) in [("project", project), ("entity", entity)] {
        if name.contains('/') || name.chars().any(char::is_control) {
            return invalid(format!("Invalid {what} name '{name}': it may not contain slashes."));
        }
    }
    if project.is_empty() {
        return invalid("A project name is required.");
    }
    Ok(if entity.is_empty() || entity == ENTITY { project.to_owned() } else { format!("{entity}/{project}") })
}

/// Entity and project of an experiment's name.
#[must_use]
pub fn of_experiment(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or((ENTITY, name))
}

/// The experiment of a project, when it is in use.
///
/// # Errors
/// When a name is not taken.
pub fn find(tx: &dyn ReadTx, entity: &str, project: &str) -> Result<Option<Experiment>> {
    let found = tx.experiment_by_name(&experiment_name(entity, project)?)?;
    Ok(found.filter(|experiment| experiment.lifecycle == Lifecycle::Active))
}

/// The experiment of a project, made when there is none.
///
/// # Errors
/// When a name is not taken, or the experiment is deleted.
pub fn ensure(tx: &mut dyn WriteTx, entity: &str, project: &str) -> Result<i64> {
    let name = experiment_name(entity, project)?;
    match tx.experiment_by_name(&name)? {
        Some(found) => Ok(experiments::get_active(tx, found.id)?.id),
        None => experiments::create_through_server(tx, &name),
    }
}

#[cfg(test)]
mod tests {
    use super::{experiment_name, of_experiment};

    #[test]
    fn names_go_both_ways() {
        for (entity, project, name) in
            [("", "p", "p"), ("mainspring", "p", "p"), ("team", "p", "team/p"), ("team", "p q", "team/p q")]
        {
            assert_eq!(experiment_name(entity, project).unwrap(), name);
        }
        assert_eq!(of_experiment("p"), ("mainspring", "p"));
        assert_eq!(of_experiment("team/p"), ("team", "p"));
        for (entity, project) in [("", ""), ("a/b", "p"), ("a", "p/q"), ("a", "../p"), ("a\n", "p")] {
            assert!(experiment_name(entity, project).is_err(), "{entity} {project}");
        }
    }
}
