//! Requests spread over versions.

use crate::model::{Model, answering, rows};
use mainspring_domain::Timestamp;
use mainspring_domain::delivery::{Arm, HeaderRoute, MirrorMatch, MirrorRoute, Routing, TextMatch};
use mainspring_serving::{
    Caller, Gateway, MAX_ROWS, RouteView, Rows, ServeError, Served, ServedVersion, TestRoute,
};
use mainspring_test_support::FakeClock;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const MODEL: &str = "flights";

/// Keys are numbers; the last two digits decide.
fn by_number(_salt: &str, key: &str, weight: u8) -> Arm {
    let number: u64 = key.parse().unwrap_or(99);
    if number % 100 < u64::from(weight) { Arm::Canary } else { Arm::Stable }
}

fn gateway() -> Arc<Gateway> {
    Arc::new(Gateway::new(by_number, FakeClock::new()))
}

/// A version that answers with its own number.
async fn version(number: u32) -> (Model, ServedVersion) {
    let (model, server) = answering(f64::from(number)).await;
    (model, ServedVersion { version: number, rollout: Some(format!("r{number}")), server: Arc::new(server) })
}

async fn ask(gateway: &Gateway, id: &str) -> Result<Served, ServeError> {
    gateway.predict(MODEL, id, &Caller::default(), None, rows(1), &Value::Null).await
}

/// The version that answered, checked against the answer itself.
async fn answered_by(gateway: &Gateway, id: &str) -> u32 {
    let served = ask(gateway, id).await.unwrap();
    assert_eq!(
        served.outcome.unwrap(),
        [json!(f64::from(served.version))],
        "the record says who really answered"
    );
    served.version
}

#[tokio::test]
async fn nothing_answers_before_something_is_deployed() {
    let gateway = gateway();
    assert_eq!(ask(&gateway, "1").await.unwrap_err(), ServeError::NotDeployed(MODEL.into()));
    gateway.set_loading(MODEL);
    assert_eq!(ask(&gateway, "1").await.unwrap_err(), ServeError::NotReady);
}

#[tokio::test]
async fn a_first_version_on_trial_answers_nothing_until_it_is_in_charge() {
    let gateway = gateway();
    let (_model, first) = version(1).await;
    gateway.set_canary(MODEL, first.clone());
    gateway.set_weight(MODEL, 100);
    assert!(matches!(ask(&gateway, "1").await, Err(ServeError::NotDeployed(_))));
    gateway.set_stable(MODEL, first);
    assert_eq!(answered_by(&gateway, "1").await, 1);
}

#[tokio::test]
async fn traffic_is_really_split_by_weight() {
    let gateway = gateway();
    let (_one, stable) = version(1).await;
    let (_two, canary) = version(2).await;
    gateway.set_stable(MODEL, stable);
    gateway.set_canary(MODEL, canary);
    for (weight, expected) in [(None, 0), (Some(10), 10), (Some(50), 50), (Some(100), 100), (Some(0), 0)] {
        if let Some(weight) = weight {
            gateway.set_weight(MODEL, weight);
        }
        let mut canaries = 0;
        for n in 0..100 {
            canaries += usize::from(answered_by(&gateway, &n.to_string()).await == 2);
        }
        assert_eq!(canaries, expected, "weight {weight:?}");
    }
    gateway.set_weight(MODEL, 60);
    gateway.drop_canary(MODEL);
    for n in 0..20 {
        assert_eq!(answered_by(&gateway, &n.to_string()).await, 1);
    }
}

#[tokio::test]
async fn a_new_version_on_trial_begins_without_traffic() {
    let gateway = gateway();
    let (_one, stable) = version(1).await;
    let (_two, second) = version(2).await;
    let (_three, third) = version(3).await;
    gateway.set_stable(MODEL, stable);
    gateway.set_canary(MODEL, second);
    gateway.set_weight(MODEL, 100);
    gateway.set_canary(MODEL, third);
    assert_eq!(answered_by(&gateway, "0").await, 1);
}

#[tokio::test]
async fn a_client_with_a_key_stays_on_its_version() {
    let gateway = gateway();
    let (_one, stable) = version(1).await;
    let (_two, canary) = version(2).await;
    gateway.set_stable(MODEL, stable);
    gateway.set_canary(MODEL, canary);
    gateway.set_weight(MODEL, 10);
    for n in 0..30 {
        let served = gateway
            .predict(
                MODEL,
                &n.to_string(),
                &Caller { key: Some("5".to_owned()), ..Caller::default() },
                None,
                rows(1),
                &Value::Null,
            )
            .await
            .unwrap();
        assert_eq!(served.version, 2);
    }
}

#[tokio::test]
async fn the_record_of_a_request_names_all_that_lineage_needs() {
    let gateway = gateway();
    let (_one, stable) = version(1).await;
    let (_two, canary) = version(2).await;
    gateway.set_stable(MODEL, stable);
    gateway.set_canary(MODEL, canary);
    gateway.set_weight(MODEL, 10);
    let at = Timestamp::parse("2013-04-01T10:00:00Z");
    let served = gateway.predict(MODEL, "105", &Caller::default(), at, rows(2), &Value::Null).await.unwrap();
    let [first, second] = served.predictions.as_slice() else { panic!("{:?}", served.predictions) };
    assert_eq!((first.id.as_str(), second.id.as_str()), ("105", "105.1"));
    assert_eq!((first.version, first.arm, first.canary_weight), (2, Arm::Canary, 10));
    assert_eq!((first.rollout.as_deref(), first.event_time), (Some("r2"), at));
    assert_eq!((first.score, first.error.as_deref(), first.label), (Some(2.0), None, None));
    assert_eq!(Value::Object(second.features.clone()), json!({ "x": 1 }));
    assert!(first.latency_us > 0);
}

#[tokio::test]
async fn a_failed_request_is_part_of_the_record() {
    let gateway = gateway();
    let (_one, stable) = version(1).await;
    gateway.set_stable(MODEL, stable);
    let served = gateway
        .predict(MODEL, "7", &Caller::default(), None, rows(1), &json!({ "raise": "no" }))
        .await
        .unwrap();
    assert_eq!(served.outcome, Err(ServeError::Model("ValueError: no".into())));
    let prediction = &served.predictions[0];
    assert_eq!(
        (prediction.score, prediction.error.as_deref()),
        (None, Some("the model failed: ValueError: no"))
    );
}

#[tokio::test]
async fn a_request_that_does_not_fit_reaches_no_model_and_no_record() {
    let gateway = gateway();
    let (_one, stable) = version(1).await;
    gateway.set_stable(MODEL, stable);
    let wrong = mainspring_serving::Rows { columns: Some(vec!["y".into()]), data: vec![vec![json!(1)]] };
    let refused = gateway.predict(MODEL, "7", &Caller::default(), None, wrong, &Value::Null).await;
    assert!(matches!(refused, Err(ServeError::Signature(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_under_load_loses_no_request() {
    let gateway = gateway();
    let (_one, stable) = version(1).await;
    gateway.set_stable(MODEL, stable);
    let (stop, errors, count) = (Arc::new(AtomicBool::new(false)), Arc::default(), Arc::default());
    let clients: Vec<_> = (0..8)
        .map(|client| {
            let (gateway, stop) = (Arc::clone(&gateway), Arc::clone(&stop));
            let (errors, count): (Arc<AtomicUsize>, Arc<AtomicUsize>) =
                (Arc::clone(&errors), Arc::clone(&count));
            tokio::spawn(async move {
                let mut newest = 0;
                let mut number = client;
                while !stop.load(Ordering::Relaxed) {
                    number += 8;
                    count.fetch_add(1, Ordering::Relaxed);
                    // A key that is never on the canary: it sees the versions in charge only.
                    let id = number.to_string();
                    let caller = Caller { key: Some("99".to_owned()), ..Caller::default() };
                    let asked = gateway.predict(MODEL, &id, &caller, None, rows(1), &Value::Null);
                    match asked.await {
                        Ok(served) if served.outcome.is_ok() => {
                            assert!(
                                served.version >= newest,
                                "it went back from {newest} to {}",
                                served.version
                            );
                            newest = served.version;
                        }
                        _ => {
                            errors.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            })
        })
        .collect();
    let mut models = Vec::new();
    for number in 2..6 {
        let (model, next) = version(number).await;
        models.push(model);
        gateway.set_canary(MODEL, next.clone());
        gateway.set_weight(MODEL, 50);
        tokio::time::sleep(Duration::from_millis(100)).await;
        gateway.set_stable(MODEL, next);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(errors.load(Ordering::Relaxed), 0);
    assert!(count.load(Ordering::Relaxed) > 200, "{count:?} requests are no load");
}

#[tokio::test]
async fn after_a_restart_the_version_in_charge_comes_back_beside_a_trial() {
    let gateway = gateway();
    gateway.set_loading(MODEL);
    let (_one, stable) = version(1).await;
    let (_two, canary) = version(2).await;
    gateway.set_canary(MODEL, canary);
    gateway.set_weight(MODEL, 10);
    gateway.restore_stable(MODEL, stable);
    assert_eq!((answered_by(&gateway, "5").await, answered_by(&gateway, "50").await), (2, 1));
    assert_eq!(
        gateway.views(),
        [RouteView { model: MODEL.into(), stable: Some(1), canary: Some(2), weight: 10, ready: true }]
    );
}

#[tokio::test]
async fn a_weight_without_a_version_on_trial_changes_nothing() {
    let gateway = gateway();
    let (_one, stable) = version(1).await;
    gateway.set_stable(MODEL, stable);
    gateway.set_weight(MODEL, 100);
    let served = ask(&gateway, "5").await.unwrap();
    assert_eq!((served.version, served.predictions[0].canary_weight), (1, 0));
}

#[tokio::test]
async fn a_version_can_be_named_and_then_counts_for_no_rollout() {
    let ((_a, old), (_b, new)) = (version(1).await, version(2).await);
    let gateway = gateway();
    gateway.set_stable("flights", old);
    gateway.set_canary("flights", new);
    assert_eq!(gateway.versions("flights").iter().map(|found| found.version).collect::<Vec<_>>(), [1, 2]);
    for (number, answer) in [(1, 1.0), (2, 2.0)] {
        let served =
            gateway.predict_version("flights", number, "r", None, rows(1), &Value::Null).await.unwrap();
        assert_eq!((served.version, served.outcome), (number, Ok(vec![json!(answer)])));
        assert_eq!(
            (served.predictions[0].rollout.as_deref(), served.predictions[0].canary_weight),
            (None, 0)
        );
    }
    let absent = gateway.predict_version("flights", 3, "r", None, rows(1), &Value::Null).await;
    assert_eq!(
        absent.unwrap_err().to_string(),
        "version 3 of model `flights` is not loaded; loaded are 1, 2"
    );
    gateway.remove("flights");
    assert!(gateway.versions("flights").is_empty() && gateway.views().is_empty());
}

/// Rules of one header route and one mirror.
fn routing() -> Routing {
    let exact = |text: &str| TextMatch::Exact(text.to_owned());
    Routing {
        headers: vec![HeaderRoute { name: "beta".into(), headers: vec![("x-beta".into(), exact("1"))] }],
        mirrors: vec![MirrorRoute {
            name: "shadow".into(),
            percentage: 50,
            matches: vec![MirrorMatch {
                method: Some(exact("POST")),
                path: Some(TextMatch::Prefix("/v2/".into())),
                headers: vec![("x-tier".into(), TextMatch::Regex("^(gold|silver)$".into()))],
            }],
        }],
    }
}

fn caller(name: &str, value: &str) -> Caller {
    Caller { key: None, headers: vec![(name.to_owned(), value.to_owned())] }
}

async fn by(gateway: &Gateway, id: &str, caller: &Caller) -> u32 {
    gateway.predict(MODEL, id, caller, None, rows(1), &Value::Null).await.unwrap().version
}

#[tokio::test]
async fn headers_send_requests_to_the_version_on_trial() {
    let gateway = gateway();
    let (_one, stable) = version(1).await;
    let (_two, canary) = version(2).await;
    gateway.set_stable(MODEL, stable);
    gateway.set_canary(MODEL, canary.clone());
    gateway.set_routing(MODEL, &routing()).unwrap();
    assert_eq!(gateway.watched_headers(MODEL), ["x-beta", "x-tier"]);
    assert_eq!(by(&gateway, "1", &caller("x-beta", "1")).await, 2);
    assert_eq!(by(&gateway, "1", &caller("x-beta", "2")).await, 1);
    gateway.drop_canary(MODEL);
    gateway.set_canary(MODEL, canary);
    assert_eq!(by(&gateway, "1", &caller("x-beta", "1")).await, 1, "another trial has rules of its own");
}

#[tokio::test]
async fn a_share_of_requests_that_match_is_mirrored() {
    let gateway = gateway();
    let (_one, stable) = version(1).await;
    let (_two, canary) = version(2).await;
    gateway.set_stable(MODEL, stable);
    gateway.set_canary(MODEL, canary);
    gateway.set_routing(MODEL, &routing()).unwrap();
    for n in 0..100 {
        assert_eq!(
            by(&gateway, &n.to_string(), &caller("x-tier", "gold")).await,
            1,
            "the live answer is stable's"
        );
        by(&gateway, &n.to_string(), &caller("x-tier", "wood")).await;
    }
    let copies = gateway.mirrors().take(1000).await;
    assert_eq!((copies.len(), gateway.mirrors().sent(), gateway.mirrors().dropped()), (50, 50, 0));
    assert_eq!((copies[0].live.version, copies[0].shadow.version), (1, 2));
    assert_eq!(copies[0].live.answers, [json!(1.0)]);
}

#[tokio::test]
async fn copies_that_find_no_room_are_dropped_and_counted() {
    let gateway = gateway();
    let (_one, stable) = version(1).await;
    let (_two, canary) = version(2).await;
    gateway.set_stable(MODEL, stable);
    gateway.set_canary(MODEL, canary);
    let all = MirrorRoute { name: "all".into(), percentage: 100, matches: Vec::new() };
    gateway.set_routing(MODEL, &Routing { headers: Vec::new(), mirrors: vec![all] }).unwrap();
    for n in 0..1100 {
        answered_by(&gateway, &n.to_string()).await;
    }
    assert_eq!((gateway.mirrors().sent(), gateway.mirrors().dropped()), (1024, 76));
}

#[tokio::test]
async fn a_bad_expression_changes_nothing() {
    let gateway = gateway();
    let (_one, stable) = version(1).await;
    gateway.set_stable(MODEL, stable);
    let bad = HeaderRoute { name: "x".into(), headers: vec![("x".into(), TextMatch::Regex("(".into()))] };
    assert!(gateway.set_routing(MODEL, &Routing { headers: vec![bad], mirrors: Vec::new() }).is_err());
    assert!(gateway.watched_headers(MODEL).is_empty());
}

#[tokio::test]
async fn the_preview_reaches_the_version_on_trial_alone() {
    let gateway = gateway();
    let (_one, stable) = version(1).await;
    let (_two, canary) = version(2).await;
    gateway.set_stable(MODEL, stable);
    let preview = async |id: &str| {
        gateway.predict("flights@preview", id, &Caller::default(), None, rows(1), &Value::Null).await
    };
    assert!(matches!(preview("1").await, Err(ServeError::NotDeployed(_))));
    gateway.set_canary(MODEL, canary);
    let served = preview("1").await.unwrap();
    let record = &served.predictions[0];
    assert_eq!(
        (served.version, record.model.as_str(), record.arm, record.canary_weight),
        (2, MODEL, Arm::Canary, 0)
    );
    assert_eq!(answered_by(&gateway, "1").await, 1);
}

/// A test of two arms that sends everybody to the second whose `x` is above 10.
fn test(control: ServedVersion, other: ServedVersion) -> TestRoute {
    let large = |_: &str, features: &serde_json::Map<String, Value>| {
        features.get("x").and_then(Value::as_f64).map(|x| usize::from(x > 10.0))
    };
    let arms = vec![control, other];
    TestRoute { test: "t".into(), phase: 1, arms, shadow: false, split: Arc::new(large) }
}

#[tokio::test]
async fn the_arms_of_a_test_are_versions_of_the_model_and_tell_who_answered() {
    let gateway = gateway();
    let ((_one, control), (_two, other)) = (version(1).await, version(2).await);
    gateway.set_stable(MODEL, control.clone());
    gateway.set_test(MODEL, Some(test(control, other.clone())));
    let loaded: Vec<u32> = gateway.versions(MODEL).iter().map(|found| found.version).collect();
    assert_eq!(loaded, [1, 2], "the control counts once");
    assert_eq!(gateway.find(MODEL, Some(2)).unwrap().version, 2);
    let named = gateway.predict_version(MODEL, 2, "r", None, rows(1), &Value::Null).await.unwrap();
    assert_eq!((named.version, named.assigned), (2, None));
    let large = Rows { columns: Some(vec!["x".into()]), data: vec![vec![json!(11)]] };
    let served = gateway.predict(MODEL, "r", &Caller::default(), None, large, &Value::Null).await.unwrap();
    assert!(served.version == 2 && Arc::ptr_eq(&served.server, &other.server));
}

#[tokio::test]
async fn in_the_shadow_of_a_test_a_failure_of_the_control_is_compared_as_well() {
    let gateway = gateway();
    let (_one, control) = version(1).await;
    let (_two, other) = version(2).await;
    gateway.set_stable(MODEL, control.clone());
    gateway.set_test(
        MODEL,
        Some(TestRoute { shadow: true, split: Arc::new(|_, _| Some(0)), ..test(control, other) }),
    );
    let told = json!({ "raise": "no such airport" });
    for (id, params) in [("1", &Value::Null), ("2", &told)] {
        gateway.predict(MODEL, id, &Caller::default(), None, rows(1), params).await.unwrap();
    }
    let copies = gateway.mirrors().take(10).await;
    let live: Vec<_> = copies.iter().map(|copy| copy.live.answers.as_slice()).collect();
    assert_eq!(live, [&[json!(1.0)][..], &[][..]]);
}

#[tokio::test]
async fn rows_without_names_have_those_of_the_inputs_when_a_test_looks_at_them() {
    let gateway = gateway();
    let ((_one, control), (_two, other)) = (version(1).await, version(2).await);
    gateway.set_stable(MODEL, control.clone());
    gateway.set_test(MODEL, Some(test(control, other)));
    for (x, expected) in [(11, 2), (9, 1)] {
        let matrix = Rows { columns: None, data: vec![vec![json!(x)]] };
        let served = gateway.predict(MODEL, "r", &Caller::default(), None, matrix, &Value::Null).await;
        let served = served.unwrap();
        assert_eq!(
            (served.version, served.assigned.map(|own| own.arm)),
            (expected, Some(expected as u16 - 1))
        );
    }
    // What the model does not know may still decide.
    let more = Rows { columns: Some(vec!["y".into(), "x".into()]), data: vec![vec![json!(1), json!(11)]] };
    let served = gateway.predict(MODEL, "r", &Caller::default(), None, more, &Value::Null).await.unwrap();
    assert_eq!(served.version, 2);
}

#[tokio::test]
async fn what_is_loading_is_not_ready_and_what_is_not_there_is_not_found() {
    let gateway = gateway();
    let find = |name: &str, version| gateway.find(name, version).map(|found| found.version);
    assert_eq!(find(MODEL, None), Err(ServeError::NotDeployed(MODEL.into())));
    gateway.set_loading(MODEL);
    assert!(!gateway.is_ready());
    for (name, version) in [(MODEL, None), (MODEL, Some(1)), ("flights@preview", None)] {
        assert_eq!(find(name, version), Err(ServeError::NotReady), "{name} {version:?}");
    }
    let ((_one, stable), (_two, canary)) = (version(1).await, version(2).await);
    assert!(gateway.restore_stable(MODEL, stable));
    gateway.set_canary(MODEL, canary.clone());
    assert_eq!(
        (find(MODEL, None), find(MODEL, Some(2)), find("flights@preview", None)),
        (Ok(1), Ok(2), Ok(2))
    );
    assert!(matches!(find("flights@preview", Some(1)), Err(ServeError::NotLoaded { .. })));
    let named =
        gateway.predict_version("flights@preview", 2, "r", None, rows(1), &Value::Null).await.unwrap();
    assert_eq!(named.predictions[0].model, MODEL);
    // A first version on trial is not deployed, so nobody waits for it.
    gateway.set_canary("first", canary);
    assert!(gateway.is_ready());
}

#[tokio::test]
async fn a_version_that_was_replaced_while_it_loaded_does_not_come_back() {
    let gateway = gateway();
    let ((_one, old), (_again, anew), (_two, new)) = (version(1).await, version(1).await, version(2).await);
    gateway.set_stable(MODEL, old);
    assert!(gateway.restore_stable(MODEL, anew.clone()));
    gateway.set_stable(MODEL, new);
    assert!(!gateway.restore_stable(MODEL, anew));
    assert_eq!(answered_by(&gateway, "1").await, 2);
}

#[tokio::test]
async fn a_request_has_a_limit_and_its_error_is_kept_once_and_short() {
    let gateway = gateway();
    let (_one, stable) = version(1).await;
    gateway.set_stable(MODEL, stable);
    let ask = async |rows: Rows, params: Value| {
        gateway.predict(MODEL, "r", &Caller::default(), None, rows, &params).await
    };
    let refused = ask(rows(MAX_ROWS + 1), Value::Null).await.unwrap_err();
    assert!(matches!(refused, ServeError::TooLarge(_)), "{refused}");
    let failed = ask(rows(3), json!({ "raise": "x".repeat(100_000) })).await.unwrap();
    assert!(failed.predictions.iter().all(|row| row.error.as_ref().is_some_and(|error| error.len() < 510)));
}

#[tokio::test]
async fn copies_that_wait_are_bounded_in_bytes() {
    let gateway = gateway();
    let ((_one, stable), (_two, canary)) = (version(1).await, version(2).await);
    gateway.set_stable(MODEL, stable);
    gateway.set_canary(MODEL, canary);
    let all = MirrorRoute { name: "all".into(), percentage: 100, matches: Vec::new() };
    gateway.set_routing(MODEL, &Routing { headers: Vec::new(), mirrors: vec![all] }).unwrap();
    let params = json!({ "text": "x".repeat(30 << 20) });
    let ask = async || {
        gateway
            .predict(MODEL, "r", &Caller::default(), None, rows(1), &params)
            .await
            .unwrap()
            .outcome
            .unwrap()
    };
    for _ in 0..10 {
        ask().await;
    }
    let (sent, dropped) = (gateway.mirrors().sent(), gateway.mirrors().dropped());
    assert!(sent < 9 && sent + dropped == 10, "{sent} sent, {dropped} dropped");
    assert_eq!(gateway.mirrors().take(100).await.len() as u64, sent);
    ask().await;
    assert_eq!(gateway.mirrors().sent(), sent + 1, "what was taken makes room");
}
