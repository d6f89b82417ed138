//! Arms of units, and merged lists, for programs that serve arms themselves.

use super::remembered::Remembered;
use super::{AbTests, current, find, split, state};
use crate::AutomationError;
use mainspring_domain::Timestamp;
use mainspring_domain::ab::{AbInterleaved, AbPhase, AbStatus, AbTest};
use mainspring_metadata_store::{ReadTx, WriteTx};
use mainspring_rollouts::ab::{AbSpec, Mode, interleave};
use mainspring_stats::assignment::sticky::{Documents, Recalled};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// The longest text that is kept of an attribute, in bytes.
const MAX_KEPT: usize = 250;

/// Who asks for an arm.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The unit.
    pub unit: String,
    /// What is known of it. Texts of up to 250 bytes, numbers, true and false are kept with its first
    /// assignment.
    pub attributes: Map<String, Value>,
    /// What its client remembers of earlier assignments: at most [`super::MAX_DOCUMENTS`] documents of
    /// [`super::MAX_ASSIGNMENTS`].
    pub documents: Documents,
}

/// Which arm a unit sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The phase of the test.
    pub phase: u32,
    /// The arm from 0 and its name; none for a unit that does not take part.
    pub arm: Option<(u16, String)>,
    /// The version behind it.
    pub version: Option<u32>,
    /// What the client is to remember of the unit, within the bounds of what it may send; none where the
    /// test has no use for it.
    pub documents: Option<Documents>,
}

/// The rankings of a request.
#[derive(Clone, Debug, Default)]
pub struct Rankings {
    /// The request.
    pub request: String,
    /// Who asks; the request where nobody is known.
    pub unit: Option<String>,
    /// What is known of the unit.
    pub attributes: Map<String, Value>,
    /// The items of each arm by its name, the best first, none twice.
    pub lists: Vec<(String, Vec<String>)>,
}

/// A merged list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The phase of the test.
    pub phase: u32,
    /// Whether it counts. If not, it is the control's list.
    pub in_test: bool,
    /// Its items, with the name of the arm that each of them counts for, if one does.
    pub list: Vec<(String, Option<String>)>,
}

impl AbTests {
    /// Which arm a unit sees; it counts as exposed.
    ///
    /// # Errors
    /// When there is no such test, it does not run, or it merges lists.
    pub fn assign(tx: &mut dyn WriteTx, name: &str, asked: &Asked) -> Result<Assignment, AutomationError> {
        let (phase, spec) = assigning(tx, name)?;
        assign_one(tx, &phase, &spec, asked)
    }

    /// Which arms units see, one after the other; they count as exposed, all of them or none.
    ///
    /// # Errors
    /// As [`AbTests::assign`].
    pub fn assign_all(
        tx: &mut dyn WriteTx,
        name: &str,
        asked: &[Asked],
    ) -> Result<Vec<Assignment>, AutomationError> {
        let (phase, spec) = assigning(tx, name)?;
        asked.iter().map(|one| assign_one(tx, &phase, &spec, one)).collect()
    }

    /// Merges the rankings of both arms; the unit counts as exposed. A request that was answered gets the
    /// same list again.
    ///
    /// # Errors
    /// When there is no such test, it does not run or does not merge lists, an arm has no list, or the
    /// request was of another unit or other items before.
    pub fn interleave(
        tx: &mut dyn WriteTx,
        name: &str,
        rankings: &Rankings,
    ) -> Result<Merged, AutomationError> {
        let (test, phase, spec) = at_work(tx, name)?;
        if spec.mode != Mode::Interleaved {
            let hint = "describe it with `mode: interleaved`, or ask `assign` for the arm of a unit";
            return Err(state(&test, "does not merge lists", hint));
        }
        let (control, candidate) = both(&test, &spec, rankings)?;
        tx.bookkeeping();
        let named = |list: Vec<(String, Option<u16>)>| {
            let name = |arm: u16| Some(spec.arms.get(usize::from(arm))?.name.clone());
            list.into_iter().map(|(item, arm)| (item, arm.and_then(name))).collect()
        };
        let unit = rankings.unit.as_ref().unwrap_or(&rankings.request);
        if let Some(known) = tx.ab_interleaved_request(&test.id, phase.number, &rankings.request)? {
            let before: HashSet<&String> = known.list.iter().map(|(item, _)| item).collect();
            if known.unit != *unit || before != control.iter().chain(candidate).collect() {
                let message = format!(
                    "has answered the request `{}` of another unit, or with other items",
                    known.request
                );
                let hint = "give each request an id of its own; the same one again is for who tries again";
                return Err(state(&test, &message, hint));
            }
            return Ok(Merged { phase: phase.number, in_test: true, list: named(known.list) });
        }
        let now = tx.now();
        if split::Steps::of(&spec, &phase)?.arm(now, unit, &rankings.attributes).is_none() {
            let list = control.iter().map(|item| (item.clone(), None)).collect();
            return Ok(Merged { phase: phase.number, in_test: false, list });
        }
        let seed = spec.seed.as_ref().unwrap_or(&phase.seed);
        let merged = AbInterleaved {
            test: test.id.clone(),
            phase: phase.number,
            request: rankings.request.clone(),
            unit: unit.clone(),
            time: now,
            list: interleave([control, candidate], seed, &rankings.request),
        };
        tx.add_ab_interleaved(&merged)?;
        // Everybody sees the items of both arms.
        expose(tx, &phase, (unit, 0), now, &rankings.attributes)?;
        Ok(Merged { phase: phase.number, in_test: true, list: named(merged.list) })
    }
}

/// A running test that assigns arms: its phase, and what its file says.
fn assigning(tx: &dyn ReadTx, name: &str) -> Result<(AbPhase, AbSpec), AutomationError> {
    let (test, phase, spec) = at_work(tx, name)?;
    if spec.mode == Mode::Interleaved {
        return Err(state(&test, "merges the lists of its arms", "ask `interleave` with both lists"));
    }
    Ok((phase, spec))
}

fn assign_one(
    tx: &mut dyn WriteTx,
    phase: &AbPhase,
    spec: &AbSpec,
    asked: &Asked,
) -> Result<Assignment, AutomationError> {
    let (now, unit) = (tx.now(), asked.unit.as_str());
    let mut memory = spec.sticky.as_ref().map(|sticky| Remembered::of(spec, sticky, asked));
    let arm = match tx.ab_exposure(&phase.test, phase.number, unit)? {
        // Who has seen an arm keeps it.
        Some(seen) => Some(seen.arm),
        None => match memory.as_ref().map_or(Recalled::Nothing, Remembered::recall) {
            Recalled::PutOut => None,
            // Nobody is to see an arm without weight, and who did would look like a broken split.
            Recalled::Arm(arm) if spec.arms.get(arm).is_some_and(|arm| arm.weight > 0.0) => {
                u16::try_from(arm).ok()
            }
            Recalled::Arm(_) | Recalled::Nothing => {
                split::Steps::of(spec, phase)?.arm(now, unit, &asked.attributes)
            }
        },
    };
    if let Some(arm) = arm {
        expose(tx, phase, (unit, arm), now, &asked.attributes)?;
        if let Some(memory) = &mut memory {
            memory.keep(usize::from(arm));
        }
    }
    tx.bookkeeping();
    let shown = arm.and_then(|arm| Some((arm, spec.arms.get(usize::from(arm))?)));
    Ok(Assignment {
        phase: phase.number,
        version: shown.and_then(|(_, shown)| shown.version),
        arm: shown.map(|(arm, shown)| (arm, shown.name.clone())),
        documents: memory.map(|memory| memory.documents),
    })
}

/// A running test, its phase, and what its file says.
fn at_work(tx: &dyn ReadTx, name: &str) -> Result<(AbTest, AbPhase, AbSpec), AutomationError> {
    let test = find(tx, name)?;
    if test.status != AbStatus::Running {
        return Err(state(&test, "does not run", "start it with `mainspring ab start`"));
    }
    let (phase, spec) = current(tx, &test)?;
    Ok((test, phase, spec))
}

fn expose(
    tx: &mut dyn WriteTx,
    phase: &AbPhase,
    (unit, arm): (&str, u16),
    now: Timestamp,
    attributes: &Map<String, Value>,
) -> Result<(), AutomationError> {
    let plain = |value: &Value| match value {
        Value::String(text) => text.len() <= MAX_KEPT,
        Value::Number(_) | Value::Bool(_) => true,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    };
    let kept = attributes.iter().filter(|(_, value)| plain(value));
    let kept: Map<String, Value> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    let kept = Some(&kept).filter(|kept| !kept.is_empty());
    Ok(tx.expose((&phase.test, phase.number), unit, arm, now, kept)?)
}

/// The lists of the control and the candidate.
fn both<'r>(
    test: &AbTest,
    spec: &AbSpec,
    rankings: &'r Rankings,
) -> Result<(&'r [String], &'r [String]), AutomationError> {
    let names: Vec<&str> = spec.arms.iter().map(|arm| arm.name.as_str()).collect();
    let hint = || format!("give a list for each of `{}`", names.join("` and `"));
    if let Some((stray, _)) = rankings.lists.iter().find(|(name, _)| !names.contains(&name.as_str())) {
        return Err(state(test, &format!("has no arm `{stray}`"), &hint()));
    }
    let list = |name: &str| {
        let found = rankings.lists.iter().find(|(of, _)| of == name).map(|(_, list)| list.as_slice());
        found.ok_or_else(|| state(test, &format!("got no list of its arm `{name}`"), &hint()))
    };
    match names.as_slice() {
        [control, candidate] => Ok((list(control)?, list(candidate)?)),
        _ => Err(state(test, "does not have two arms", "begin a new phase with two")),
    }
}
