//! Asking for a version to be released, or for the one before.

use super::step::{read, step};
use super::warm::Warm;
use crate::AutomationError;
use crate::config::Config;
use mainspring_domain::delivery::{Deployment, Rollout, STAGES, route_parts};
use mainspring_domain::events::Record;
use mainspring_domain::registry::Stage;
use mainspring_governance::policy::StagePolicy;
use mainspring_metadata_store::{ReadTx, StoreError, WriteTx};
use mainspring_rollouts::{Event, Exported, RolloutSpec, RolloutState, entry};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rollouts that an undo looks back over.
const LOOK_BACK: u32 = 200;

/// What decides about releases. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Releases {
    pub(crate) config: Arc<Config>,
    pub(crate) project: PathBuf,
    pub(crate) policy: Arc<StagePolicy>,
    pub(crate) warm: Arc<Warm>,
}

impl Releases {
    /// Asks for a version to be put in charge of a route by its rollout manifest. Gives the rollout's
    /// id, or `None` when the version is in charge or on its way already.
    ///
    /// # Errors
    /// When there is no such version, no manifest, a mistake in it, or the policy refuses.
    pub(crate) fn request(
        &self,
        tx: &mut dyn WriteTx,
        (route, version): (&str, u32),
        (requested_by, reason): (&str, &str),
    ) -> Result<Option<String>, AutomationError> {
        let (model, stage) = route_parts(route);
        let found = tx
            .model_version(model, version)?
            .ok_or_else(|| AutomationError::UnknownVersion(model.to_owned(), version))?;
        if stage.is_none()
            && let Err(blocked) = self.policy.check(tx, &found, Stage::Production)?
        {
            return Err(AutomationError::Blocked { message: blocked.message, hint: blocked.hint });
        }
        let now = tx.now();
        let mut deployment = tx.deployment(route)?.unwrap_or_else(|| Deployment {
            model: route.to_owned(),
            stable: None,
            stable_rollout: None,
            active_rollout: None,
            updated: now,
        });
        // Going back to what was in charge needs no other stage: it has been through them.
        let tried = tx.tried_versions(route)?;
        if !tried.contains(&version) {
            self.passed_stage_before(tx, model, stage, version)?;
        }
        let spec_text = manifest(&self.config, &self.project, route)?;
        let spec = RolloutSpec::parse(&spec_text, Path::new("rollout"))?;
        if let Some(active) = deployment.active_rollout.take() {
            if let Some(active) = tx.rollout(&active)?.filter(|active| active.version == version) {
                tracing::debug!(rollout = active.id, "the version is on its way already");
                return Ok(None);
            }
            let event = if deployment.stable == Some(version) {
                Event::GoBack
            } else {
                Event::Supersede(format!("superseded by version {version}"))
            };
            step(tx, &active, event)?;
        }
        if deployment.stable == Some(version) {
            return Ok(None);
        }
        let loaded = self.warm.holds(route, version);
        let how = entry(&spec, &tried, deployment.stable, version, loaded);
        let rollout = Rollout {
            id: uuid::Uuid::now_v7().simple().to_string(),
            model: route.to_owned(),
            version,
            previous: deployment.stable,
            requested_by: requested_by.to_owned(),
            reason: reason.to_owned(),
            ended: None,
            created: now,
            spec_text,
            state: serde_json::to_value(RolloutState::new(now, how, spec.paused))
                .map_err(StoreError::from)?,
        };
        deployment.active_rollout = Some(rollout.id.clone());
        deployment.updated = now;
        tx.put_rollout(&rollout)?;
        tx.put_deployment(&deployment)?;
        let warnings: Vec<&str> = spec.warnings.iter().map(|warning| warning.message.as_str()).collect();
        tx.record(Record::new("rollout.created", format!("rollout:{}", rollout.id)).because(reason).with(
            json!({
                "model": route, "version": version, "previous": rollout.previous, "warnings": warnings,
            }),
        ))?;
        Ok(Some(rollout.id))
    }

    /// Refuses a version that has not been in charge of the stage before, where there is one.
    fn passed_stage_before(
        &self,
        tx: &dyn WriteTx,
        model: &str,
        stage: Option<&str>,
        version: u32,
    ) -> Result<(), AutomationError> {
        let Some(rules) = self.config.model.get(model) else { return Ok(()) };
        let place = stage.and_then(|stage| STAGES.iter().position(|known| *known == stage));
        let before = &STAGES[..place.unwrap_or(STAGES.len())];
        let Some(before) = before.iter().rev().find(|before| rules.stage.contains_key(**before)) else {
            return Ok(());
        };
        let deployment = tx.deployment(&format!("{model}@{before}"))?;
        if deployment.and_then(|deployment| deployment.stable) == Some(version) {
            return Ok(());
        }
        let next = stage.unwrap_or("production");
        Err(AutomationError::Blocked {
            message: format!(
                "version {version} of `{model}` is not in charge of {before}, which comes before {next}"
            ),
            hint: format!(
                "release it there first: `mainspring deploy models:/{model}/{version} --stage {before}`"
            ),
        })
    }

    /// Asks for an earlier release: the one before, or that of a number from 1. Gives the version and
    /// the rollout's id, as [`Releases::request`] does.
    ///
    /// # Errors
    /// When there is no such release, and as [`Releases::request`].
    pub(crate) fn undo(
        &self,
        tx: &mut dyn WriteTx,
        route: &str,
        revision: Option<u32>,
        requested_by: &str,
    ) -> Result<(u32, Option<String>), AutomationError> {
        // As for kubectl, 0 is the release before.
        let revision = revision.filter(|number| *number > 0);
        let (releases, all) = releases(tx, route)?;
        if revision.is_some() && !all {
            return Err(AutomationError::Blocked {
                message: format!(
                    "`{route}` has had more than {LOOK_BACK} rollouts: its revisions are not counted"
                ),
                hint: "release the version that is meant with `mainspring deploy`".to_owned(),
            });
        }
        let under_way = tx.deployment(route)?.is_some_and(|deployment| deployment.active_rollout.is_some());
        let wanted = match revision {
            Some(number) => usize::try_from(number).ok().and_then(|number| number.checked_sub(1)),
            // What is under way is undone by going back to what is in charge.
            None if under_way => releases.len().checked_sub(1),
            None => releases.len().checked_sub(2),
        };
        let version = wanted.and_then(|wanted| releases.get(wanted)).map(|release| release.version);
        let version =
            version.ok_or_else(|| AutomationError::NoRevision { model: route.to_owned(), revision })?;
        let reason = format!("undone to version {version}");
        Ok((version, self.request(tx, (route, version), (requested_by, &reason))?))
    }
}

impl Releases {
    /// What is deployed on a route, for another tool.
    ///
    /// # Errors
    /// When nothing is in charge of it, or its manifest cannot be read.
    pub(crate) fn exported(&self, tx: &dyn ReadTx, route: &str) -> Result<Exported, AutomationError> {
        let (model, _) = route_parts(route);
        let not_deployed = || AutomationError::NotDeployed(route.to_owned());
        let deployment = tx.deployment(route)?.ok_or_else(not_deployed)?;
        let stable = deployment.stable.ok_or_else(not_deployed)?;
        let files = |version: u32| -> Result<String, AutomationError> {
            let found = tx.model_version(model, version)?;
            let found = found.ok_or_else(|| AutomationError::UnknownVersion(model.to_owned(), version))?;
            Ok(found.storage_location)
        };
        let active = deployment.active_rollout.map(|id| tx.rollout(&id)).transpose()?.flatten();
        let mut exported = Exported {
            model: route.to_owned(),
            stable: (stable, files(stable)?),
            canary: None,
            mirrored: 0,
            replicas: self.config.model.get(model).map_or(1, |rules| rules.workers),
            manifest: manifest(&self.config, &self.project, route)?,
        };
        if let Some(rollout) = active {
            let (spec, state) = read(&rollout)?;
            let mirrors = state.routing(&spec).mirrors;
            exported.mirrored = mirrors.iter().map(|mirror| mirror.percentage).max().unwrap_or(0);
            exported.canary = Some((rollout.version, files(rollout.version)?, state.weight));
            exported.manifest = rollout.spec_text;
        }
        Ok(exported)
    }
}

/// The rollouts of a route that put their version in charge, oldest first: the revisions 1, 2, ... that an
/// undo takes. None when there were too many rollouts to count them.
///
/// # Errors
/// From the store.
pub fn revisions(tx: &dyn ReadTx, route: &str) -> Result<Option<Vec<Rollout>>, StoreError> {
    let (releases, all) = releases(tx, route)?;
    Ok(all.then_some(releases))
}

/// The rollouts that put their version in charge, oldest first, and whether these are all. What cannot be
/// read any more is not counted.
fn releases(tx: &dyn ReadTx, route: &str) -> Result<(Vec<Rollout>, bool), StoreError> {
    let mut rollouts = tx.rollouts(Some(route), LOOK_BACK + 1)?;
    let all = rollouts.len() <= LOOK_BACK as usize;
    rollouts.truncate(LOOK_BACK as usize);
    rollouts.reverse();
    rollouts.retain(|rollout| {
        RolloutState::stored(rollout.state.clone()).is_ok_and(|state| state.was_put_in_charge())
    });
    Ok((rollouts, all))
}

/// The text of a route's rollout manifest, checked. A stage without one gets versions at once.
pub(crate) fn manifest(config: &Config, project: &Path, route: &str) -> Result<String, AutomationError> {
    let (model, stage) = route_parts(route);
    let rules = config.model.get(model).ok_or_else(|| AutomationError::NoRules(model.to_owned()))?;
    let (file, key) = match stage {
        None => (&rules.rollout, format!("model.{model}.rollout")),
        Some(stage) => {
            let rules = rules
                .stage
                .get(stage)
                .ok_or_else(|| AutomationError::NoStage(model.to_owned(), stage.to_owned()))?;
            let Some(file) = &rules.rollout else { return Ok("canary: {}\n".to_owned()) };
            (file, format!("model.{model}.stage.{stage}.rollout"))
        }
    };
    let text = std::fs::read_to_string(project.join(file)).map_err(|error| AutomationError::File {
        path: file.display().to_string(),
        reason: format!("{error}; `{key}` in mainspring.toml names it"),
    })?;
    let spec = RolloutSpec::parse(&text, file)?;
    for warning in &spec.warnings {
        tracing::warn!(file = %file.display(), line = warning.line, "{}", warning.message);
    }
    Ok(text)
}
