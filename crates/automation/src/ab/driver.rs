//! Keeps the gateway in line with the tests that run, and looks at them when it is time.

use super::split::Steps;
use super::{AbTests, current, end};
use crate::AutomationError;
use mainspring_domain::Actor;
use mainspring_domain::Timestamp;
use mainspring_domain::ab::{AbPhase, AbStatus, AbTest};
use mainspring_rollouts::ab::{AbSpec, Mode};
use mainspring_serving::{ModelServer, ServedVersion, TestRoute};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often the tests are gone through.
const TICK: Duration = Duration::from_millis(500);
/// How long after a failure the loading of an arm is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// What the driver holds of a running test.
#[derive(Default)]
struct Held {
    loading: HashMap<u32, JoinHandle<Result<ModelServer, String>>>,
    loaded: HashMap<u32, Arc<ModelServer>>,
    /// The description by which the route is split.
    split_by: Option<String>,
    not_before: Option<Timestamp>,
    looked: Option<Timestamp>,
    /// A look reads all that was collected; routes do not wait for it.
    look: Option<JoinHandle<()>>,
}

impl AbTests {
    /// Works until dropped.
    pub(crate) async fn run(self) {
        let mut held: HashMap<String, Held> = HashMap::new();
        loop {
            match self.store.read(|tx| tx.running_ab_tests()).await {
                Ok(tests) => self.go_through(&tests, &mut held).await,
                Err(error) => tracing::error!(%error, "A/B tests"),
            }
            tokio::time::sleep(TICK).await;
        }
    }

    async fn go_through(&self, tests: &[AbTest], held: &mut HashMap<String, Held>) {
        held.retain(|id, held| {
            let runs = tests.iter().any(|test| test.id == *id);
            if !runs {
                held.loading.values().for_each(JoinHandle::abort);
            }
            runs
        });
        self.failures.keep(|id| tests.iter().any(|test| test.id == id));
        self.held.keep(|id| tests.iter().any(|test| test.id == id));
        for model in self.gateway.routes() {
            let Some(route) = self.gateway.test(&model) else { continue };
            if !tests.iter().any(|test| test.id == route.test && test.phase == route.phase) {
                self.gateway.set_test(&model, None);
            }
        }
        for test in tests {
            let mine = held.entry(test.id.clone()).or_default();
            if let Err(error) = self.keep_up(test, mine).await {
                tracing::error!(test = test.name, %error, "A/B test");
            }
        }
    }

    async fn keep_up(&self, test: &AbTest, held: &mut Held) -> Result<(), AutomationError> {
        let wanted = test.clone();
        let (phase, spec) = self.store.read(move |tx| current(tx, &wanted)).await?;
        if let Some(model) = &test.model {
            if !self.control_is_in_charge(test, model, &spec).await? {
                return Ok(());
            }
            let current = |route: &TestRoute| {
                route.test == test.id && route.phase == test.phase && by_this(held, &phase)
            };
            if !self.gateway.test(model).is_some_and(|route| current(&route)) {
                self.route(model, &spec, &phase, held).await?;
            }
        }
        let now = self.clock.now();
        let looks = held.look.as_ref().is_some_and(|look| !look.is_finished());
        if !looks && held.looked.is_none_or(|looked| now.since(looked) >= spec.look_every) {
            held.looked = Some(now);
            let (tests, id) = (self.clone(), test.id.clone());
            held.look = Some(tokio::spawn(async move {
                if let Err(error) = tests.look(&id).await {
                    tracing::error!(test = id, %error, "A/B test");
                }
            }));
        }
        Ok(())
    }

    /// A control that is no longer in charge ends the test: there is nothing left to compare with.
    async fn control_is_in_charge(
        &self,
        test: &AbTest,
        model: &str,
        spec: &AbSpec,
    ) -> Result<bool, AutomationError> {
        let name = model.to_owned();
        let deployment = self.store.read(move |tx| tx.deployment(&name)).await?;
        let in_charge = deployment.and_then(|deployment| deployment.stable);
        if in_charge.is_some() && in_charge == spec.arms.first().and_then(|arm| arm.version) {
            return Ok(true);
        }
        let id = test.id.clone();
        self.store
            .write(Actor::system("ab"), move |tx| {
                let test = super::find(tx, &id)?;
                if test.status == AbStatus::Running {
                    end(tx, test, "stopped: another version was put in charge", None)?;
                } else {
                    tx.bookkeeping();
                }
                Ok::<_, AutomationError>(())
            })
            .await?;
        self.gateway.set_test(model, None);
        Ok(false)
    }

    /// Splits the route once all arms answer.
    async fn route(
        &self,
        model: &str,
        spec: &AbSpec,
        phase: &AbPhase,
        held: &mut Held,
    ) -> Result<(), AutomationError> {
        let now = self.clock.now();
        if held.not_before.is_some_and(|time| now < time) {
            return Ok(());
        }
        let Some(stable) = self.gateway.stable(model) else { return Ok(()) };
        let key = format!("ab/{}/{}", phase.test, phase.number);
        let mut arms = Vec::with_capacity(spec.arms.len());
        for version in spec.arms.iter().filter_map(|arm| arm.version) {
            if version == stable.version {
                arms.push(stable.clone());
                continue;
            }
            match self.server(model, version, held).await {
                Ok(Some(server)) => {
                    arms.push(ServedVersion { version, rollout: Some(key.clone()), server });
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    tracing::error!(model, version, error, "an arm of an A/B test cannot be loaded");
                    held.not_before = Some(now + RETRY);
                    return Ok(());
                }
            }
        }
        let (steps, clock) = (Steps::of(spec, phase)?, Arc::clone(&self.clock));
        let route = TestRoute {
            test: phase.test.clone(),
            phase: phase.number,
            arms,
            shadow: spec.mode == Mode::Shadow,
            split: Arc::new(move |unit, features| steps.arm(clock.now(), unit, features).map(usize::from)),
        };
        self.gateway.set_test(model, Some(route));
        held.split_by = Some(phase.spec_text.clone());
        Ok(())
    }

    /// The workers of an arm, once they answer.
    async fn server(
        &self,
        model: &str,
        version: u32,
        held: &mut Held,
    ) -> Result<Option<Arc<ModelServer>>, String> {
        if let Some(server) = held.loaded.get(&version) {
            return Ok(Some(Arc::clone(server)));
        }
        let loading = held.loading.entry(version).or_insert_with(|| {
            let (models, name) = (Arc::clone(&self.models), model.to_owned());
            tokio::spawn(async move { models.serve(&name, version).await })
        });
        if !loading.is_finished() {
            return Ok(None);
        }
        let Some(finished) = held.loading.remove(&version) else { return Ok(None) };
        let server = Arc::new(finished.await.map_err(|error| error.to_string())??);
        held.loaded.insert(version, Arc::clone(&server));
        Ok(Some(server))
    }
}

/// Whether the route is split by the phase's present description, which may rise in coverage.
fn by_this(held: &Held, phase: &AbPhase) -> bool {
    held.split_by.as_ref() == Some(&phase.spec_text)
}
