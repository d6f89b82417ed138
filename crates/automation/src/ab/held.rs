//! What the look before knew of a test, so that a look reads no more than what is new.

use super::look::{collected_from, strata};
use mainspring_domain::Timestamp;
use mainspring_domain::ab::{AbExposure, AbPhase};
use mainspring_metadata_store::{AbUnits, ReadTx, StoreError};
use mainspring_rollouts::ab::{AbSpec, Answers, Collected, Ledger};
use mainspring_stats::decide::Snapshot;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Units that are read at once.
const AT_ONCE: usize = 5_000;
/// How much later than its time by a server's clock something may be seen: clocks of servers differ, and
/// what was begun before a look is seen after it.
const OVERLAP: Duration = Duration::from_secs(60);

/// What is known of a phase.
struct Known {
    phase: AbPhase,
    now: Timestamp,
    /// The number of the newest label that is in it.
    label: i64,
    ledger: Ledger,
}

/// What is known of a test after its newest look here.
#[derive(Default)]
pub(super) struct Newest(Option<Known>);

/// The same, of which there is one for all who look. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Held(Arc<Mutex<Newest>>);

/// What is held of tests that are looked at, by id. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct HeldTests(Arc<Mutex<HashMap<String, Held>>>);

impl HeldTests {
    pub(super) fn of(&self, test: &str) -> Held {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(test.to_owned()).or_default().clone()
    }

    /// Forgets tests that do not run any more.
    pub(super) fn keep(&self, mut runs: impl FnMut(&str) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|test, _| runs(test));
    }
}

impl Held {
    /// Until it is dropped nobody else looks at the test here.
    pub(super) fn lock(&self) -> MutexGuard<'_, Newest> {
        self.0.lock().unwrap_or_else(|poisoned| {
            let mut newest = poisoned.into_inner();
            newest.forget();
            newest
        })
    }
}

impl Newest {
    /// The next look reads all there is.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    /// What is known at `now` of a phase whose arms share its units, with the answers to its queries; and
    /// whether all was read for it, and not just what came since the look before.
    pub(super) fn look(
        &mut self,
        tx: &dyn ReadTx,
        (phase, spec): (&AbPhase, &AbSpec),
        answers: &Answers,
        now: Timestamp,
        looks: Vec<u64>,
    ) -> Result<(Snapshot, bool), StoreError> {
        // Of queries nobody knows what is new.
        let goes_on = |known: &Known| known.phase == *phase && known.now <= now && answers.is_empty();
        // What fails in the middle is not held.
        let before = self.0.take().filter(goes_on);
        let all = before.is_none();
        let label = tx.newest_label()?;
        let mut known = match before {
            None => Known { phase: phase.clone(), now, label, ledger: Ledger::new(spec) },
            Some(known) => known,
        };
        let reader = Reader { tx, phase, spec, now };
        if all {
            reader.all(&mut known.ledger, answers)?;
        } else {
            reader.changed(&mut known.ledger, known.now - OVERLAP, known.label)?;
        }
        (known.now, known.label) = (now, label);
        let strata = strata(tx, phase, spec)?;
        let snapshot = known.ledger.snapshot(spec, &strata, (phase.started, now), looks);
        // The next look at queries reads all there is.
        self.0 = Some(known).filter(|_| answers.is_empty());
        Ok((snapshot, all))
    }
}

struct Reader<'a> {
    tx: &'a dyn ReadTx,
    phase: &'a AbPhase,
    spec: &'a AbSpec,
    now: Timestamp,
}

impl Reader<'_> {
    fn all(&self, ledger: &mut Ledger, answers: &Answers) -> Result<(), StoreError> {
        let mut collected = Collected { answers: answers.clone(), ..Collected::default() };
        // Rows of queries are gone through once.
        let at_once = if answers.is_empty() { AT_ONCE } else { usize::MAX };
        let limit = u32::try_from(at_once).unwrap_or(u32::MAX);
        // No unit has an empty name.
        let mut after = String::new();
        loop {
            let units = self.tx.ab_exposures_after(&self.phase.test, self.phase.number, &after, limit)?;
            let Some((first, last)) = units.first().zip(units.last()) else { return Ok(()) };
            after.clone_from(&last.unit);
            let first = first.unit.clone();
            self.collect(&mut collected, AbUnits::Between(&first, &after), units)?;
            ledger.tell(self.spec, &collected, self.now);
        }
    }

    fn changed(&self, ledger: &mut Ledger, since: Timestamp, label: i64) -> Result<(), StoreError> {
        let (test, phase) = (self.phase.test.as_str(), self.phase.number);
        let mut units = self.tx.ab_changed_units(test, phase, &Collected::wanted_events(self.spec), since)?;
        units.extend(self.tx.ab_labelled_units(test, phase, label)?);
        units.extend(ledger.woken(self.now));
        let units: Vec<String> = units.into_iter().collect();
        let mut collected = Collected::default();
        for part in units.chunks(AT_ONCE) {
            let exposures = self.tx.ab_exposures(test, phase, AbUnits::Of(part))?;
            self.collect(&mut collected, AbUnits::Of(part), exposures)?;
            ledger.tell(self.spec, &collected, self.now);
        }
        Ok(())
    }

    /// Reads what else is known of these units.
    fn collect(
        &self,
        collected: &mut Collected,
        units: AbUnits<'_>,
        exposures: Vec<AbExposure>,
    ) -> Result<(), StoreError> {
        collected.exposures = exposures;
        collected.served = self.tx.ab_served(&self.phase.test, self.phase.number, units)?;
        collected.events.clear();
        for name in Collected::wanted_events(self.spec) {
            let events = self.tx.metric_events(name, collected_from(self.phase, self.spec), units)?;
            collected.events.insert(name.to_owned(), events);
        }
        Ok(())
    }
}
