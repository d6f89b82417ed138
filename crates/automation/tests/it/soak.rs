//! Rollouts under constant load: nothing may fail, whatever is started, aborted, promoted or undone.

use crate::project::{MODEL, Project, until};
use mainspring_rollouts::Event;
use mainspring_serving::{Caller, Rows};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const CANARY: &str = "canary:
  trafficRouting: {managedRoutes: [{name: shadow}, {name: beta}]}
  abortScaleDownDelaySeconds: 1
  scaleDownDelaySeconds: 1
  steps:
    - setMirrorRoute: {name: shadow, percentage: 20, match: [{path: {prefix: /}}]}
    - setHeaderRoute: {name: beta, match: [{headerName: x-beta, headerValue: {exact: '1'}}]}
    - setWeight: 20
    - pause: {}
    - setWeight: 60
    - pause: {}
";
const BLUE_GREEN: &str =
    "blueGreen: {activeService: a, autoPromotionEnabled: false, scaleDownDelaySeconds: 1}\n";

/// What the clients saw.
#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    asked: AtomicU64,
    by_version: [AtomicU64; 16],
    failures: Mutex<Vec<String>>,
}

impl Seen {
    fn counts(&self) -> Vec<u64> {
        self.by_version.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }
}

/// Clients that ask without a pause until they are told to stop.
fn clients(project: &Project) -> (Arc<Seen>, Vec<tokio::task::JoinHandle<()>>) {
    let seen = Arc::new(Seen::default());
    let tasks = (0..3).map(|client| {
        let (seen, gateway) = (Arc::clone(&seen), Arc::clone(&project.running().gateway));
        tokio::spawn(async move {
            let mut number = 0_u64;
            while !seen.stop.load(Ordering::Relaxed) {
                number += 1;
                let rows = Rows { columns: None, data: vec![vec![json!(1)]] };
                let id = format!("{client}-{number}");
                let answer = gateway.predict(MODEL, &id, &Caller::default(), None, rows, &Value::Null).await;
                seen.asked.fetch_add(1, Ordering::Relaxed);
                match answer {
                    Ok(served) if served.outcome == Ok(vec![json!(served.version)]) => {
                        seen.by_version[served.version as usize].fetch_add(1, Ordering::Relaxed);
                    }
                    other => seen.failures.lock().unwrap().push(format!("{other:?}")),
                }
            }
        })
    });
    (Arc::clone(&seen), tasks.collect())
}

async fn until_weight(project: &Project, seen: &Seen, weight: u8) {
    let gateway = &project.running().gateway;
    let reached = async {
        while gateway.views()[0].weight != weight {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(40), reached).await.is_err() {
        let state = project.newest_state().await;
        let asked = seen.asked.load(Ordering::Relaxed);
        let failures = seen.failures.lock().unwrap();
        let (count, some) = (failures.len(), &failures[..failures.len().min(3)]);
        panic!(
            "waited in vain for weight {weight}: {asked} asked, {count} failed {some:?}, leads {}, {:?}, {state:?}",
            project.running().delivery.leads(),
            gateway.views()
        );
    }
}

/// Looks whether the canary's share over a while is the weight, within five standard deviations of the
/// binomial.
async fn share_is(seen: &Seen, version: u32, weight: f64) {
    let before = seen.counts();
    tokio::time::sleep(Duration::from_millis(700)).await;
    // However slow the machine is, so many are needed to tell.
    let since = |before: &[u64], after: &[u64]| after.iter().sum::<u64>() - before.iter().sum::<u64>();
    until("100 requests", async || since(&before, &seen.counts()) > 100).await;
    let after = seen.counts();
    let all = since(&before, &after);
    let canary = after[version as usize] - before[version as usize];
    let (n, p) = (all as f64, weight / 100.0);
    // Three requests may have been on their way when the counting began and when it ended.
    let bound = 5.0 * (n * p * (1.0 - p)).sqrt() + 6.0;
    assert!((canary as f64 - n * p).abs() <= bound, "{canary} of {n} at {weight} %");
}

async fn soak(manifest: &str, mut cycle: impl AsyncFnMut(&Project, &Seen, u32, usize)) {
    let mut project = Project::new();
    project.file("rollout.yaml", manifest);
    project.start().await;
    project.register(1, json!({ "answer": 1 })).await;
    project.promote(1).await;
    project.until_all_from(1).await;
    let (seen, tasks) = clients(&project);
    for round in 0..6 {
        let version = round as u32 + 2;
        project.register(version, json!({ "answer": version })).await;
        project.promote(version).await;
        cycle(&project, &seen, version, round).await;
        // What was kept loaded goes, while others ask on.
        project.clock.advance(Duration::from_secs(2));
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    seen.stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    let failures = seen.failures.lock().unwrap().clone();
    assert!(
        failures.is_empty(),
        "{} of {}: {:?}",
        failures.len(),
        seen.asked.load(Ordering::Relaxed),
        &failures[..failures.len().min(3)]
    );
    assert!(seen.asked.load(Ordering::Relaxed) > 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn canaries_fail_no_request() {
    soak(CANARY, async |project, seen, version, round| {
        until_weight(project, seen, 20).await;
        share_is(seen, version, 20.0).await;
        match round % 4 {
            0 => {
                project.say(Event::Promote).await;
                until_weight(project, seen, 60).await;
                share_is(seen, version, 60.0).await;
                project.say(Event::Promote).await;
                project.until_all_from(version).await;
            }
            1 => {
                project.say(Event::Abort("soak".into())).await;
                share_is(seen, version, 0.0).await;
            }
            2 => {
                project.say(Event::Abort("soak".into())).await;
                project.say(Event::Retry).await;
                until_weight(project, seen, 20).await;
                project.say(Event::PromoteFull).await;
                project.until_all_from(version).await;
            }
            _ => {
                project.say(Event::PromoteFull).await;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switches_fail_no_request() {
    soak(BLUE_GREEN, async |project, seen, version, round| {
        until("the preview", async || {
            project.newest_state().await.is_some_and(|(_, state)| state["phase"] == "Paused")
        })
        .await;
        share_is(seen, version, 0.0).await;
        if round % 3 == 2 {
            project.say(Event::Abort("soak".into())).await;
            return;
        }
        project.say(Event::Promote).await;
        share_is(seen, version, 100.0).await;
        if round % 3 == 1 {
            let back = project.undo(None).await.unwrap().0;
            project.until_all_from(back).await;
            share_is(seen, version, 0.0).await;
        }
    })
    .await;
}
