//! What people want to know of a test besides its decision: how far it has come, where its effects differ,
//! and whether they stay. Nothing here decides anything.

use super::look::collect;
use super::{AbTests, current, decided, find, state};
use crate::AutomationError;
use mainspring_domain::Timestamp;
use mainspring_domain::ab::{AbDecision, AbPhase};
use mainspring_metadata_store::ReadTx;
use mainspring_rollouts::ab::{AbSpec, Answers, Group, Mode, Stretch, by_arrival, by_attribute};
use mainspring_stats::decide::{Comparison, Reached, Role, Snapshot, decide, effect, reached, scale};
use mainspring_stats::error::Undecided;
use mainspring_stats::estimate::Effect;
use mainspring_stats::estimate::heterogeneity::{Trend, segments, trend};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// The requests of which the names of attributes are read.
const ASKED_FOR_NAMES: u32 = 1_000;
/// The level at which an effect counts as gone.
const NOVELTY_ALPHA: f64 = 0.05;
const MILLIS_OF_A_DAY: f64 = 86_400_000.0;

/// How far one comparison has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The metric.
    pub metric: String,
    /// The candidate, from 1.
    pub arm: usize,
    /// The smallest effect that matters, as the test's file has it.
    pub smallest: Option<f64>,
    /// How far.
    pub reached: Reached,
}

/// One group of units of one comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupEffect {
    /// What the units have in common.
    pub name: String,
    /// When the first and the last of them came.
    pub came: (Timestamp, Timestamp),
    /// Units of each arm.
    pub units: Vec<u64>,
    /// The gain among them, or why there is none.
    pub effect: Result<Effect, Undecided>,
    /// The p-value that it is that of the other groups, adjusted for their number (Benjamini-Hochberg).
    pub differs: Option<f64>,
}

/// One comparison by group.
#[derive(Clone, Debug, PartialEq)]
pub struct Differences {
    /// The metric.
    pub metric: String,
    /// What it plays.
    pub role: Role,
    /// The candidate, from 1.
    pub arm: usize,
    /// The groups.
    pub groups: Vec<GroupEffect>,
    /// The p-value that all groups have one effect (Cochran's Q); none with fewer than two to compare.
    pub p: Option<f64>,
    /// How the effect moves by day of age, for groups by arrival.
    pub trend: Option<Trend>,
}

/// How far the goals of a decision have come.
#[must_use]
pub fn progress(decision: &AbDecision, spec: &AbSpec) -> Vec<Progress> {
    let Some(decision) = decided(decision) else { return Vec::new() };
    let goals = decision.comparisons.iter().filter(|comparison| comparison.role == Role::Goal);
    goals
        .filter_map(|comparison| {
            let smallest = spec.effects.get(&comparison.metric).copied();
            let reached = reached(&decision.plan, &decision.snapshot, comparison, smallest).ok()?;
            Some(Progress { metric: comparison.metric.clone(), arm: comparison.arm, smallest, reached })
        })
        .collect()
}

impl AbTests {
    /// The attributes by which a test's units can be told apart: those of assignments, and the features of
    /// its requests.
    ///
    /// # Errors
    /// When there is no such test.
    pub fn attributes(tx: &dyn ReadTx, name: &str) -> Result<BTreeSet<String>, AutomationError> {
        let test = find(tx, name)?;
        Ok(tx.ab_attribute_names(&test.id, test.phase, ASKED_FOR_NAMES)?)
    }

    /// Every comparison by an attribute of the units, that of their assignment or of their first request.
    ///
    /// # Errors
    /// When there is no such test, no unit has the attribute, or a database has no answer for a metric.
    pub async fn segments(&self, name: &str, attribute: &str) -> Result<Vec<Differences>, AutomationError> {
        let (known, attribute) = (self.known(name).await?, attribute.to_owned());
        self.store
            .read(move |tx| {
                let test = find(tx, &known.phase.test)?;
                let held = tx.ab_attribute(&test.id, known.phase.number, &attribute)?;
                let held: HashMap<String, Value> =
                    held.into_iter().filter_map(|(unit, value)| Some((unit, value?))).collect();
                if held.is_empty() {
                    let message = format!("has no unit with `{attribute}`");
                    return Err(state(&test, &message, &others(&Self::attributes(tx, &test.id)?)));
                }
                let Known { phase, spec, answers, time } = known;
                let collected = collect(tx, &phase, &spec, answers, time.now)?;
                Ok(differences(&spec, &by_attribute(&spec, collected, &held, time), None))
            })
            .await
    }

    /// Every comparison by the time when units came, with the trend by their age: an effect of novelty
    /// is smaller for those that have been there longer.
    ///
    /// # Errors
    /// When there is no such test, or a database has no answer for a metric.
    pub async fn novelty(&self, name: &str) -> Result<Vec<Differences>, AutomationError> {
        let Known { phase, spec, answers, time } = self.known(name).await?;
        self.store
            .read(move |tx| {
                let collected = collect(tx, &phase, &spec, answers, time.now)?;
                Ok(differences(&spec, &by_arrival(&spec, collected, time), Some(time.now)))
            })
            .await
    }

    /// The present phase of a test, and what databases know of it.
    async fn known(&self, name: &str) -> Result<Known, AutomationError> {
        let (name, now) = (name.to_owned(), self.clock.now());
        let read = move |tx: &dyn ReadTx| {
            let test = find(tx, &name)?;
            let (phase, spec) = current(tx, &test)?;
            Ok::<_, AutomationError>((test, phase, spec))
        };
        let (test, phase, spec) = self.store.read(read).await?;
        let time = Stretch { started: phase.started, now: test.ended.unwrap_or(now) };
        let answers = self.ask(&test.name, &phase, &spec, time.now).await?;
        Ok(Known { phase, spec, answers, time })
    }
}

/// A phase of a test, and what databases know of it.
struct Known {
    phase: AbPhase,
    spec: AbSpec,
    answers: Answers,
    time: Stretch,
}

/// What to ask for instead of an attribute that is not there.
fn others(known: &BTreeSet<String>) -> String {
    if known.is_empty() {
        return "units are told apart by the features of requests to `model`, and by attributes that come with \
                assignments; there are none yet"
            .to_owned();
    }
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("there are {}", known.join(", "))
}

/// The comparisons of each group, by comparison; with their trend by age at a time.
fn differences(spec: &AbSpec, groups: &[Group], now: Option<Timestamp>) -> Vec<Differences> {
    let arms = 1..spec.arms.len();
    let goals = spec.plan.goals.iter().map(|goal| (&goal.metric, Role::Goal));
    let guardrails = spec.plan.guardrails.iter().map(|one| (&one.metric, Role::Guardrail));
    let all: Vec<Vec<Comparison>> = groups.iter().map(|group| compared(spec, &group.snapshot)).collect();
    let mut found = Vec::new();
    for (metric, role) in goals.chain(guardrails) {
        for arm in arms.clone() {
            let of = |(group, comparisons): (&Group, &Vec<Comparison>)| {
                let same = |one: &&Comparison| one.metric == *metric && one.role == role && one.arm == arm;
                let comparison = comparisons.iter().find(same).ok_or(Undecided::TooFew);
                let effect = comparison.and_then(|comparison| {
                    let (direction, _) = scale(&spec.plan, comparison).ok_or(Undecided::TooFew)?;
                    effect(&group.snapshot, comparison, direction)
                });
                let units = match spec.mode {
                    Mode::Split => group.snapshot.units.clone(),
                    // All arms have the same.
                    Mode::Shadow | Mode::Interleaved => {
                        vec![group.snapshot.units.get(arm).copied().unwrap_or_default()]
                    }
                };
                GroupEffect { name: group.name.clone(), came: group.came, units, effect, differs: None }
            };
            let groups = groups.iter().zip(&all).map(of).collect();
            found.push(compare(metric, role, arm, groups, now));
        }
    }
    found
}

fn compared(spec: &AbSpec, snapshot: &Snapshot) -> Vec<Comparison> {
    decide(&spec.plan, snapshot).map(|decision| decision.comparisons).unwrap_or_default()
}

fn compare(
    metric: &str,
    role: Role,
    arm: usize,
    mut groups: Vec<GroupEffect>,
    now: Option<Timestamp>,
) -> Differences {
    let known: Vec<Effect> = groups.iter().filter_map(|group| group.effect.ok()).collect();
    let judged = segments(&known).ok();
    let places = groups.iter_mut().filter(|group| group.effect.is_ok());
    for (group, differs) in places.zip(judged.iter().flat_map(|judged| &judged.differs)) {
        group.differs = Some(*differs);
    }
    let trend = now.and_then(|now| {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a test")]
        let age = |group: &GroupEffect| {
            let (first, last) = (now.since(group.came.0), now.since(group.came.1));
            (first.as_millis() + last.as_millis()) as f64 / 2.0 / MILLIS_OF_A_DAY
        };
        let ages: Vec<f64> = groups.iter().filter(|group| group.effect.is_ok()).map(age).collect();
        trend(&ages, &known, NOVELTY_ALPHA).ok()
    });
    let p = judged.map(|judged| judged.p);
    Differences { metric: metric.to_owned(), role, arm, groups, p, trend }
}
