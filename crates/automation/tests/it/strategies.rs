//! Blue-green, mirrored requests, stages, Prometheus, and a person's say, with real workers.

use crate::project::{MODEL, Project, let_it_look, until};
use mainspring_domain::Actor;
use mainspring_domain::registry::Stage;
use mainspring_rollouts::{Event, Phase};
use mainspring_serving::{Caller, Rows};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A project with this manifest and version 1 in charge.
async fn project(manifest: &str) -> Project {
    let mut project = Project::new();
    project.file("rollout.yaml", manifest);
    project.start().await;
    project.register(1, json!({ "answer": 1 })).await;
    project.promote(1).await;
    project.until_all_from(1).await;
    project
}

async fn release(project: &Project, version: u32) {
    project.register(version, json!({ "answer": version })).await;
    project.promote(version).await;
}

async fn until_phase(project: &Project, phase: &str) {
    until(phase, async || project.newest_state().await.is_some_and(|(_, state)| state["phase"] == phase))
        .await;
}

async fn asked(project: &Project, name: &str, id: &str) -> Option<u32> {
    let rows = Rows { columns: None, data: vec![vec![json!(1)]] };
    let gateway = &project.running().gateway;
    let served = gateway.predict(name, id, &Caller::default(), None, rows, &Value::Null).await.ok()?;
    served.outcome.ok().map(|_| served.version)
}

const BLUE_GREEN: &str = "blueGreen: {activeService: a, autoPromotionEnabled: false}\n";
const CANARY: &str = "canary: {steps: [{setWeight: 20}, {pause: {}}]}\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blue_green_shows_a_preview_switches_at_once_and_back_at_once() {
    let project = project(BLUE_GREEN).await;
    release(&project, 2).await;
    until_phase(&project, "Paused").await;
    assert_eq!(project.split(1, 2).await, (100, 0));
    assert_eq!(asked(&project, "flights@preview", "p").await, Some(2));
    assert_eq!(project.say(Event::Promote).await.unwrap(), Phase::Healthy);
    assert_eq!(
        project.split(1, 2).await,
        (0, 100),
        "with the answer to the promotion everything is switched"
    );
    assert_eq!(asked(&project, "flights@preview", "p").await, None);
    // The old version is still loaded: going back takes no steps and no loading, which would fail.
    project.behave(1, &json!({ "load": "fail" }));
    assert_eq!(project.undo(None).await.unwrap().0, 1);
    project.until_all_from(1).await;
    let state = project.newest_state().await.unwrap().1;
    assert_eq!((&state["completion"], &state["entry"]), (&json!("FastRolledBack"), &json!("FastRollBack")));
    assert_eq!((project.stage(1).await, project.stage(2).await), (Stage::Production, Stage::Archived));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_its_delay_the_old_version_goes_back_by_the_steps() {
    let project = project(BLUE_GREEN).await;
    release(&project, 2).await;
    until_phase(&project, "Paused").await;
    project.say(Event::Promote).await.unwrap();
    project.clock.advance(Duration::from_secs(31));
    let_it_look().await;
    project.undo(None).await.unwrap();
    until_phase(&project, "Paused").await;
    assert_eq!(project.newest_state().await.unwrap().1["entry"], "RollBack");
    assert_eq!(project.split(1, 2).await, (0, 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_up_can_be_tried_again() {
    let project = project(CANARY).await;
    release(&project, 2).await;
    let id = project.until_step(1).await;
    assert_eq!(project.say(Event::Abort("no".into())).await.unwrap(), Phase::Degraded);
    assert_eq!(project.split(1, 2).await, (100, 0));
    assert_eq!(project.say(Event::Retry).await.unwrap(), Phase::Progressing);
    assert_eq!(project.until_step(1).await, id);
    until("the weight", async || project.running().gateway.views()[0].weight == 20).await;
    assert_eq!(project.deployment().await.unwrap().active_rollout, Some(id));
    assert_eq!(project.say(Event::Promote).await.unwrap(), Phase::Healthy);
    assert_eq!(project.split(1, 2).await, (0, 100));
    assert_eq!(project.events("rollout.retried").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_newest_rollout_can_be_tried_again() {
    let project = project(CANARY).await;
    release(&project, 2).await;
    let second = project.until_step(1).await;
    project.say(Event::Abort("no".into())).await.unwrap();
    release(&project, 3).await;
    until("the third", async || project.rollouts().await.len() == 3).await;
    let told = project.running().delivery.command(&second, Actor::user("ada"), Event::Retry).await;
    assert_eq!(told.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undo_gives_the_release_before_or_that_of_a_number() {
    let project = project("canary: {}\n").await;
    assert!(project.undo(None).await.unwrap_err().contains("no earlier release"));
    for version in [2, 3] {
        release(&project, version).await;
        project.until_all_from(version).await;
    }
    assert!(project.undo(Some(9)).await.unwrap_err().contains("no revision 9"));
    assert_eq!(project.undo(Some(1)).await.unwrap().0, 1);
    project.until_all_from(1).await;
    assert_eq!(project.undo(None).await.unwrap().0, 3);
    project.until_all_from(3).await;
    assert_eq!(project.undo(Some(5)).await.unwrap(), (3, None), "revision 5 is in charge already");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_rollout_stays_until_it_is_promoted() {
    let project = project(
        "canary: {steps: [{setWeight: 20}, {pause: {duration: 10s}}, {setWeight: 50}, {pause: {}}]}\n",
    )
    .await;
    release(&project, 2).await;
    project.until_step(1).await;
    assert_eq!(project.say(Event::Pause).await.unwrap(), Phase::Paused);
    project.clock.advance(Duration::from_secs(60));
    let_it_look().await;
    assert_eq!(project.newest_state().await.unwrap().1["step"], 1);
    project.say(Event::Promote).await.unwrap();
    project.until_step(3).await;
}

const MIRROR: &str = "canary:
  trafficRouting: {managedRoutes: [{name: shadow}]}
  steps:
    - setMirrorRoute: {name: shadow, percentage: 100, match: [{path: {prefix: /v2}}]}
    - analysis: {templates: [{templateName: shadow}]}
    - pause: {}
---
kind: AnalysisTemplate
metadata: {name: shadow}
spec:
  metrics:
    - name: agreement
      successCondition: result >= 0.9
      consecutiveErrorLimit: 1000
      provider: {plugin: {mainspring: {metric: shadowAgreement, window: 1h, minRequests: 50}}}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mirrored_requests_are_compared_and_decide() {
    let project = project(MIRROR).await;
    release(&project, 2).await;
    let id = project.until_step(1).await;
    until("the mirror", async || project.running().gateway.canary(MODEL).is_some()).await;
    for n in 0..60 {
        assert_eq!(project.ask(&format!("m{n}")).await, Some(1), "the client gets stable's answer");
    }
    let wanted = id.clone();
    let shadows = async || {
        let wanted = wanted.clone();
        project.read(move |tx| tx.shadows(&wanted, mainspring_domain::Timestamp::from_millis(0), 1000)).await
    };
    until("the comparisons", async || shadows().await.len() == 60).await;
    // Several are asked at a time, so they come in any order.
    let first = shadows().await.into_iter().find(|shadow| shadow.request_id == "m0").unwrap();
    assert_eq!(
        (first.version, first.live_version, first.live_score, first.score),
        (2, 1, Some(1.0), Some(2.0))
    );
    assert_eq!(first.agrees, Some(false));
    // Both versions answer with their own number, so they never agree.
    until("the end", async || {
        project.clock.advance(Duration::from_secs(1));
        project.rollouts().await.last().unwrap().ended.is_some()
    })
    .await;
    let reason = project.events("rollout.aborted").await[0].reason.clone().unwrap();
    assert!(reason.contains("metric `agreement`: 0.0000 does not meet"), "{reason}");
}

/// A Prometheus server that answers every query with these values, the last one for good.
fn prometheus(values: Vec<&'static str>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0_u8; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            let text = String::from_utf8_lossy(&request[..length]).to_string();
            assert!(text.starts_with("GET /api/v1/query?query=errors%7Bversion%3D%222%22%7D "), "{text}");
            assert!(text.to_lowercase().contains("x-version: 2\r"), "{text}");
            let place = count.fetch_add(1, Ordering::SeqCst).min(values.len() - 1);
            let body = format!(
                "{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{{\"metric\":{{}},\"value\":[1,\"{}\"]}}]}}}}",
                values[place]
            );
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    (address, asked)
}

fn by_prometheus(address: &str) -> String {
    format!(
        "canary: {{steps: [{{setWeight: 20}}, {{analysis: {{templates: [{{templateName: p}}], args: [{{name: v, valueFrom: \
         {{podTemplateHashValue: Latest}}}}]}}}}, {{pause: {{}}}}]}}\n---\nkind: AnalysisTemplate\nmetadata: {{name: p}}\nspec:\n  args: [{{name: v}}]\n  metrics:\n\
         \x20   - name: errors\n      count: 2\n      interval: 5s\n      successCondition: result[0] <= 0.1\n      \
         provider: {{prometheus: {{address: '{address}', query: 'errors{{version=\"{{{{args.v}}}}\"}}', headers: [{{key: X-Version, value: '{{{{args.v}}}}'}}]}}}}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_is_asked_and_decides() {
    let (address, asked) = prometheus(vec!["0.05", "0.01"]);
    let good = project(&by_prometheus(&address)).await;
    release(&good, 2).await;
    good.until_step(1).await;
    until("the first answer", async || asked.load(Ordering::SeqCst) == 1).await;
    until("the end of the analysis", async || {
        good.clock.advance(Duration::from_secs(1));
        good.newest_state().await.unwrap().1["step"] == 2
    })
    .await;
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_or_missing_answer_of_prometheus_never_passes() {
    let (address, _) = prometheus(vec!["NaN"]);
    let bad = project(&by_prometheus(&address)).await;
    release(&bad, 2).await;
    until_phase(&bad, "Degraded").await;
    // Nobody listens at the discard port.
    let missing = project(&by_prometheus("http://127.0.0.1:9")).await;
    release(&missing, 2).await;
    missing.until_step(1).await;
    until("the end", async || {
        missing.clock.advance(Duration::from_secs(2));
        missing.rollouts().await.last().unwrap().ended.is_some()
    })
    .await;
    assert_eq!(missing.newest_state().await.unwrap().1["phase"], "Degraded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_passes_its_stages_in_order_each_with_a_route_of_its_own() {
    let mut project = Project::new();
    project.file("rollout.yaml", "canary: {}\n");
    project.configure(
        "[monitor.flights]",
        "[model.flights.stage.development]\non_registration = true\n[model.flights.stage.staging]\n[monitor.flights]",
    );
    project.start().await;
    project.register(1, json!({ "answer": 1 })).await;
    let delivery = project.running().delivery.clone();
    let ask_for = async |route: &'static str| {
        let delivery = delivery.clone();
        let store = project.store();
        let asked = store.write(Actor::user("ada"), move |tx| {
            let asked = delivery.request(tx, (route, 1), ("user:ada", "test"));
            tx.bookkeeping();
            asked
        });
        asked.await.map_err(|error: mainspring_automation::AutomationError| error.to_string())
    };
    let refused = ask_for("flights").await.unwrap_err();
    assert!(refused.contains("version 1 of `flights` is not in charge of staging"), "{refused}");
    let refused = ask_for("flights@staging").await.unwrap_err();
    assert!(refused.contains("not in charge of development"), "{refused}");
    for route in ["flights@development", "flights@staging", "flights"] {
        assert!(ask_for(route).await.unwrap().is_some(), "{route}");
        until(route, async || asked(&project, route, "1").await == Some(1)).await;
        let in_charge = async || {
            project.read(move |tx| tx.deployment(route)).await.is_some_and(|found| found.stable == Some(1))
        };
        until(route, in_charge).await;
    }
    assert_eq!(project.running().gateway.views().len(), 1, "stages are no models of their own");
    assert_eq!(project.stage(1).await, Stage::Production);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_metrics_server_that_does_not_answer_holds_nobody_up() {
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let mut project = Project::new();
    project.file("rollout.yaml", &by_prometheus(&address));
    project.configure("[monitor.flights]", "[model.flights.stage.staging]\n[monitor.flights]");
    project.start().await;
    let delivery = project.running().delivery.clone();
    let release = async |route: &'static str, version: u32| {
        let (delivery, store) = (delivery.clone(), project.store());
        let asked = store.write(Actor::user("ada"), move |tx| {
            let asked = delivery.request(tx, (route, version), ("user:ada", "test"));
            tx.bookkeeping();
            asked
        });
        asked.await.map_err(|error: mainspring_automation::AutomationError| error.to_string()).unwrap();
    };
    for version in [1, 2, 3] {
        project.register(version, json!({ "answer": version })).await;
        release("flights@staging", version).await;
        until("staging", async || asked(&project, "flights@staging", "1").await == Some(version)).await;
        let stable =
            async || project.read(|tx| tx.deployment("flights@staging")).await.and_then(|found| found.stable);
        until("staging in charge", async || stable().await == Some(version)).await;
        if version < 3 {
            release("flights", version).await;
            until("the rollout", async || {
                project.read(|tx| tx.rollouts(Some("flights"), 9)).await.len() == version as usize
            })
            .await;
        }
        if version == 1 {
            project.until_all_from(1).await;
        }
    }
    // Version 2 measures and waits; version 3 went to staging meanwhile.
    let newest = async || project.read(|tx| tx.rollouts(Some("flights"), 1)).await.remove(0);
    until("the analysis", async || newest().await.state["step"] == json!(1)).await;
    let rollout = newest().await;
    assert_eq!(rollout.version, 2);
    let began = Instant::now();
    let phase = delivery.command(&rollout.id, Actor::user("ada"), Event::Abort("no".into())).await.unwrap();
    assert_eq!(phase, Some(Phase::Degraded));
    // The metrics server would have been waited for half a minute.
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_do_not_go_on_while_a_restart_loads_the_version() {
    let mut project = project("canary: {steps: [{setWeight: 20}, {pause: {duration: 10s}}]}\n").await;
    project.register(2, json!({ "answer": 2, "load_seconds": 2.0 })).await;
    project.promote(2).await;
    project.until_step(1).await;
    project.crash();
    project.clock.advance(Duration::from_secs(60));
    project.start().await;
    until("version 1", async || project.running().gateway.stable(MODEL).is_some()).await;
    let_it_look().await;
    assert!(project.running().gateway.canary(MODEL).is_none(), "it is still loading");
    assert_eq!(project.newest_state().await.unwrap().1["step"], 1);
    project.until_all_from(2).await;
}
