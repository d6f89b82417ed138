//! What all units of a phase say, kept up to date: a unit of which something new is known is told anew,
//! and all others stay as they are. What comes out is the same to the bit as if all were told at once,
//! because sums have no rounding.

use super::collected::Collected;
use super::evidence::{self, Measured};
use super::spec::AbSpec;
use super::strata::{Strata, strata};
use super::told::{Sources, Told, Wake, count, cut};
use mainspring_domain::Timestamp;
use mainspring_domain::ab::AbExposure;
use mainspring_stats::decide::{Known, Snapshot};
use mainspring_stats::totals::Totals;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Which arm a unit counts for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// For none yet: it comes later.
    Later,
    Arm(usize),
    /// It was seen in more than one.
    Several,
}

struct Unit {
    name: Arc<str>,
    standing: Standing,
    wake: Option<Timestamp>,
}

/// What the units of an arm say of a metric, added up.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) totals: Totals<2>,
    pub(super) known: Known,
}

/// What is added up of what a unit says, its values up to a cap: the row, if it says anything, and what
/// is known.
fn summed(told: &Told, cap: Option<f64>) -> (Option<[f64; 2]>, Known) {
    let of_requests = |sum: f64, known: u32, due: u32| {
        let all = Known {
            units_due: 1,
            units: u64::from(known > 0 && known == due),
            // Who was seen has at least one, also when it was lost.
            outcomes_due: u64::from(due.max(1)),
            outcomes: u64::from(known),
        };
        ((known > 0).then_some([sum, f64::from(known)]), all)
    };
    match told {
        Told::Requests { sum, known, due } => of_requests(*sum, *known, *due),
        Told::Each { values, due } => {
            let sum = values.iter().map(|value| cut(*value, cap)).sum();
            of_requests(sum, count(values), *due)
        }
        Told::Happened(both) => (Some(both.map(|value| cut(value, cap))), Known::all(1)),
        Told::Ratio([above, below]) => (Some([cut(*above, cap), *below]), Known::all(1)),
    }
}

impl Tally {
    pub(super) fn add(&mut self, told: &Told, cap: Option<f64>) {
        let (row, known) = summed(told, cap);
        row.iter().for_each(|row| self.totals.add(row));
        self.known += known;
    }

    /// Takes away what was added without a cap.
    fn remove(&mut self, told: &Told) {
        let (row, known) = summed(told, None);
        row.iter().for_each(|row| self.totals.remove(row));
        self.known -= known;
    }
}

/// What units say of one metric.
struct Column {
    /// By the place of the unit; none of units that are not due.
    told: Vec<Option<Told>>,
    /// By arm.
    tallies: Vec<Tally>,
    /// Whether its query was not asked.
    lacking: bool,
}

/// What the units of a phase say.
pub struct Ledger {
    /// By metric.
    columns: Vec<Column>,
    units: Vec<Unit>,
    places: HashMap<Arc<str>, usize>,
    /// Units by arm.
    counted: Vec<u64>,
    seen_in_several: u64,
    /// The units that may say something else from then on, although nothing new is known of them.
    wakes: BTreeMap<Timestamp, Vec<Arc<str>>>,
}

impl Ledger {
    /// Of a test of which nothing is known.
    #[must_use]
    pub fn new(spec: &AbSpec) -> Self {
        let column =
            |_| Column { told: Vec::new(), tallies: vec![Tally::default(); spec.arms.len()], lacking: false };
        Self {
            columns: spec.metrics.iter().map(column).collect(),
            units: Vec::new(),
            places: HashMap::new(),
            counted: vec![0; spec.arms.len()],
            seen_in_several: 0,
            wakes: BTreeMap::new(),
        }
    }

    /// Takes what is known at `now` of the collected units, in place of what was known of them. All that
    /// is known of a unit must be there, and nothing need be of others.
    pub fn tell(&mut self, spec: &AbSpec, collected: &Collected, now: Timestamp) {
        let sources = Sources::of(spec, collected, now);
        for (column, metric) in self.columns.iter_mut().zip(&spec.metrics) {
            column.lacking = sources.lacks(metric);
        }
        for exposure in &collected.exposures {
            self.tell_one(spec, &sources, exposure, now);
        }
    }

    fn tell_one(&mut self, spec: &AbSpec, sources: &Sources<'_>, exposure: &AbExposure, now: Timestamp) {
        let place = self.place(&exposure.unit);
        let arm = usize::from(exposure.arm);
        let standing = if exposure.first > now {
            Standing::Later
        } else if exposure.crossed || arm >= self.counted.len() {
            Standing::Several
        } else {
            Standing::Arm(arm)
        };
        let before = std::mem::replace(&mut self.units[place].standing, standing);
        self.count(before, |count| count.saturating_sub(1));
        self.count(standing, |count| count + 1);
        let mut wake = Wake::default();
        if standing == Standing::Later {
            wake.at(exposure.first);
        }
        for (column, metric) in self.columns.iter_mut().zip(&spec.metrics) {
            if let (Some(told), Standing::Arm(arm)) = (&column.told[place], before) {
                column.tallies[arm].remove(told);
            }
            column.told[place] = match standing {
                Standing::Arm(_) => sources.tell(metric, exposure, &mut wake),
                Standing::Later | Standing::Several => None,
            };
            if let (Some(told), Standing::Arm(arm)) = (&column.told[place], standing) {
                column.tallies[arm].add(told, None);
            }
        }
        let unit = &mut self.units[place];
        if let Some(time) = wake.0.filter(|_| unit.wake != wake.0) {
            self.wakes.entry(time).or_default().push(Arc::clone(&unit.name));
        }
        unit.wake = wake.0;
    }

    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let (name, place) = (Arc::<str>::from(name), self.units.len());
        self.units.push(Unit { name: Arc::clone(&name), standing: Standing::Later, wake: None });
        self.columns.iter_mut().for_each(|column| column.told.push(None));
        self.places.insert(name, place);
        place
    }

    fn count(&mut self, standing: Standing, change: impl Fn(u64) -> u64) {
        match standing {
            Standing::Later => {}
            Standing::Arm(arm) => self.counted[arm] = change(self.counted[arm]),
            Standing::Several => self.seen_in_several = change(self.seen_in_several),
        }
    }

    /// The units that may say something else at `now` although nothing new is known of them, because a
    /// window is over for instance. They are given once, and to be told anew.
    pub fn woken(&mut self, now: Timestamp) -> Vec<String> {
        let later = self.wakes.split_off(&(now + Duration::from_millis(1)));
        let woken = std::mem::replace(&mut self.wakes, later);
        let woken: Vec<Arc<str>> = woken.into_values().flatten().collect();
        for name in &woken {
            if let Some(place) = self.places.get(name) {
                self.units[*place].wake = None;
            }
        }
        woken.iter().map(ToString::to_string).collect()
    }

    /// What is known at `now` of a phase that began at `started`, with the attribute that tells strata
    /// apart. `looks` are those that the plan has counted so far.
    #[must_use]
    pub fn snapshot(
        &self,
        spec: &AbSpec,
        attributes: &HashMap<String, Value>,
        (started, now): (Timestamp, Timestamp),
        looks: Vec<u64>,
    ) -> Snapshot {
        let mut snapshot = Snapshot {
            seconds: now.since(started).as_secs(),
            units: self.counted.clone(),
            seen_in_several: self.seen_in_several,
            looks,
            ..Snapshot::default()
        };
        let counted = || {
            self.units.iter().enumerate().filter_map(|(place, unit)| match unit.standing {
                Standing::Arm(arm) => Some((place, arm, &*unit.name)),
                Standing::Later | Standing::Several => None,
            })
        };
        let strata = match &spec.strata {
            Some(_) => strata(counted().map(|(_, _, name)| name), attributes),
            None => Strata::default(),
        };
        for (column, metric) in self.columns.iter().zip(&spec.metrics) {
            let told = counted().enumerate().filter_map(|(number, (place, arm, _))| {
                let stratum = strata.places.get(number).copied();
                column.told[place].as_ref().map(|told| evidence::One { arm, stratum, told })
            });
            let Measured { evidence, strata, cap } = match column.lacking {
                true => Measured::lacking(spec),
                false => evidence::measure(spec, metric, &column.tallies, told, &strata.names),
            };
            let name = &metric.name;
            snapshot.metrics.insert(name.clone(), evidence);
            if !strata.is_empty() {
                snapshot.strata.insert(name.clone(), strata);
            }
            snapshot.caps.extend(cap.map(|cap| (name.clone(), cap)));
        }
        snapshot
    }
}
