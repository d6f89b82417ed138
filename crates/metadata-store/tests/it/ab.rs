//! A/B tests and what is collected for them.

use crate::{at, change, on_both, read};
use mainspring_domain::ab::{
    AbCredit, AbDecision, AbExposure, AbInterleaved, AbMerged, AbPhase, AbRequest, AbStatus, AbTest,
    MetricEvent, ShownItem,
};
use mainspring_domain::delivery::{Arm, Shadow};
use mainspring_domain::monitoring::Prediction;
use mainspring_metadata_store::AbUnits;
use mainspring_test_support::{FakeClock, TempStore};
use serde_json::{Map, json};
use std::time::Duration;

on_both! {
    tests_and_phases_are_found
    a_request_exposes_its_unit_once
    attributes_are_kept_with_the_first_assignment
    what_came_of_units_is_found_again
    an_event_counts_once_and_comes_in_order
    merged_lists_are_kept_with_what_is_clicked
    events_about_items_count_for_the_arm_that_put_them_there
    decisions_are_numbered
    a_course_is_thinned_out
    a_mirrored_request_is_one_pair
}

pub(crate) fn test(id: &str, status: AbStatus) -> AbTest {
    AbTest {
        id: id.into(),
        name: format!("name of {id}"),
        model: Some("m".into()),
        status,
        phase: 1,
        created_by: "user:ada".into(),
        created: at(1),
        started: None,
        ended: None,
        outcome: None,
        rollout: None,
    }
}

async fn tests_and_phases_are_found(world: TempStore) {
    let store = world.store();
    change(&store, |tx| {
        tx.put_ab_test(&test("a", AbStatus::Draft))?;
        tx.put_ab_test(&test("b", AbStatus::Running))?;
        for number in 1..=2 {
            tx.put_ab_phase(&AbPhase {
                test: "a".into(),
                number,
                seed: format!("a.{number}"),
                spec_text: String::new(),
                started: at(2),
                reason: String::new(),
                weights: None,
                after: None,
            })?;
        }
        tx.put_ab_test(&test("a", AbStatus::Ended))
    })
    .await;
    read(&store, |tx| {
        let ids = |tests: Vec<AbTest>| tests.into_iter().map(|test| test.id).collect::<Vec<_>>();
        assert_eq!(ids(tx.ab_tests(10)?), ["b", "a"]);
        assert_eq!(ids(tx.running_ab_tests()?), ["b"]);
        assert_eq!(tx.ab_test("name of a")?.unwrap().status, AbStatus::Ended);
        assert!(tx.ab_test("c")?.is_none());
        let numbers: Vec<u32> = tx.ab_phases("a")?.iter().map(|phase| phase.number).collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(tx.ab_phase("a")?.unwrap().number, 2);
        assert!(tx.ab_phase("b")?.is_none());
        Ok(())
    })
    .await;
    change(&store, |tx| {
        tx.put_ab_test(&test("c", AbStatus::Draft))?;
        tx.put_ab_test(&test("d", AbStatus::Draft))
    })
    .await;
    for (limit, expected) in [(9, &["d", "c"][..]), (1, &["d"])] {
        let drafts = read(&store, move |tx| tx.draft_ab_tests(limit)).await;
        assert_eq!(drafts.iter().map(|test| test.id.as_str()).collect::<Vec<_>>(), expected);
    }
}

fn prediction(id: &str) -> Prediction {
    Prediction {
        id: id.into(),
        time: at(5),
        event_time: None,
        model: "m".into(),
        version: 1,
        arm: Arm::Stable,
        rollout: None,
        canary_weight: 0,
        features: Map::from_iter([("origin".to_owned(), json!("JFK"))]),
        score: Some(0.5),
        error: None,
        latency_us: 7,
        label: None,
        label_time: None,
    }
}

async fn a_request_exposes_its_unit_once(world: TempStore) {
    let store = world.store();
    let request = |id: &str, unit: &str, arm, time| AbRequest {
        request: id.into(),
        test: "a".into(),
        phase: 1,
        unit: unit.into(),
        arm,
        time: at(time),
    };
    change(&store, move |tx| {
        tx.add_predictions(&["r1", "r2", "r3"].map(prediction))?;
        for one in [request("r2", "u", 1, 5), request("r2", "u", 1, 6), request("r1", "u", 1, 7)] {
            tx.add_ab_request(&one)?;
        }
        tx.add_ab_request(&request("r3", "v", 0, 5))?;
        tx.expose(("a", 1), "v", 1, at(9), None)?;
        tx.add_label("r2", 1.0)?;
        Ok(())
    })
    .await;
    let attribute = |name: &'static str| read(&store, move |tx| tx.ab_attribute("a", 1, name));
    let found = attribute("origin").await;
    assert_eq!(found, [("u".to_owned(), Some(json!("JFK"))), ("v".to_owned(), Some(json!("JFK")))]);
    assert_eq!(attribute("nonsense").await[0], ("u".to_owned(), None));
    let names = read(&store, |tx| tx.ab_attribute_names("a", 1, 1)).await;
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["origin"]);
    assert!(read(&store, |tx| tx.ab_attribute_names("a", 2, 9)).await.is_empty());
    read(&store, |tx| {
        let shown: Vec<_> = tx
            .ab_exposures("a", 1, AbUnits::All)?
            .into_iter()
            .map(|one| (one.unit, one.arm, one.first, one.times, one.crossed))
            .collect();
        assert_eq!(shown, [("u".into(), 1, at(5), 2, false), ("v".into(), 0, at(5), 2, true)]);
        assert!(tx.ab_exposure("a", 2, "u")?.is_none());
        let served = tx.ab_served("a", 1, AbUnits::All)?;
        let labels: Vec<_> = served.iter().map(|one| (one.unit.as_str(), one.label.is_some())).collect();
        assert_eq!(labels, [("u", false), ("u", true), ("v", false)]);
        assert_eq!((served[0].latency_us, served[0].failed, served[0].score), (7, false, Some(0.5)));
        assert_eq!((served[0].version, served[0].failures), (1, 0));
        Ok(())
    })
    .await;
}

async fn what_came_of_units_is_found_again(world: TempStore) {
    let clock = FakeClock::new();
    let world = TempStore::on(world.backend().clone(), clock.clone());
    let store = world.store();
    let request = |id: &str, unit: &str| AbRequest {
        request: id.into(),
        test: "a".into(),
        phase: 1,
        unit: unit.into(),
        arm: 0,
        time: at(5),
    };
    let event = |name: &str, unit: &str| MetricEvent {
        id: format!("{name} {unit}"),
        name: name.into(),
        unit: unit.into(),
        value: 1.0,
        time: at(1),
        about: None,
    };
    // Later than the steps in which changes are noted.
    let later = || clock.advance(Duration::from_secs(20));
    let start = later();
    let units = ["asked", "labelled", "again", "elsewhere", "told", "still"];
    change(&store, move |tx| {
        for unit in units {
            tx.add_predictions(&[prediction(unit)])?;
            tx.add_ab_request(&request(unit, unit))?;
        }
        tx.expose(("a", 2), "other phase", 0, at(5), None)?;
        tx.expose(("b", 1), "other test", 0, at(5), None)
    })
    .await;
    let since = later();
    change(&store, move |tx| {
        tx.add_predictions(&[prediction("asked twice")])?;
        tx.add_ab_request(&request("asked twice", "asked"))?;
        tx.add_label("labelled", 1.0)?;
        tx.add_label("unknown", 1.0)?;
        tx.add_ab_request(&request("again", "again"))?;
        tx.expose(("a", 1), "elsewhere", 1, at(9), None)?;
        tx.expose(("a", 1), "new", 1, at(9), None)?;
        tx.add_metric_events(&[event("booked", "told"), event("other", "still"), event("booked", "nobody")])
    })
    .await;
    let changed = async |names: &'static [&'static str], since| -> Vec<String> {
        read(&store, move |tx| tx.ab_changed_units("a", 1, names, since)).await.into_iter().collect()
    };
    let of_requests = ["again", "asked", "elsewhere", "new"];
    assert_eq!(changed(&[], since).await, of_requests);
    assert_eq!(changed(&["booked"], since).await, ["again", "asked", "elsewhere", "new", "nobody", "told"]);
    let (newest, labelled, none) = read(&store, |tx| {
        let newest = tx.newest_label()?;
        Ok((newest, tx.ab_labelled_units("a", 1, 0)?, tx.ab_labelled_units("a", 1, newest)?))
    })
    .await;
    assert_eq!((newest, labelled.into_iter().collect::<Vec<_>>()), (1, vec!["labelled".to_owned()]));
    assert!(none.is_empty());
    assert_eq!(changed(&[], start).await.len(), units.len() + 1);
    assert!(changed(&["booked"], later()).await.is_empty());
    read(&store, |tx| {
        let names =
            |found: Vec<AbExposure>| -> Vec<String> { found.into_iter().map(|one| one.unit).collect() };
        let some = ["new".to_owned(), "again".to_owned(), "nobody".to_owned()];
        assert_eq!(names(tx.ab_exposures("a", 1, AbUnits::Of(&some))?), ["again", "new"]);
        assert_eq!(
            names(tx.ab_exposures("a", 1, AbUnits::Between("asked", "labelled"))?),
            ["asked", "elsewhere", "labelled"]
        );
        assert_eq!(names(tx.ab_exposures_after("a", 1, "asked", 2)?), ["elsewhere", "labelled"]);
        let served: Vec<String> = tx
            .ab_served("a", 1, AbUnits::Of(&["asked".to_owned()]))?
            .into_iter()
            .map(|one| one.unit)
            .collect();
        assert_eq!(served, ["asked", "asked"]);
        Ok(())
    })
    .await;
}

async fn an_event_counts_once_and_comes_in_order(world: TempStore) {
    let store = world.store();
    let event = |id: &str, unit: &str, value, time| MetricEvent {
        id: id.into(),
        name: "booked".into(),
        unit: unit.into(),
        value,
        time: at(time),
        about: None,
    };
    let added = change(&store, move |tx| {
        let events = [
            event("3", "b", 3.0, 9),
            event("1", "b", 1.0, 4),
            event("1", "b", 8.0, 2),
            event("2", "a", 2.0, 99),
        ];
        Ok((tx.add_metric_events(&events)?, tx.add_metric_events(&events)?))
    })
    .await;
    assert_eq!(added, (3, 0));
    let found = read(&store, |tx| tx.metric_events("booked", at(4), AbUnits::All)).await;
    let found: Vec<_> = found.iter().map(|event| (event.id.as_str(), event.value)).collect();
    assert_eq!(found, [("2", 2.0), ("1", 1.0), ("3", 3.0)]);
    let some = ["b".to_owned(), "c".to_owned()];
    let of_some = read(&store, move |tx| tx.metric_events("booked", at(5), AbUnits::Of(&some))).await;
    let between = read(&store, |tx| tx.metric_events("booked", at(5), AbUnits::Between("aa", "b"))).await;
    for found in [of_some, between] {
        assert_eq!(found.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["3"]);
    }
}

async fn decisions_are_numbered(world: TempStore) {
    let store = world.store();
    let decision = |value: f64| AbDecision {
        test: "a".into(),
        phase: 1,
        number: 0,
        time: at(1),
        decision: json!({ "x": value }),
    };
    change(&store, move |tx| {
        tx.put_ab_test(&test("a", AbStatus::Running))?;
        assert_eq!((tx.add_ab_decision(&decision(0.1))?, tx.add_ab_decision(&decision(0.3))?), (1, 2));
        Ok(())
    })
    .await;
    read(&store, |tx| {
        assert_eq!(tx.ab_decision("a", 2)?.unwrap().decision, json!({ "x": 0.3 }));
        assert_eq!(tx.ab_decisions("a", 10)?.iter().map(|one| one.number).collect::<Vec<_>>(), [2, 1]);
        Ok(())
    })
    .await;
}

async fn a_course_is_thinned_out(world: TempStore) {
    let store = world.store();
    change(&store, move |tx| {
        tx.put_ab_test(&test("a", AbStatus::Running))?;
        for time in 1..=25 {
            let decision = json!({ "time": time });
            tx.add_ab_decision(&AbDecision {
                test: "a".into(),
                phase: 1,
                number: 0,
                time: at(time),
                decision,
            })?;
        }
        Ok(())
    })
    .await;
    let course = |limit| {
        let store = store.clone();
        async move {
            let found = read(&store, move |tx| tx.ab_course("a", limit)).await;
            found.iter().map(|one| one.number).collect::<Vec<_>>()
        }
    };
    assert_eq!(course(25).await, (1..=25).collect::<Vec<_>>());
    assert_eq!(course(6).await, [5, 10, 15, 20, 25]);
    assert_eq!(course(4).await, [7, 14, 21, 25], "the newest is there as well");
    assert_eq!(read(&store, |tx| tx.ab_course("b", 4)).await, []);
}

async fn a_mirrored_request_is_one_pair(world: TempStore) {
    let store = world.store();
    let shadow = |version, time, score: Option<f64>| Shadow {
        time: at(time),
        rollout: "ab/a/1".into(),
        model: "m".into(),
        version,
        live_version: 1,
        request_id: "r1".into(),
        features: Map::new(),
        live_score: Some(0.25),
        score,
        agrees: None,
        error: score.is_none().then(|| "it failed".into()),
        live_latency_us: 100,
        latency_us: 200,
    };
    change(&store, move |tx| {
        let failed = Prediction { error: Some("it failed".into()), ..prediction("r1") };
        tx.add_predictions(&[failed, prediction("r2")])?;
        for request in ["r1", "r2"] {
            let (request, unit) = (request.into(), "u".into());
            tx.add_ab_request(&AbRequest { request, test: "a".into(), phase: 1, unit, arm: 0, time: at(5) })?;
        }
        // The client tried again, and so did the mirror.
        tx.add_shadows(&[shadow(2, 5, Some(0.75)), shadow(3, 5, None), shadow(2, 6, Some(0.9))])
    })
    .await;
    let found = read(&store, |tx| tx.ab_mirrored("a", 1)).await;
    let pairs: Vec<_> = found
        .iter()
        .map(|pair| (pair.version, pair.candidate.score, pair.candidate.failed, pair.control.version))
        .collect();
    assert_eq!(pairs, [(2, Some(0.75), false, 1), (3, None, true, 1)]);
    assert!(
        found.iter().all(|pair| pair.control.failed && pair.control.score == Some(0.25) && pair.unit == "u")
    );
}

async fn attributes_are_kept_with_the_first_assignment(world: TempStore) {
    let store = world.store();
    let request = AbRequest {
        request: "r1".into(),
        test: "a".into(),
        phase: 1,
        unit: "both".into(),
        arm: 0,
        time: at(6),
    };
    change(&store, move |tx| {
        let country = |name: &str| Map::from_iter([("country".to_owned(), json!(name))]);
        tx.expose(("a", 1), "u", 0, at(5), Some(&country("DE")))?;
        tx.expose(("a", 1), "u", 0, at(6), Some(&country("FR")))?;
        tx.expose(("a", 1), "none", 0, at(5), None)?;
        tx.expose(("a", 1), "both", 0, at(5), Some(&country("IT")))?;
        tx.add_predictions(&[prediction("r1")])?;
        tx.add_ab_request(&request)?;
        Ok(())
    })
    .await;
    let attribute = |name: &'static str| read(&store, move |tx| tx.ab_attribute("a", 1, name));
    let of = |unit: &str, value: &str| (unit.to_owned(), Some(json!(value)));
    assert_eq!(attribute("country").await, [of("both", "IT"), of("u", "DE")]);
    assert_eq!(attribute("origin").await, [of("both", "JFK"), ("u".to_owned(), None)]);
    let names = read(&store, |tx| tx.ab_attribute_names("a", 1, 9)).await;
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["country", "origin"]);
}

async fn merged_lists_are_kept_with_what_is_clicked(world: TempStore) {
    let store = world.store();
    let list = |request: &str, unit: &str, first: u16| AbInterleaved {
        test: "a".into(),
        phase: 1,
        request: request.into(),
        unit: unit.into(),
        time: at(5),
        list: vec![("x".to_owned(), Some(first)), ("y".to_owned(), Some(1 - first)), ("z".to_owned(), None)],
    };
    change(&store, move |tx| {
        for one in [list("r2", "u", 1), list("r2", "u", 0), list("r1", "v", 0), list("r3", "u", 0)] {
            tx.add_ab_interleaved(&one)?;
        }
        let about = Some(ShownItem { request: "r2".into(), item: "y".into() });
        tx.add_metric_events(&[MetricEvent {
            id: "e".into(),
            name: "clicked".into(),
            unit: "u".into(),
            value: 1.0,
            time: at(7),
            about,
        }])?;
        Ok(())
    })
    .await;
    let found = read(&store, |tx| tx.ab_merged("a", 1)).await;
    let merged =
        |request: &str, unit: &str| AbMerged { request: request.into(), unit: unit.into(), time: at(5) };
    assert_eq!(found, [merged("r2", "u"), merged("r3", "u"), merged("r1", "v")]);
    let one = read(&store, |tx| tx.ab_interleaved_request("a", 1, "r2")).await;
    assert_eq!(one, Some(list("r2", "u", 1)));
    assert_eq!(read(&store, |tx| tx.ab_interleaved_request("a", 2, "r2")).await, None);
    let events = read(&store, |tx| tx.metric_events("clicked", at(0), AbUnits::All)).await;
    assert_eq!(events[0].about, Some(ShownItem { request: "r2".into(), item: "y".into() }));
}

async fn events_about_items_count_for_the_arm_that_put_them_there(world: TempStore) {
    let store = world.store();
    let about = |id: usize, request: String, item: &str, time: i64| MetricEvent {
        id: format!("e{id}"),
        name: "clicked".into(),
        unit: "whoever".into(),
        value: 2.0,
        time: at(time),
        about: Some(ShownItem { request, item: item.into() }),
    };
    // More lists than are held at once.
    let received = change(&store, move |tx| {
        for n in 0..150_u16 {
            let list = vec![("x".to_owned(), Some(n % 2)), ("y".to_owned(), None)];
            tx.add_ab_interleaved(&AbInterleaved {
                test: "a".into(),
                phase: 1,
                request: format!("r{n:03}"),
                unit: "u".into(),
                time: at(5),
                list,
            })?;
        }
        let mut events: Vec<MetricEvent> = (0..150).map(|n| about(n, format!("r{n:03}"), "x", 7)).collect();
        events.push(about(150, "r007".into(), "y", 7));
        events.push(about(151, "r007".into(), "z", 7));
        events.push(about(152, "r007".into(), "x", 6));
        events.push(about(153, "r007".into(), "x", 9));
        events.push(about(154, "elsewhere".into(), "x", 7));
        events.push(MetricEvent { name: "seen".into(), ..about(155, "r008".into(), "x", 7) });
        events.push(MetricEvent { about: None, ..about(156, String::new(), "x", 7) });
        tx.add_metric_events(&events)?;
        Ok(tx.now())
    })
    .await;
    let credits = read(&store, |tx| tx.ab_credits("a", 1, "clicked", at(8))).await;
    let credit = |request: String, arm: u16, time: i64| AbCredit {
        request,
        arm,
        value: 2.0,
        time: at(time),
        received,
    };
    let mut wanted: Vec<AbCredit> = (0..150_u16).map(|n| credit(format!("r{n:03}"), n % 2, 7)).collect();
    wanted.insert(7, credit("r007".into(), 1, 6));
    assert_eq!(credits, wanted);
    assert_eq!(read(&store, |tx| tx.ab_credits("a", 2, "clicked", at(8))).await, []);
}
