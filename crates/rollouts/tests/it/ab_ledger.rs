//! What units say, told a few at a time.

use crate::ab::{at, event, exposure, served};
use mainspring_domain::Timestamp;
use mainspring_domain::ab::{AbExposure, AbServed, MetricEvent};
use mainspring_rollouts::ab::{AbSpec, Collected, Ledger, snapshot};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// Of every kind of metric one or more.
fn spec() -> AbSpec {
    let text = "
name: t
model: m
arms: [{name: a, version: 1}, {name: b, version: 2}]
strata: country
metrics:
  paid: {event: paid, outcome: sum, window: 5h}
  capped: {event: paid, outcome: sum, cap: p80}
  often: {event: paid, outcome: count, cap: 2}
  usual: {event: paid, outcome: sum, cuped: 10h}
  each: {event: paid, per: seen}
  wrong: {from: correct, window: 3h}
  error: {from: error}
  slow: {from: latency_ms, quantile: 0.9}
  score: {from: score, cap: p90, window: 4h}
goals: [{metric: paid, better: higher}]
plan: {planned_units: 1000}
";
    AbSpec::parse(text, Path::new("t.yaml")).unwrap()
}

/// Something that comes to be known of a unit.
#[derive(Clone, Copy, Debug)]
enum News {
    Seen { arm: u16 },
    Happened { name: &'static str, back: i64, value: f64 },
    Asked { version: u32, score: f64, failed: bool },
    Labelled(f64),
    TriedAgain,
}

fn news() -> impl Strategy<Value = News> {
    prop_oneof![
        4 => prop_oneof![9 => Just(0_u16), 9 => Just(1), 1 => Just(2)].prop_map(|arm| News::Seen { arm }),
        6 => (prop_oneof![Just("paid"), Just("seen")], -6..12_i64, 0.0..9.0)
            .prop_map(|(name, back, value)| News::Happened { name, back, value }),
        4 => (1..=2_u32, 0.0..1.0, prop::bool::weighted(0.2))
            .prop_map(|(version, score, failed)| News::Asked { version, score, failed }),
        2 => (0.0..1.0).prop_map(News::Labelled),
        1 => Just(News::TriedAgain),
    ]
}

/// All that is known, as a store would have it.
#[derive(Default)]
struct World {
    exposures: BTreeMap<String, AbExposure>,
    served: BTreeMap<String, Vec<AbServed>>,
    events: BTreeMap<String, Vec<MetricEvent>>,
}

impl World {
    fn learn(&mut self, unit: &str, news: News, hour: i64) {
        match news {
            News::Seen { arm } => {
                let known =
                    self.exposures.entry(unit.to_owned()).or_insert_with(|| exposure(unit, arm, hour));
                known.crossed |= known.arm != arm;
            }
            News::Happened { name, back, value } => {
                let one = MetricEvent { name: name.to_owned(), ..event(unit, hour - back, value) };
                let all = self.events.entry(name.to_owned()).or_default();
                all.push(one);
                all.sort_by(|a, b| (&a.unit, a.time, &a.id).cmp(&(&b.unit, b.time, &b.id)));
            }
            News::Asked { version, score, failed } => {
                let score = Some(score).filter(|_| !failed);
                let one = AbServed { score, failed, ..served(unit, version, hour) };
                self.served.entry(unit.to_owned()).or_default().push(one);
            }
            News::Labelled(label) => {
                let all = self.served.entry(unit.to_owned()).or_default();
                if let Some(one) = all.iter_mut().find(|one| one.label.is_none()) {
                    one.label = Some((label, at(hour)));
                }
            }
            News::TriedAgain => {
                let all = self.served.entry(unit.to_owned()).or_default();
                all.iter_mut().for_each(|one| one.failures += 1);
            }
        }
    }

    /// What is known of some units, or of all.
    fn of(&self, units: Option<&BTreeSet<String>>) -> Collected {
        let wanted = |unit: &str| units.is_none_or(|units| units.contains(unit));
        let events = self.events.iter().map(|(name, all)| {
            (name.clone(), all.iter().filter(|event| wanted(&event.unit)).cloned().collect())
        });
        Collected {
            exposures: self.exposures.values().filter(|one| wanted(&one.unit)).cloned().collect(),
            served: self.served.values().flatten().filter(|one| wanted(&one.unit)).cloned().collect(),
            events: events.collect(),
            attributes: attributes(),
            ..Collected::default()
        }
    }
}

fn attributes() -> HashMap<String, Value> {
    (0..12).map(|n| (format!("u{n}"), json!(if n % 3 == 0 { "DE" } else { "FR" }))).collect()
}

proptest! {
    #[test]
    fn units_told_when_something_is_new_say_the_same_as_all_at_once(
        looks in prop::collection::vec((prop::collection::vec((0..12_u32, news()), 0..20), 0..4_i64), 1..12),
    ) {
        let spec = spec();
        let (mut world, mut ledger, mut hour) = (World::default(), Ledger::new(&spec), 20);
        for (all_news, hours) in looks {
            let mut units: BTreeSet<String> = BTreeSet::new();
            for (unit, news) in all_news {
                let unit = format!("u{unit}");
                world.learn(&unit, news, hour);
                units.insert(unit);
            }
            hour += hours;
            let now: Timestamp = at(hour);
            units.extend(ledger.woken(now));
            ledger.tell(&spec, &world.of(Some(&units)), now);
            let told = ledger.snapshot(&spec, &attributes(), (at(0), now), Vec::new());
            prop_assert_eq!(told, snapshot(&spec, &world.of(None), at(0), now, Vec::new()));
        }
    }
}
