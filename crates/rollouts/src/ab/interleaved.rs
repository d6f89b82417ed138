//! Interleaved designs, for models that rank: the lists of two arms are merged into one for each request,
//! and what happens to an item counts for the arm that put it there (team-draft interleaving; Radlinski,
//! Kurup and Joachims 2008).

use super::collected::Collected;
use super::metric::{Measure, Metric, Origin};
use super::spec::AbSpec;
use super::told::Sums;
use mainspring_domain::Timestamp;
use mainspring_expressions::yaml::{Fault, Mapping, Node};
use mainspring_stats::assignment::Hashing;
use mainspring_stats::decide::{Evidence, Known, Scale, Signs};
use mainspring_stats::sequential::sign::SignTest;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// Merges the lists of the control and of the candidate, neither of which names an item twice.
///
/// In each round both arms put the best of their items that is not there yet, in an order that a coin
/// decides: the hash of the request, by the seed of the phase. So the same request gets the same list.
/// Once there are as many items as the shorter list has, the others follow without an arm, because one
/// arm alone would have put them there. Of arms that nobody prefers each is clicked as often as the
/// other.
#[must_use]
pub fn interleave(lists: [&[String]; 2], seed: &str, request: &str) -> Vec<(String, Option<u16>)> {
    let shorter = lists[0].len().min(lists[1].len());
    let mut merged: Vec<(String, Option<u16>)> = Vec::with_capacity(lists[0].len() + lists[1].len());
    let mut placed: HashSet<&str> = HashSet::new();
    // Where each list goes on.
    let mut next = [0, 0];
    for turn in 0..shorter {
        let (round, second) = (turn / 2, turn % 2 == 1);
        let heads = Hashing::Native.place(&format!("{seed}.{round}"), request) < 0.5;
        let arm = usize::from(heads == second);
        let mut left = lists[arm].iter().enumerate().skip(next[arm]);
        // As long as fewer are placed than it has, a list has one that is not.
        let Some((place, item)) = left.find(|(_, item)| !placed.contains(item.as_str())) else { break };
        next[arm] = place + 1;
        placed.insert(item);
        merged.push((item.clone(), u16::try_from(arm).ok()));
    }
    let rest = lists.into_iter().flatten().filter(|item| placed.insert(item));
    merged.extend(rest.map(|item| (item.clone(), None)));
    merged
}

/// What the merged lists say of a metric: for each unit, on whose items more happened. A unit is one coin
/// of the sign test, because its requests are alike.
///
/// The sign test allows looks at any time as long as a coin that was seen stays as it fell. So what a unit
/// does later cannot count: its lists are those made within the window of its first one, events count that
/// came until twice the window after it, and then the unit is judged once and for all.
pub(super) fn measure(metric: &Metric, collected: &Collected, now: Timestamp) -> Option<Evidence> {
    let Measure::Event { origin: Origin::Events(name), outcome, .. } = &metric.measure else { return None };
    let window = metric.window?;
    let closes = window.saturating_mul(2);
    let mut units: Vec<Preference> = Vec::new();
    let mut by_request: HashMap<&str, (usize, Timestamp)> = HashMap::new();
    // Lists come by unit.
    for lists in collected.merged.chunk_by(|a, b| a.unit == b.unit) {
        let Some(first) = lists.iter().map(|list| list.time).min() else { continue };
        if now.since(first) < closes.saturating_add(SETTLING) {
            continue;
        }
        let mut unit = Preference { first, lists: 0, arms: [Sums::default(); 2] };
        for list in lists.iter().filter(|list| list.time.since(first) <= window) {
            unit.lists += 1;
            by_request.insert(&list.request, (units.len(), list.time));
        }
        units.push(unit);
    }
    for credit in collected.credits.get(name).into_iter().flatten() {
        let Some((unit, shown)) = by_request.get(credit.request.as_str()) else { continue };
        let Some(unit) = units.get_mut(*unit) else { continue };
        let in_time = credit.time >= *shown && credit.time.since(*shown) <= window;
        if !in_time || credit.received.since(unit.first) > closes {
            continue;
        }
        if let Some(happened) = unit.arms.get_mut(usize::from(credit.arm)) {
            happened.add(credit.value);
        }
    }
    let mut known = Known::default();
    let mut test = SignTest::default();
    for unit in &units {
        let [control, candidate] = unit.arms.map(|happened| happened.by(*outcome));
        match candidate.total_cmp(&control) {
            Ordering::Less => test.add(1, 0),
            Ordering::Greater => test.add(0, 1),
            Ordering::Equal => {}
        }
        known.units_due += 1;
        known.outcomes_due += unit.lists;
    }
    // Where nothing happened, that is known.
    (known.units, known.outcomes) = (known.units_due, known.outcomes_due);
    Some(Evidence::Signs(vec![Signs { test, known }]))
}

/// How long an event that came may take until everybody who looks can see it.
const SETTLING: Duration = Duration::from_secs(5);

/// A unit that is judged.
struct Preference {
    first: Timestamp,
    /// How many of its lists count.
    lists: u64,
    /// What happened to the items of each arm.
    arms: [Sums; 2],
}

/// The units that were shown merged lists, in each arm the same.
pub(super) fn units(collected: &Collected) -> Vec<u64> {
    let units = collected.merged.chunk_by(|a, b| a.unit == b.unit).count() as u64;
    vec![units; 2]
}

/// In merged lists there are preferences of one arm's items and nothing else: whatever these cannot say is
/// refused.
pub(super) fn check(spec: &AbSpec, node: &Node, map: &Mapping) -> Result<(), Fault> {
    let at = |key: &str| map.get(key).map_or(node.at, |node| node.at);
    let refuse = |key: &str, message: &str, hint: &str| {
        Err(Fault::new(at(key), format!("the mode `interleaved` {message}"), hint))
    };
    if spec.model.is_some() {
        let message = "merges lists that your program has from the models";
        return refuse("model", message, "remove `model` and the versions of the arms");
    }
    if spec.arms.len() != 2 {
        return refuse("arms", "merges the lists of two arms", "compare others in another test");
    }
    if !spec.plan.guardrails.is_empty() {
        let message = "shows everybody the items of both arms, so that neither can be guarded";
        return refuse("guardrails", message, "remove `guardrails`, and guard the rollout of the winner");
    }
    if spec.plan.goals.iter().any(|goal| goal.scale == Scale::LogRatio) {
        return refuse("goals", "counts preferences, which know no scale", "remove `scale`");
    }
    let metrics = map.require("metrics", "the test")?;
    for (name, _, node) in &metrics.map("metrics")?.entries {
        let metric = spec.metrics.iter().find(|metric| metric.name == *name);
        let preferred = metric.is_some_and(|metric| {
            let events =
                matches!(metric.measure, Measure::Event { origin: Origin::Events(_), before: None, .. });
            events && metric.cap.is_none()
        });
        if !preferred {
            return Err(Fault::new(
                node.at,
                format!("`{name}` cannot be told by the items of an arm in the mode `interleaved`"),
                "count events about items: `{event: clicked, outcome: count, window: 1h}`",
            ));
        }
        if metric.and_then(|metric| metric.window).is_none_or(|window| window.is_zero()) {
            return Err(Fault::new(
                node.at,
                format!(
                    "`{name}` needs a `window` in the mode `interleaved`: without it a unit that comes back \
                     could change what was looked at before"
                ),
                "add the time in which events follow a list: `window: 1h`; a unit is judged after two of them",
            ));
        }
    }
    Ok(())
}
