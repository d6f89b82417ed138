//! What a test's file says, read and checked.

use super::assignment::{Assignment, Sticky};
use super::bandit::Bandit;
use super::interleaved;
use super::metric::{self, Measure, Metric, Quantity};
use super::queries::WantedQuery;
use super::start::Start;
use super::targeting::Targeting;
use mainspring_expressions::duration as durations;
use mainspring_expressions::yaml::{self, Fault, Mapping, Node, SourceError, Value};
use mainspring_stats::assignment::{Hashing, Holdout, Namespace, Split};
use mainspring_stats::decide::{Direction, Goal, Guardrail, Method, Plan, Scale};
use mainspring_stats::sequential::spending::Spending;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// An arm.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// The version that answers; none when arms are only names.
    pub version: Option<u32>,
    /// Its share of the units that take part.
    pub weight: f64,
}

/// How arms get their requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each unit is answered by one arm.
    Split,
    /// The control answers; candidates answer copies of the same requests.
    Shadow,
    /// The lists of both arms are merged into one for each request.
    Interleaved,
}

impl Mode {
    /// The form in which a file has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::Shadow => "shadow",
            Self::Interleaved => "interleaved",
        }
    }
}

/// A step of a ramp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    /// Since the start of the phase.
    pub after: Duration,
    /// The share of units that take part from then on.
    pub coverage: f64,
}

/// What becomes of a winner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Winner {
    /// It is rolled out by the model's rollout manifest.
    RollOut,
    /// It is only named.
    Name,
}

/// A validated test.
#[derive(Clone, Debug, PartialEq)]
pub struct AbSpec {
    /// Its name.
    pub name: String,
    /// What is expected, for people.
    pub hypothesis: String,
    /// The registered model whose route it splits.
    pub model: Option<String>,
    /// The arms; the first is the control.
    pub arms: Vec<Arm>,
    /// How arms get their requests.
    pub mode: Mode,
    /// How units are hashed.
    pub hashing: Hashing,
    /// The seed; none for one of the phase.
    pub seed: Option<String>,
    /// The share of units that take part, over time; the first from the start.
    pub ramp: Vec<Ramp>,
    /// The part of a name space that it has for itself.
    pub namespace: Option<Namespace>,
    /// Who stays out.
    pub holdout: Option<Holdout>,
    /// Who may take part.
    pub targeting: Targeting,
    /// What is measured.
    pub metrics: Vec<Metric>,
    /// The rule that ends it.
    pub plan: Plan,
    /// The smallest effect that matters, of goals by metric: in the metric's unit, on the log ratio as a
    /// share. For people, who see how likely it would be found by now; no rule goes by it.
    pub effects: BTreeMap<String, f64>,
    /// When it starts by itself, if it does.
    pub start: Option<Start>,
    /// How often it is looked at.
    pub look_every: Duration,
    /// How many looks there are until the planned units, for a plan that counts them.
    pub looks: u32,
    /// What becomes of a winner.
    pub winner: Winner,
    /// How weights follow results, if they do.
    pub bandit: Option<Bandit>,
    /// What is remembered of units in documents of their clients, if anything is.
    pub sticky: Option<Sticky>,
    /// The attribute by which units are told apart, so that estimates can be adjusted by it.
    pub strata: Option<String>,
}

const KEYS: [&str; 14] = [
    "name",
    "hypothesis",
    "model",
    "arms",
    "mode",
    "assignment",
    "metrics",
    "goals",
    "guardrails",
    "plan",
    "start",
    "on_winner",
    "bandit",
    "strata",
];
const MAX_NAME: usize = 100;

impl AbSpec {
    /// Reads a test's file.
    ///
    /// # Errors
    /// Where the file is wrong, why, and what to do.
    pub fn parse(text: &str, file: &Path) -> Result<Self, SourceError> {
        yaml::parse(text).and_then(|node| fresh(&node)).map_err(|fault| fault.in_file(file))
    }

    /// Reads the file of a test that was accepted before, by whatever version: one in which no candidate has
    /// weight as well, so that the test can be shown, ended and described anew.
    ///
    /// # Errors
    /// Where the file is wrong, why, and what to do.
    pub fn parse_accepted(text: &str, file: &Path) -> Result<Self, SourceError> {
        yaml::parse(text).and_then(|node| read(&node)).map_err(|fault| fault.in_file(file))
    }

    /// Reads a test's file where these databases can be asked by its metrics.
    ///
    /// # Errors
    /// Where the file is wrong, or asks another one; why, and what to do.
    pub fn parse_with_sources(text: &str, file: &Path, sources: &[&str]) -> Result<Self, SourceError> {
        let checked = yaml::parse(text).and_then(|node| {
            let spec = fresh(&node)?;
            let metrics = node.map("the test")?.require("metrics", "the test")?.map("metrics")?;
            metrics.entries.iter().try_for_each(|(_, _, metric)| metric::check_source(metric, sources))?;
            Ok(spec)
        });
        checked.map_err(|fault| fault.in_file(file))
    }

    /// The same with other weights of its arms, as a phase of a bandit has them. Weights for another number
    /// of arms change nothing.
    #[must_use]
    pub fn weighted(mut self, weights: Option<&[f64]>) -> Self {
        if let Some(weights) = weights.filter(|weights| weights.len() == self.arms.len()) {
            for (arm, weight) in self.arms.iter_mut().zip(weights) {
                arm.weight = *weight;
            }
            self.plan.weights = weights.to_vec();
        }
        self
    }

    /// The split at a time since the phase's start, with the phase's seed.
    ///
    /// # Errors
    /// Never for a validated test; the reason in words otherwise.
    pub fn split(&self, phase_seed: &str, since: Duration) -> Result<Split, String> {
        let coverage = self.coverage(since);
        let weights: Vec<f64> = self.arms.iter().map(|arm| arm.weight).collect();
        let seed = self.seed.clone().unwrap_or_else(|| phase_seed.to_owned());
        let split = Split::new(seed, self.hashing, &weights, coverage);
        let split = match &self.namespace {
            Some(namespace) => split.and_then(|split| split.within(namespace.clone())),
            None => split,
        };
        let split = match &self.holdout {
            Some(holdout) => split.and_then(|split| split.without(holdout.clone())),
            None => split,
        };
        split.map_err(|error| error.to_string())
    }

    /// What differs from the description before in a way that needs a new phase: results before and
    /// after must not be put together.
    #[must_use]
    pub fn needs_new_phase(&self, before: &Self) -> Option<&'static str> {
        let who = |spec: &Self| {
            (
                spec.hashing,
                spec.seed.clone(),
                spec.namespace.clone(),
                spec.holdout.clone(),
                spec.targeting.clone(),
                spec.sticky.clone(),
            )
        };
        if self.arms != before.arms {
            Some("the arms or their weights")
        } else if self.mode != before.mode || who(self) != who(before) || self.lets_go(before) {
            Some("who sees which arm")
        } else if self.metrics != before.metrics
            || self.plan.goals != before.plan.goals
            || self.plan.guardrails != before.plan.guardrails
        {
            Some("the metrics")
        } else if self.strata != before.strata {
            Some("the strata")
        } else if self.plan != before.plan || self.looks != before.looks {
            Some("the plan")
        } else {
            None
        }
    }

    /// Whether at some time fewer units take part than by the description before: some that have seen an
    /// arm would lose it.
    fn lets_go(&self, before: &Self) -> bool {
        let steps = self.ramp.iter().chain(&before.ramp);
        steps.map(|step| step.after).any(|time| self.coverage(time) < before.coverage(time))
    }

    fn coverage(&self, since: Duration) -> f64 {
        self.ramp.iter().rev().find(|step| step.after <= since).map_or(0.0, |step| step.coverage)
    }
}

const fn named_mode(mode: Mode) -> (&'static str, Mode) {
    (mode.as_str(), mode)
}

/// A file that is new: there must be something to compare. A bandit may take an arm's weight away later.
fn fresh(node: &Node) -> Result<AbSpec, Fault> {
    let spec = read(node)?;
    let at = node.map("the test")?.require("arms", "the test")?.at;
    if spec.arms.iter().skip(1).all(|arm| arm.weight <= 0.0) {
        return Err(Fault::new(
            at,
            "no candidate has weight, so nothing is compared with the control",
            "give a candidate a `weight` above 0, or leave it out: it is 1 then",
        ));
    }
    match spec.arms.iter().find(|arm| arm.weight > 0.0 && arm.weight < LEAST_SHARE) {
        Some(arm) => Err(Fault::new(
            at,
            format!("the arm `{}` would get less than one unit in a million", arm.name),
            "write a larger weight, or 0",
        )),
        None => Ok(spec),
    }
}

fn read(node: &Node) -> Result<AbSpec, Fault> {
    let map = node.map("the test")?;
    map.deny_unknown("key of a test", &KEYS)?;
    let name_node = map.require("name", "the test")?;
    let name = name_node.text("name")?.to_owned();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(plain) {
        return Err(Fault::new(
            name_node.at,
            format!("`{name}` is no name of a test"),
            format!("use up to {MAX_NAME} letters, digits, `-`, `_` and `.`"),
        ));
    }
    let model = map.get("model").map(|node| node.text("model").map(str::to_owned)).transpose()?;
    let arms_node = map.require("arms", "the test")?;
    let arms = arms(arms_node, model.is_some())?;
    let mode = match map.get("mode") {
        Some(node) => node.one_of("mode", &[Mode::Split, Mode::Shadow, Mode::Interleaved].map(named_mode))?,
        None => Mode::Split,
    };
    if mode != Mode::Split && arms.iter().any(|arm| (arm.weight - arms[0].weight).abs() > 1e-9) {
        return Err(Fault::new(
            arms_node.at,
            format!(
                "in the mode `{}` all arms are asked the same requests, so weights mean nothing",
                mode.as_str()
            ),
            "remove them",
        ));
    }
    if mode == Mode::Shadow && model.is_none() {
        return Err(Fault::new(node.at, "the mode `shadow` needs a model that answers", "add `model: NAME`"));
    }
    let metrics_node = map.require("metrics", "the test")?;
    let mut metrics = Vec::new();
    for (name, _, node) in &metrics_node.map("metrics")?.entries {
        metrics.push(metric::parse(name, node)?);
    }
    if WantedQuery::of(&metrics).len() > MAX_QUERIES {
        return Err(Fault::new(
            metrics_node.at,
            format!("the metrics ask more than {MAX_QUERIES} queries"),
            "give metrics the same query where they count the same rows",
        ));
    }
    let named = |node: &Node| -> Result<String, Fault> {
        let name = node.text("metric")?;
        let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
        if names.contains(&name) {
            Ok(name.to_owned())
        } else {
            Err(yaml::unknown(node.at, "metric", name, &names))
        }
    };
    let mut plan = plan(map, &arms, &named)?;
    let bandit = map.get("bandit").map(|node| bandit(node, &arms, mode, &plan)).transpose()?;
    plan.earning = bandit.is_some();
    plan.check().map_err(|error| {
        let at = map.get("plan").or_else(|| map.get("goals")).map_or(node.at, |node| node.at);
        Fault::new(at, error.to_string(), "mend the plan; nothing was started")
    })?;
    let elsewhere = mode == Mode::Split && model.is_none();
    let assignment = Assignment::read(map.get("assignment"), elsewhere, bandit.is_some())?;
    let spec = AbSpec {
        name,
        hypothesis: match map.get("hypothesis") {
            Some(node) => node.text("hypothesis")?.to_owned(),
            None => String::new(),
        },
        model,
        arms,
        mode,
        hashing: assignment.hashing,
        seed: assignment.seed,
        ramp: assignment.ramp,
        namespace: assignment.namespace,
        holdout: assignment.holdout,
        targeting: assignment.targeting,
        sticky: assignment.sticky,
        metrics,
        effects: effects(map, &plan)?,
        plan,
        start: map.get("start").map(Start::read).transpose()?,
        look_every: match map.get("plan") {
            Some(node) => duration(node.map("plan")?, "look_every")?.unwrap_or(LOOK_EVERY),
            None => LOOK_EVERY,
        },
        looks: match map
            .get("plan")
            .map(|node| node.map("plan"))
            .transpose()?
            .and_then(|map| map.get("looks"))
        {
            Some(node) => looks(node)?,
            None => LOOKS,
        },
        winner: match map.get("on_winner") {
            Some(node) => {
                node.one_of("on_winner", &[("rollout", Winner::RollOut), ("name", Winner::Name)])?
            }
            None => Winner::RollOut,
        },
        strata: map.get("strata").map(|node| strata(node, mode, bandit.is_some())).transpose()?,
        bandit,
    };
    if spec.look_every < Duration::from_secs(1) {
        return Err(Fault::new(node.at, "`look_every` is below a second", "write at least `1s`"));
    }
    for step in &spec.ramp {
        let split = spec.split("", step.after);
        let split = split.map_err(|why| Fault::new(arms_node.at, why, "mend `arms` or `assignment`"))?;
        if rounding(&spec, &split) > MOST_ROUNDING {
            return Err(Fault::new(
                map.get("assignment").map_or(arms_node.at, |node| node.at),
                format!(
                    "at a coverage of {} the hash has too few places to split units by these weights: the \
                     test would stop itself for a sample ratio mismatch",
                    step.coverage
                ),
                "write `hash: native`, or a larger coverage",
            ));
        }
    }
    match spec.mode {
        Mode::Split => {}
        Mode::Shadow => measured_by_pairs(&spec, metrics_node, map)?,
        Mode::Interleaved => interleaved::check(&spec, node, map)?,
    }
    Ok(spec)
}

/// Weights follow results only where there are weights, and something to earn.
fn bandit(node: &Node, arms: &[Arm], mode: Mode, plan: &Plan) -> Result<Bandit, Fault> {
    let refused = match (mode, plan.same_arms, plan.method) {
        (Mode::Shadow, ..) => "in the mode `shadow` the control answers everybody",
        (Mode::Interleaved, ..) => "in the mode `interleaved` everybody sees the items of both arms",
        (_, true, _) => "arms that are the same earn the same",
        (_, _, Method::Looks(_)) => "counted looks belong to one phase, and a bandit has many",
        _ => return Bandit::parse(node, arms),
    };
    Err(Fault::new(node.at, format!("there is no bandit here: {refused}"), "remove `bandit`"))
}

/// Estimates are adjusted where units of one kind see different arms, in a phase whose weights stay.
fn strata(node: &Node, mode: Mode, bandit: bool) -> Result<String, Fault> {
    let refused = match (mode, bandit) {
        (Mode::Shadow, _) => "in the mode `shadow` each request is compared with itself",
        (Mode::Interleaved, _) => "in the mode `interleaved` each list is compared with itself",
        (_, true) => "a bandit puts its phases together by their sizes",
        (Mode::Split, false) => {
            let attribute = node.text("strata")?;
            if (1..=MAX_ATTRIBUTE).contains(&attribute.len()) {
                return Ok(attribute.to_owned());
            }
            let message = format!("the name of an attribute has 1 to {MAX_ATTRIBUTE} bytes");
            return Err(Fault::new(node.at, message, "write `strata: country`"));
        }
    };
    Err(Fault::new(node.at, format!("there are no strata here: {refused}"), "remove `strata`"))
}

/// Bytes of the name of an attribute.
const MAX_ATTRIBUTE: usize = 250;

/// How much the rounding of shares may say against the planned split by the end of the test, in nats.
const MOST_ROUNDING: f64 = 1.0;

/// What the largest number of units says against the planned split because the hash's places round it
/// (Kullback-Leibler divergence by units).
fn rounding(spec: &AbSpec, split: &Split) -> f64 {
    let terms = split.shares().into_iter().zip(&spec.plan.weights).filter(|(share, _)| *share > 0.0);
    let of_one: f64 = terms.map(|(share, weight)| share * (share / weight).ln()).sum();
    #[expect(clippy::cast_precision_loss, reason = "a number of units")]
    let units = spec.plan.maximum_units as f64;
    of_one * units
}

/// In the shadow there are pairs of answers and nothing else: whatever they cannot say is refused.
fn measured_by_pairs(spec: &AbSpec, metrics: &Node, map: &Mapping) -> Result<(), Fault> {
    for (name, _, node) in &metrics.map("metrics")?.entries {
        let metric = spec.metrics.iter().find(|metric| metric.name == *name);
        if !metric.is_some_and(|metric| matches!(metric.measure, Measure::Prediction(_))) {
            return Err(Fault::new(
                node.at,
                format!("`{name}` cannot be measured in the mode `shadow`, where nobody sees a candidate"),
                "measure answers: `from: brier`, without `quantile`",
            ));
        }
    }
    let at = |key: &str| map.get(key).map_or(metrics.at, |node| node.at);
    let goals = spec.plan.goals.iter().map(|goal| ("goals", goal.scale));
    let guardrails = spec.plan.guardrails.iter().map(|one| ("guardrails", one.scale));
    if let Some((key, _)) = goals.chain(guardrails).find(|(_, scale)| *scale == Scale::LogRatio) {
        return Err(Fault::new(
            at(key),
            "the mode `shadow` compares answers to the same request by their difference",
            "remove `scale: log_ratio`, and give the margin in the metric's unit",
        ));
    }
    let correct = |guardrail: &&Guardrail| {
        let metric = spec.metrics.iter().find(|metric| metric.name == guardrail.metric);
        metric.is_some_and(|metric| matches!(metric.measure, Measure::Prediction(Quantity::Correct(_))))
    };
    if let Some(guardrail) = spec.plan.guardrails.iter().find(correct) {
        return Err(Fault::new(
            at("guardrails"),
            format!(
                "`{}` cannot be a guardrail in the mode `shadow`: right and wrong know no margin",
                guardrail.metric
            ),
            "make it a goal, or guard `from: brier` or `from: absolute_error`",
        ));
    }
    Ok(())
}

/// Different queries of one test: each look asks them all.
const MAX_QUERIES: usize = 10;

/// How often a test is looked at unless its file says otherwise.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Looks of a plan that counts them, unless its file says otherwise.
const LOOKS: u32 = 5;
const MAX_LOOKS: u32 = 50;

fn looks(node: &Node) -> Result<u32, Fault> {
    let looks = u32::try_from(node.count("looks")?).ok().filter(|looks| (1..=MAX_LOOKS).contains(looks));
    looks.ok_or_else(|| Fault::new(node.at, format!("there are 1 to {MAX_LOOKS} looks"), "write `looks: 5`"))
}

/// A smaller share of an arm gets no units in a test's life.
const LEAST_SHARE: f64 = 1e-6;

fn arms(node: &Node, served: bool) -> Result<Vec<Arm>, Fault> {
    let mut arms: Vec<Arm> = Vec::new();
    for item in node.list("arms")? {
        let map = item.map("an arm")?;
        map.deny_unknown("key of an arm", &["name", "version", "weight"])?;
        let name = map.require("name", "the arm")?.text("name")?.to_owned();
        if arms.iter().any(|arm| arm.name == name) {
            return Err(Fault::new(item.at, format!("two arms are named `{name}`"), "rename one"));
        }
        let version = match map.get("version") {
            None => None,
            Some(node) => Some(
                u32::try_from(node.count("version")?)
                    .map_err(|_| Fault::new(node.at, "this is no version", "give its number"))?,
            ),
        };
        if served != version.is_some() {
            let (message, hint) = match served {
                true => (format!("the arm `{name}` names no version"), "add `version: NUMBER`"),
                false => (format!("the arm `{name}` has a version of no model"), "add `model: NAME`"),
            };
            return Err(Fault::new(item.at, message, hint));
        }
        let weight = map.get("weight").map_or(Ok(1.0), |node| node.number("weight"))?;
        if weight < 0.0 {
            return Err(Fault::new(item.at, "a weight is negative", "write a number from 0"));
        }
        arms.push(Arm { name, version, weight });
    }
    if arms.len() < 2 {
        return Err(Fault::new(node.at, "a test compares at least two arms", "add another"));
    }
    let total: f64 = arms.iter().map(|arm| arm.weight).sum();
    if total <= 0.0 {
        return Err(Fault::new(node.at, "all weights are zero", "give at least the control one"));
    }
    if !total.is_finite() {
        return Err(Fault::new(node.at, "the weights are too large to be added", "write shares, as 0.5"));
    }
    for arm in &mut arms {
        arm.weight /= total;
    }
    if arms[0].weight <= 0.0 {
        return Err(Fault::new(
            node.at,
            format!("the control `{}` has no weight", arms[0].name),
            "give it a `weight` above 0; candidates are compared with it",
        ));
    }
    Ok(arms)
}

const PLAN_KEYS: [&str; 12] = [
    "planned_units",
    "maximum_units",
    "minimum_units",
    "minimum_runtime",
    "maturity",
    "alpha",
    "method",
    "look_every",
    "srm_threshold",
    "same_arms",
    "spending",
    "looks",
];

type Named<'a> = dyn Fn(&Node) -> Result<String, Fault> + 'a;

fn plan(map: &Mapping, arms: &[Arm], named: &Named<'_>) -> Result<Plan, Fault> {
    let plan_node = map.require("plan", "the test")?;
    let read = plan_node.map("plan")?;
    read.deny_unknown("key of `plan`", &PLAN_KEYS)?;
    let planned = read.require("planned_units", "the plan")?.count("planned_units")?;
    let mut goals = Vec::new();
    for item in map.require("goals", "the test")?.list("goals")? {
        let map = item.map("a goal")?;
        map.deny_unknown("key of a goal", &["metric", "better", "scale", "effect"])?;
        let (metric, direction, scale) = compared(map, "the goal", named)?;
        goals.push(Goal { metric, direction, scale });
    }
    let Some(first) = goals.first().cloned() else {
        return Err(Fault::new(
            plan_node.at,
            "the test has no goal",
            "name a metric to improve under `goals`",
        ));
    };
    let count = |key: &str, default: u64| read.get(key).map_or(Ok(default), |node| node.count(key));
    let number = |key: &str, default: f64| read.get(key).map_or(Ok(default), |node| node.number(key));
    let mut plan =
        Plan { goals, weights: arms.iter().map(|arm| arm.weight).collect(), ..Plan::new(first, planned) };
    plan.maximum_units = count("maximum_units", plan.maximum_units)?;
    plan.minimum_units = count("minimum_units", plan.minimum_units)?;
    plan.minimum_seconds =
        duration(read, "minimum_runtime")?.map_or(plan.minimum_seconds, |least| least.as_secs());
    plan.maturity = number("maturity", plan.maturity)?;
    plan.alpha = number("alpha", plan.alpha)?;
    plan.srm_threshold = number("srm_threshold", plan.srm_threshold)?;
    if let Some(node) = read.get("same_arms") {
        plan.same_arms = node.boolean("same_arms")?;
    }
    if let Some(node) = read.get("method") {
        let sequence = node.one_of("method", &[("sequence", true), ("looks", false)])?;
        if !sequence {
            let spending = match read.get("spending") {
                None => Spending::OBrienFleming,
                Some(Node { value: Value::Integer(_) | Value::Float(_), .. }) => {
                    Spending::Power(number("spending", 2.0)?)
                }
                Some(node) => node.one_of("spending", &[("obrien_fleming", Spending::OBrienFleming)])?,
            };
            plan.method = Method::Looks(spending);
        }
    }
    let guardrails = map.get("guardrails").map_or(Ok(&[][..]), |node| node.list("guardrails"))?;
    for item in guardrails {
        let map = item.map("a guardrail")?;
        map.deny_unknown("key of a guardrail", &["metric", "better", "scale", "margin", "alpha"])?;
        let (metric, direction, scale) = compared(map, "the guardrail", named)?;
        plan.guardrails.push(Guardrail {
            metric,
            direction,
            scale,
            margin: map.require("margin", "the guardrail")?.number("margin")?,
            alpha: map.get("alpha").map_or(Ok(plan.alpha), |node| node.number("alpha"))?,
        });
    }
    Ok(plan)
}

/// The smallest effects that matter, of the goals that name one.
fn effects(map: &Mapping, plan: &Plan) -> Result<BTreeMap<String, f64>, Fault> {
    let mut effects = BTreeMap::new();
    for (item, goal) in map.require("goals", "the test")?.list("goals")?.iter().zip(&plan.goals) {
        let Some(node) = item.map("a goal")?.get("effect") else { continue };
        let effect = node.number("effect")?;
        // Nothing gets lower by more than all of it.
        let most = match (goal.scale, goal.direction) {
            (Scale::LogRatio, Direction::Lower) => 1.0,
            _ => f64::INFINITY,
        };
        if !(effect > 0.0 && effect < most) {
            return Err(Fault::new(
                node.at,
                "`effect` is how much better at least matters, above zero",
                "write `effect: 0.01`; on the scale `log_ratio` that is one percent",
            ));
        }
        effects.insert(goal.metric.clone(), effect);
    }
    Ok(effects)
}

fn compared(map: &Mapping, what: &str, named: &Named<'_>) -> Result<(String, Direction, Scale), Fault> {
    let metric = named(map.require("metric", what)?)?;
    let direction = map
        .require("better", what)?
        .one_of("better", &[("higher", Direction::Higher), ("lower", Direction::Lower)])?;
    let scale = match map.get("scale") {
        None => Scale::Difference,
        Some(node) => {
            node.one_of("scale", &[("difference", Scale::Difference), ("log_ratio", Scale::LogRatio)])?
        }
    };
    Ok((metric, direction, scale))
}

/// The duration under a key, if there is one.
pub(super) fn duration(map: &Mapping, key: &str) -> Result<Option<Duration>, Fault> {
    let Some(node) = map.get(key) else { return Ok(None) };
    let text = node.scalar(key)?;
    durations::parse(&text)
        .map(Some)
        .map_err(|error| Fault::new(node.at, error.to_string(), "write `7d` or `1h30m`"))
}
