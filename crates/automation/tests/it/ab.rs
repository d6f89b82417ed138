//! A/B tests from their file to the rollout of the winner.

use crate::project::{MODEL, Project, let_it_look, until};
use mainspring_automation::AutomationError;
use mainspring_automation::ab::{AbTests, Asked, decided};
use mainspring_domain::ab::{AbRequest, AbStatus, AbTest, MetricEvent};
use mainspring_domain::delivery::Arm;
use mainspring_domain::monitoring::Prediction;
use mainspring_domain::{Actor, Clock as _, Timestamp};
use mainspring_metadata_store::AbUnits;
use mainspring_serving::{Caller, Rows};
use mainspring_stats::decide::{Because, Outcome, Waiting};
use serde_json::{Map, Value, json};
use std::time::Duration;

pub(crate) fn file(more: &str) -> String {
    format!(
        "name: better\nmodel: flights\narms: [{{name: control, version: 1}}, {{name: candidate, version: 2}}]\n\
         metrics:\n  reward: {{from: label}}\n  error: {{from: error}}\n\
         goals: [{{metric: reward, better: higher}}]\n\
         guardrails: [{{metric: error, better: lower, margin: 0.02}}]\n{more}"
    )
}

pub(crate) const PLAN: &str = "plan: {planned_units: 2000, minimum_runtime: 1h, look_every: 1h}\n";

/// Version 1 in charge, version 2 registered, and a test of both at work.
pub(crate) async fn testing(text: String) -> Project {
    let project = Project::with_champion().await;
    project.register(2, json!({ "answer": 2 })).await;
    create(&project, text).await.unwrap();
    change(&project, |tx| AbTests::start(tx, "better")).await.unwrap();
    until("the route to be split", async || project.running().gateway.test(MODEL).is_some()).await;
    project
}

pub(crate) async fn create(project: &Project, text: String) -> Result<AbTest, AutomationError> {
    let tests = project.running().ab.clone();
    change(project, move |tx| tests.create(tx, text, &Actor::user("ada"))).await
}

pub(crate) async fn revise(
    project: &Project,
    text: String,
) -> Result<(AbTest, Option<&'static str>), AutomationError> {
    let tests = project.running().ab.clone();
    change(project, move |tx| tests.revise(tx, "better", text, "because")).await
}

pub(crate) async fn change<T: Send + 'static>(
    project: &Project,
    change: impl FnOnce(&mut dyn mainspring_metadata_store::WriteTx) -> Result<T, AutomationError>
    + Send
    + 'static,
) -> Result<T, AutomationError> {
    project.store().write(Actor::user("ada"), change).await
}

pub(crate) async fn test(project: &Project) -> AbTest {
    project.read(|tx| tx.ab_test("better")).await.unwrap()
}

/// The arm of a unit on the live route.
pub(crate) fn arm(project: &Project, unit: &str) -> Option<u16> {
    let route = project.running().gateway.test(MODEL).unwrap();
    (route.split)(unit, &Map::new()).map(|arm| u16::try_from(arm).unwrap())
}

/// A number in [0, 1) that looks random and is the same each time.
pub(crate) fn chance(seed: u64) -> f64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / 9_007_199_254_740_992.0
}

/// What a unit's request came to: whether the model failed, and its reward.
type Fate = fn(u16, u64) -> Option<(bool, f64)>;

fn features(n: u64) -> Map<String, Value> {
    let carrier = if n.is_multiple_of(2) { "AA" } else { "UA" };
    Map::from_iter([("carrier".to_owned(), json!(carrier)), ("distance".to_owned(), json!(n))])
}

/// What is on record of a request of a unit, with its label.
type Traced = (Prediction, AbRequest, f64);

/// Requests of units, each answered by its arm; a fate of none is lost.
async fn requests(project: &Project, units: std::ops::Range<u64>, fate: Fate) -> Vec<Traced> {
    let now = project.clock.now();
    let found = test(project).await;
    let traced = |n: u64| {
        let (id, unit) = (format!("r{n}"), format!("u{n}"));
        let arm = arm(project, &unit)?;
        let (failed, reward) = fate(arm, n)?;
        let prediction = Prediction {
            id: id.clone(),
            time: now,
            event_time: None,
            model: MODEL.to_owned(),
            version: u32::from(arm) + 1,
            arm: Arm::Stable,
            rollout: None,
            canary_weight: 0,
            features: features(n),
            score: (!failed).then_some(0.5),
            error: failed.then(|| "the model failed".to_owned()),
            latency_us: 1000,
            label: None,
            label_time: None,
        };
        let (test, phase) = (found.id.clone(), found.phase);
        Some((prediction, AbRequest { request: id, test, phase, unit, arm, time: now }, reward))
    };
    units.filter_map(traced).collect()
}

/// Puts requests of units on record.
async fn traffic(project: &Project, units: std::ops::Range<u64>, fate: Fate) {
    let traced = requests(project, units, fate).await;
    project
        .write(Actor::user("client"), move |tx| {
            for (prediction, request, label) in traced {
                tx.add_predictions(std::slice::from_ref(&prediction))?;
                tx.add_ab_request(&request)?;
                tx.add_label(&prediction.id, label)?;
            }
            Ok(())
        })
        .await;
}

fn coin(share: f64, n: u64) -> f64 {
    f64::from(u8::from(chance(n) < share))
}

pub(crate) async fn look(project: &Project) -> Outcome {
    let decision = project.running().ab.look("better").await.unwrap();
    decided(&decision).unwrap().outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn the_better_version_wins_and_is_rolled_out() {
    let project = testing(file(PLAN)).await;
    let fate: Fate = |arm, n| Some((false, coin(if arm == 1 { 0.7 } else { 0.5 }, n)));
    traffic(&project, 0..1200, fate).await;
    assert_eq!(look(&project).await, Outcome::Continue { waiting: Waiting::Time });
    assert!(project.rollouts().await.len() == 1, "nothing happens before the minimum of time");
    project.clock.advance(Duration::from_secs(3600));
    until("the test to end", async || test(&project).await.status == AbStatus::Ended).await;
    let ended = test(&project).await;
    assert_eq!(ended.outcome.as_deref(), Some("`candidate` wins"));
    let rollout = project.rollouts().await.pop().unwrap();
    assert_eq!((Some(rollout.id), rollout.version), (ended.rollout, 2));
    assert_eq!(rollout.requested_by, "ab_test:better");
    let id = ended.id.clone();
    let last = project.read(move |tx| Ok(tx.ab_decisions(&id, 1)?.pop())).await.unwrap();
    assert_eq!(decided(&last).unwrap().outcome, Outcome::Winner { arm: 1 });
    let numbers = 1..=last.number;
    for number in numbers {
        let same = project.store().read(move |tx| AbTests::replays(tx, "better", number)).await.unwrap();
        assert!(same, "decision {number} comes out differently");
    }
    until("the route to be whole", async || project.running().gateway.test(MODEL).is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_requests_keep_their_arm_across_a_restart() {
    let mut project = testing(file(PLAN)).await;
    let ask = async |project: &Project, unit: &str| {
        let rows = Rows { columns: None, data: vec![vec![json!(1)]] };
        let caller = Caller { key: Some(unit.to_owned()), ..Caller::default() };
        let served = project.running().gateway.predict(MODEL, unit, &caller, None, rows, &Value::Null).await;
        let served = served.unwrap();
        let assigned = served.assigned.unwrap();
        assert_eq!(u32::from(assigned.arm) + 1, served.version);
        assert_eq!(assigned.unit, unit);
        served.version
    };
    let units: Vec<String> = (0..200).map(|n| format!("u{n}")).collect();
    let mut before = Vec::new();
    for unit in &units {
        before.push(ask(&project, unit).await);
    }
    let candidates = before.iter().filter(|version| **version == 2).count();
    assert!((70..130).contains(&candidates), "{candidates} of 200");
    project.restart().await;
    until("the route to be split again", async || project.running().gateway.test(MODEL).is_some()).await;
    for (unit, version) in units.iter().zip(before) {
        assert_eq!(ask(&project, unit).await, version, "{unit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_arms_that_are_the_same_have_no_winner() {
    // Where the file says that they are the same nobody can win; where it does not, the data say it.
    for same in ["same_arms: true, ", ""] {
        let plan = PLAN.replace("look_every", &format!("{same}look_every"));
        let project = testing(file(&format!("{plan}assignment: {{seed: s}}\n"))).await;
        project.clock.advance(Duration::from_secs(3600));
        traffic(&project, 0..4100, |_, n| Some((false, coin(0.5, n)))).await;
        let outcome = look(&project).await;
        assert_eq!(outcome, Outcome::KeepChampion { because: Because::MaximumReached }, "{same}");
        assert_eq!(project.rollouts().await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tests_start_by_themselves_one_after_the_other() {
    let project = Project::with_champion().await;
    let begins = Timestamp::from_millis(project.clock.now().as_millis() + 3_600_000);
    let text = |name: &str, start: &str| {
        file(&format!("{PLAN}start: {start}\n")).replace("name: better", &format!("name: {name}"))
    };
    create(&project, text("better", "ready")).await.unwrap();
    create(&project, text("next", &begins.to_string())).await.unwrap();
    let status = async |name: &'static str| project.read(move |tx| tx.ab_test(name)).await.unwrap().status;
    let waits_for = async |name: &'static str| {
        let found = project.read(move |tx| tx.ab_test(name)).await.unwrap();
        project.running().ab.look_failed(&found).map(|failure| failure.message).unwrap_or_default()
    };
    until("it to say what it waits for", async || waits_for("better").await.contains("version 2")).await;
    assert_eq!(status("better").await, AbStatus::Draft);
    assert_eq!(waits_for("next").await, "", "it is not its time");
    project.register(2, json!({ "answer": 2 })).await;
    until("it to start", async || status("better").await == AbStatus::Running).await;
    assert_eq!(waits_for("better").await, "");
    project.clock.advance(Duration::from_secs(3_600));
    until("the next one to wait for the route", async || waits_for("next").await.contains("`better` splits"))
        .await;
    assert_eq!(status("next").await, AbStatus::Draft);
    change(&project, |tx| AbTests::stop(tx, "better", "enough")).await.unwrap();
    until("the next one to start", async || status("next").await == AbStatus::Running).await;
    let started = project.events("ab_test.started").await;
    assert!(started.iter().all(|event| event.actor.to_string() == "system:ab"), "{started:?}");
    assert_eq!(started.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arm_that_loses_its_requests_stops_the_test() {
    let plan = PLAN.replace("planned_units: 2000", "planned_units: 100000");
    let project = testing(file(&plan)).await;
    // One in twenty of the candidate's requests leaves no trace, and what is left looks far better.
    let fate: Fate = |arm, n| {
        let lost = arm == 1 && chance(n + 1_000_000) < 0.05;
        (!lost).then(|| (false, coin(if arm == 1 { 0.9 } else { 0.5 }, n)))
    };
    traffic(&project, 0..60_000, fate).await;
    assert_eq!(look(&project).await, Outcome::Stop { because: Because::SampleRatioMismatch });
    let ended = test(&project).await;
    assert!(ended.outcome.unwrap().contains("sample ratio mismatch"));
    assert_eq!(ended.rollout, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_better_version_that_violates_a_guardrail_does_not_win() {
    let project = testing(file(PLAN)).await;
    project.clock.advance(Duration::from_secs(3600));
    let fate: Fate = |arm, n| {
        let failed = arm == 1 && chance(n + 5_000_000) < 0.15;
        Some((failed, coin(if arm == 1 { 0.8 } else { 0.5 }, n)))
    };
    traffic(&project, 0..2000, fate).await;
    assert_eq!(look(&project).await, Outcome::KeepChampion { because: Because::Harm });
    assert_eq!(project.deployment().await.unwrap().stable, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_count_once_in_any_order_and_units_of_two_arms_not_at_all() {
    let text = "name: better\narms: [{name: a}, {name: b}]\nmetrics: {paid: {event: paid, outcome: sum}}\nassignment: {seed: s}\n\
                goals: [{metric: paid, better: higher}]\nplan: {planned_units: 1000}\n";
    let mut snapshots = Vec::new();
    for (turned, again) in [(false, false), (true, true)] {
        let project = Project::started().await;
        create(&project, text.to_owned()).await.unwrap();
        change(&project, |tx| AbTests::start(tx, "better")).await.unwrap();
        let now = project.clock.now();
        change(&project, move |tx| {
            let mut events: Vec<MetricEvent> = Vec::new();
            for n in 0..400_u64 {
                let unit = format!("u{n}");
                AbTests::assign(tx, "better", &Asked { unit: unit.clone(), ..Asked::default() })?;
                for turn in 0..3 {
                    events.push(MetricEvent {
                        id: format!("{n}.{turn}"),
                        name: "paid".to_owned(),
                        unit: unit.clone(),
                        value: chance(n * 3 + turn) * 0.1,
                        time: Timestamp::from_millis(now.as_millis() + i64::try_from(turn).unwrap()),
                        about: None,
                    });
                }
            }
            if turned {
                events.reverse();
            }
            assert_eq!(tx.add_metric_events(&events)?, events.len());
            if again {
                // What came first under an id counts.
                events.iter_mut().step_by(2).for_each(|event| event.value += 1.0);
                assert_eq!(tx.add_metric_events(&events)?, 0);
            }
            let id = tx.ab_test("better")?.unwrap().id;
            let seen = tx.ab_exposure(&id, 1, "u7")?.unwrap().arm;
            tx.expose((&id, 1), "u7", 1 - seen, now, None)?;
            Ok(())
        })
        .await
        .unwrap();
        project.clock.advance(Duration::from_secs(60));
        let decision = project.running().ab.look("better").await.unwrap();
        snapshots.push(decision.decision["snapshot"].clone());
        assert_eq!(snapshots[0]["seen_in_several"], json!(1));
    }
    assert_eq!(snapshots[0], snapshots[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn predictions_and_labels_count_once_in_any_order() {
    let mut snapshots = Vec::new();
    for turned in [false, true] {
        let project = testing(file(&format!("{PLAN}assignment: {{seed: s}}\n"))).await;
        let mut traced = requests(&project, 0..300, |_, n| Some((n % 7 == 0, 0.1 * chance(n)))).await;
        if turned {
            traced.sort_by_key(|(prediction, ..)| {
                prediction.features["distance"].as_u64().map(|n| n * 101 % 300)
            });
        }
        project
            .write(Actor::user("client"), move |tx| {
                let mut labels: Vec<(String, f64)> =
                    traced.iter().map(|(prediction, _, label)| (prediction.id.clone(), *label)).collect();
                if turned {
                    // All at once, labels before predictions and the other way round, and once more.
                    for (id, label) in labels.iter().rev().take(100) {
                        tx.add_label(id, *label)?;
                    }
                    labels.extend(
                        traced.iter().map(|(prediction, _, label)| (prediction.id.clone(), label + 1.0)),
                    );
                    let answered = traced.iter().filter(|(prediction, ..)| prediction.error.is_none());
                    let again: Vec<Traced> = answered.cloned().collect();
                    traced.extend(again);
                }
                for (prediction, request, _) in &traced {
                    tx.add_predictions(std::slice::from_ref(prediction))?;
                    tx.add_ab_request(request)?;
                }
                for (id, label) in labels {
                    tx.add_label(&id, label)?;
                }
                Ok(())
            })
            .await;
        project.clock.advance(Duration::from_secs(60));
        let decision = project.running().ab.look("better").await.unwrap();
        snapshots.push(decision.decision["snapshot"].clone());
    }
    assert_eq!(snapshots[0], snapshots[1]);
    let units = snapshots[0]["units"].as_array().unwrap().iter().map(|units| units.as_u64().unwrap());
    assert_eq!(units.sum::<u64>(), 300, "{}", snapshots[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_reads_what_is_new_knows_the_same_as_one_that_reads_all() {
    let text = "name: better\nmodel: flights\narms: [{name: control, version: 1}, {name: candidate, version: 2}]\n\
                metrics:\n  reward: {from: label, window: 2h}\n  error: {from: error}\n\
                \x20 spent: {event: spent, outcome: sum, window: 1h}\n  slow: {from: latency_ms, quantile: 0.9}\n\
                goals: [{metric: reward, better: higher}, {metric: spent, better: higher}]\n\
                assignment: {seed: s}\n\
                plan: {planned_units: 9000, minimum_runtime: 30d, look_every: 30d}\n";
    let mut project = testing(text.to_owned()).await;
    let spent = |n: u64, more: i64, now: Timestamp| MetricEvent {
        id: format!("{n} {more}"),
        name: "spent".to_owned(),
        unit: format!("u{n}"),
        value: chance(n + 7) * 0.1,
        time: Timestamp::from_millis(now.as_millis() + more),
        about: None,
    };
    for step in 0..6_u64 {
        let units = step * 100..(step + 1) * 100;
        traffic(&project, units.clone(), |_, n| Some((n.is_multiple_of(9), chance(n)))).await;
        let now = project.clock.now();
        project
            .write(Actor::user("client"), move |tx| {
                // Some out of order, some long after their time, and a unit that sees the other arm.
                let times = [5, -3_600_000, 1, -7_200_000, 0];
                let events: Vec<MetricEvent> = units
                    .clone()
                    .flat_map(|n| times.map(|more| spent(n.saturating_sub(50), more, now)))
                    .collect();
                tx.add_metric_events(&events)?;
                let id = tx.ab_test("better")?.unwrap().id;
                let unit = format!("u{}", step * 90);
                let seen = tx.ab_exposure(&id, 1, &unit)?.map(|one| 1 - one.arm);
                seen.map_or(Ok(()), |other| tx.expose((&id, 1), &unit, other, now, None))
            })
            .await;
        look(&project).await;
        project.clock.advance(Duration::from_secs(1_500));
    }
    let step_by_step = project.running().ab.look("better").await.unwrap();
    let metrics = &step_by_step.decision["snapshot"]["metrics"];
    assert!(metrics["spent"]["split"][1]["sample"]["n"].as_u64() > Some(100), "{metrics}");
    assert!(metrics["reward"]["split"][1]["sample"]["n"].as_u64() > Some(30), "{metrics}");
    project.restart().await;
    until("the route to come back", async || project.running().gateway.test(MODEL).is_some()).await;
    let read_anew = project.running().ab.look("better").await.unwrap();
    assert_eq!(step_by_step, read_anew, "nothing else is known, so that there is no decision of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bandit_sends_more_to_what_is_better_and_ends_with_it() {
    let text = file(
        "plan: {planned_units: 2000, maximum_units: 4000, minimum_runtime: 30d, look_every: 1h}\n\
         bandit: {every: 1d, floor: 0.1}\nassignment: {seed: s}\n",
    );
    let project = testing(text).await;
    let fate: Fate = |arm, n| Some((false, coin(if arm == 1 { 0.7 } else { 0.5 }, n)));
    traffic(&project, 0..1000, fate).await;
    assert_eq!(look(&project).await, Outcome::Continue { waiting: Waiting::Earning });
    assert_eq!(test(&project).await.phase, 1, "a phase lasts a day");
    project.clock.advance(Duration::from_secs(86_400));
    look(&project).await;
    let found = test(&project).await;
    assert_eq!(found.phase, 2);
    let id = found.id.clone();
    let phases = project.read(move |tx| tx.ab_phases(&id)).await;
    let (weights, after) = (phases[1].weights.clone().unwrap(), phases[1].after.unwrap());
    assert!((weights[1] - 0.9).abs() < 1e-3 && phases[0].weights.is_none(), "{weights:?}");
    let id = found.id.clone();
    let last = project.read(move |tx| tx.ab_decision(&id, after)).await.unwrap();
    assert_eq!(last.phase, 1, "the weights follow from the last decision of the phase before");
    assert_eq!(phases[1].reason, "the weights follow the results: control 10.0 %, candidate 90.0 %");
    until("the route to follow", async || {
        project.running().gateway.test(MODEL).is_some_and(|route| route.phase == 2)
    })
    .await;
    traffic(&project, 1000..3900, fate).await;
    let id = found.id.clone();
    let seen = project.read(move |tx| tx.ab_exposures(&id, 2, AbUnits::All)).await;
    let candidate = seen.iter().filter(|one| one.arm == 1).count();
    assert!((2500..2720).contains(&candidate), "{candidate} of {}", seen.len());
    assert_eq!(look(&project).await, Outcome::Continue { waiting: Waiting::Earning });
    assert_eq!(test(&project).await.status, AbStatus::Running);
    traffic(&project, 3900..4100, fate).await;
    look(&project).await;
    let ended = test(&project).await;
    assert_eq!(ended.status, AbStatus::Ended);
    assert_eq!(ended.outcome.as_deref(), Some("`candidate` wins"));
    assert!(ended.rollout.is_some(), "it is rolled out");
    let decisions = project.read(move |tx| tx.ab_decisions(&ended.id, 9)).await;
    assert!(decisions.iter().all(|one| decided(one).unwrap().replays()));
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_and_novelty_show_where_and_how_long_an_effect_holds() {
    let goals = "goals: [{metric: reward, better: higher, effect: 0.1}]\n";
    let text =
        file("plan: {planned_units: 9000, minimum_runtime: 30d, look_every: 1h}\nassignment: {seed: s}\n");
    let text = text.replace("goals: [{metric: reward, better: higher}]\n", goals);
    let project = testing(text).await;
    // Better for one carrier only, and only at first.
    traffic(&project, 0..2000, |arm, n| {
        Some((false, coin(if arm == 1 && n.is_multiple_of(2) { 0.9 } else { 0.5 }, n)))
    })
    .await;
    project.clock.advance(Duration::from_secs(5 * 86_400));
    traffic(&project, 2000..4000, |_, n| Some((false, coin(0.5, n)))).await;
    let ab = &project.running().ab;
    let names = project.read(|tx| Ok(AbTests::attributes(tx, "better").unwrap())).await;
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["carrier", "distance"]);

    let found = ab.segments("better", "carrier").await.unwrap();
    let reward = &found[0];
    assert_eq!((reward.metric.as_str(), reward.groups.len(), found.len()), ("reward", 2, 2));
    assert_eq!(reward.groups[0].name, "AA");
    let gains = reward.groups.iter().map(|group| group.effect.unwrap().estimate).collect::<Vec<_>>();
    assert!((gains[0] - 0.2).abs() < 0.07 && gains[1].abs() < 0.07, "{gains:?}");
    assert!(reward.p.unwrap() < 0.001 && reward.groups[0].differs.unwrap() < 0.001, "{reward:?}");
    assert!(reward.trend.is_none());

    let bands = ab.segments("better", "distance").await.unwrap();
    let names: Vec<&str> = bands[0].groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names[0].starts_with("below ") && names[3].ends_with(" and above"), "{names:?}");
    let error = ab.segments("better", "altitude").await.unwrap_err().to_string();
    assert!(error.contains("no unit with `altitude`"), "{error}");

    let cohorts = ab.novelty("better").await.unwrap();
    assert_eq!(cohorts[0].groups.len(), 8);
    let trend = cohorts[0].trend.unwrap();
    assert!(trend.slope > 0.0 && trend.p < 0.001, "those who came first had more of it: {trend:?}");
    assert!(!trend.novelty, "it does not fade as units grow older");

    let decision = ab.look("better").await.unwrap();
    let spec = mainspring_rollouts::ab::AbSpec::parse(
        &project.read(|tx| tx.ab_phases(&tx.ab_test("better")?.unwrap().id)).await[0].spec_text,
        std::path::Path::new("t"),
    );
    let progress = mainspring_automation::ab::progress(&decision, &spec.unwrap());
    assert_eq!(progress.len(), 1, "goals only");
    assert_eq!(progress[0].smallest, Some(0.1));
    assert!(progress[0].reached.power.unwrap() > 0.9, "{progress:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_answer_the_same_requests_in_the_shadow() {
    let text = "name: better\nmodel: flights\nmode: shadow\n\
                arms: [{name: control, version: 1}, {name: candidate, version: 2}]\n\
                metrics: {off: {from: absolute_error}}\ngoals: [{metric: off, better: lower}]\n\
                plan: {planned_units: 100, minimum_runtime: 0s, minimum_units: 10, look_every: 1h}\n";
    let project = testing(text.to_owned()).await;
    let found = test(&project).await;
    for n in 0..120 {
        let (id, unit) = (format!("r{n}"), format!("u{n}"));
        let rows = Rows { columns: None, data: vec![vec![json!(1)]] };
        let caller = Caller { key: Some(unit), ..Caller::default() };
        let served = project.running().gateway.predict(MODEL, &id, &caller, None, rows, &Value::Null).await;
        let served = served.unwrap();
        assert_eq!(served.version, 1, "the control answers everybody");
        let assigned = served.assigned.unwrap();
        let time = project.clock.now();
        project
            .write(Actor::user("client"), move |tx| {
                tx.add_predictions(&served.predictions)?;
                let (test, unit) = (assigned.test, assigned.unit);
                tx.add_ab_request(&AbRequest { request: id.clone(), test, phase: 1, unit, arm: 0, time })?;
                // The candidate answers 2, the control 1: the candidate is nearer, by 0.2, 0.4 or 0.6.
                tx.add_label(&id, 1.6 + f64::from(n % 3) / 10.0)?;
                Ok(())
            })
            .await;
    }
    until("all to be mirrored", async || {
        let id = found.id.clone();
        project.read(move |tx| tx.ab_mirrored(&id, 1)).await.len() == 120
    })
    .await;
    assert_eq!(look(&project).await, Outcome::Winner { arm: 1 });
    let decision = project.read(move |tx| Ok(tx.ab_decisions(&found.id, 1)?.pop())).await.unwrap();
    let evidence = decided(&decision).unwrap().snapshot.metrics["off"].clone();
    let mainspring_stats::decide::Evidence::Paired(arms) = evidence else { panic!("{evidence:?}") };
    assert_eq!(arms[0].sample.n, 120);
    assert!((arms[0].sample.mean + 0.4).abs() < 1e-9, "{arms:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_mix_results_begins_a_new_phase() {
    let project = testing(file(PLAN)).await;
    traffic(&project, 0..300, |_, n| Some((false, coin(0.5, n)))).await;
    let revise = async |text: String| revise(&project, text).await;
    let (same, why) = revise(file(&PLAN.replace("look_every: 1h", "look_every: 2h"))).await.unwrap();
    assert_eq!((same.phase, why), (1, None));
    let heavier = file(PLAN).replace("version: 2", "version: 2, weight: 3");
    let (next, why) = revise(heavier).await.unwrap();
    assert_eq!((next.phase, why), (2, Some("the arms or their weights")));
    until("the new split", async || {
        project.running().gateway.test(MODEL).is_some_and(|route| route.phase == 2)
    })
    .await;
    let outcome = look(&project).await;
    assert!(matches!(outcome, Outcome::Continue { .. }), "{outcome:?}");
    let decision = project.running().ab.look("better").await.unwrap();
    assert_eq!(decision.decision["snapshot"]["units"], json!([0, 0]), "nobody is carried over");
    let foreign = revise(file(PLAN).replace("model: flights", "model: other")).await;
    assert!(matches!(foreign, Err(AutomationError::AbState { .. })), "{foreign:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wider_ramp_is_taken_over_and_a_narrower_one_begins_anew() {
    let covered = |share: &str| file(&format!("{PLAN}assignment: {{seed: s, coverage: {share}}}\n"));
    let project = testing(covered("0.2")).await;
    let taking_part =
        |project: &Project| (0..1000).filter(|n| arm(project, &format!("u{n}")).is_some()).count();
    assert!((120..280).contains(&taking_part(&project)));
    let revise = async |text: String| revise(&project, text).await.unwrap();
    let (wider, why) = revise(covered("1")).await;
    assert_eq!((wider.phase, why), (1, None));
    until("all to take part", async || taking_part(&project) == 1000).await;
    let (narrower, why) = revise(covered("0.5")).await;
    assert_eq!((narrower.phase, why), (2, Some("who sees which arm")));
    let (shadow, why) = revise(covered("0.5") + "mode: shadow\n").await;
    assert_eq!((shadow.phase, why), (3, Some("who sees which arm")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_winner_that_cannot_be_rolled_out_has_won_all_the_same() {
    let project = testing(file(&PLAN.replace("1h, look", "0s, look"))).await;
    std::fs::remove_file(project.file("rollout.yaml", "")).unwrap();
    traffic(&project, 0..1200, |arm, n| Some((false, coin(if arm == 1 { 0.8 } else { 0.5 }, n)))).await;
    assert_eq!(look(&project).await, Outcome::Winner { arm: 1 });
    let ended = test(&project).await;
    let outcome = ended.outcome.unwrap();
    assert!(
        outcome.starts_with("`candidate` wins, and is not rolled out: cannot use `rollout.yaml`"),
        "{outcome}"
    );
    assert_eq!((ended.status, ended.rollout), (AbStatus::Ended, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_cannot_be_right_does_not_start() {
    let project = Project::with_champion().await;
    project.register(2, json!({ "answer": 2 })).await;
    let wrong = file(PLAN).replace("goals: [{metric: reward", "goals: [{metric: rewards");
    let error = create(&project, wrong).await.unwrap_err().to_string();
    assert!(error.contains("test:7:18") && error.contains("did you mean `reward`?"), "{error}");
    assert!(project.read(|tx| tx.ab_tests(10)).await.is_empty());
    create(
        &project,
        file(PLAN)
            .replace("version: 1}", "version: 2}")
            .replace("candidate, version: 2", "candidate, version: 1"),
    )
    .await
    .unwrap();
    let error = change(&project, |tx| AbTests::start(tx, "better")).await.unwrap_err().to_string();
    assert!(error.contains("the first arm must be in charge of `flights`, which is version 1"), "{error}");
    let again = create(&project, file(PLAN)).await.unwrap_err().to_string();
    assert!(again.contains("is there already"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_that_is_replaced_ends_the_test() {
    let project = testing(file(PLAN)).await;
    project
        .write(Actor::user("ada"), |tx| {
            let mut deployment = tx.deployment(MODEL)?.unwrap();
            deployment.stable = Some(3);
            tx.put_deployment(&deployment)
        })
        .await;
    until("the test to end", async || test(&project).await.status == AbStatus::Ended).await;
    assert_eq!(test(&project).await.outcome.unwrap(), "stopped: another version was put in charge");
    let_it_look().await;
    assert!(project.running().gateway.test(MODEL).is_none());
}
