//! Rollouts by the command line and over REST, with real workers.

use crate::support::{Ended, Project, Server, until};
use serde_json::{Value, json};
use std::path::Path;

const MANIFEST: &str = "canary:
  trafficRouting: {managedRoutes: [{name: shadow}]}
  steps:
    - setMirrorRoute: {name: shadow, percentage: 100, match: [{method: {exact: POST}}]}
    - setWeight: 20
    - pause: {}
    - analysis: {templates: [{templateName: live}]}
---
kind: AnalysisTemplate
metadata: {name: live}
spec:
  metrics:
    - name: errors
      interval: 100ms
      count: 2
      consecutiveErrorLimit: 1000
      successCondition: result <= 0.1
      provider: {plugin: {mainspring: {metric: errorRate, window: 10m, minRequests: 5}}}
";

struct World {
    project: Project,
    server: Server,
}

impl World {
    /// A server with two registered versions of `flights`, the first in charge.
    fn new() -> Self {
        let project = Project::new();
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../automation/tests/it/fake_python");
        project.write(
            "mainspring.toml",
            &format!(
                "[project]\nname = \"x\"\npython = {python:?}\n[model.flights]\nrollout = \"rollout.yaml\"\n"
            ),
        );
        project.write("rollout.yaml", MANIFEST);
        let server = Server::start(&project);
        let world = Self { project, server };
        world.post("/api/2.0/mlflow/registered-models/create", &json!({ "name": "flights" })).unwrap();
        for version in 1..=2 {
            world.register(version);
        }
        assert_eq!(world.run(&["deploy", "flights/1"]).code, 0);
        until("the first version", || (world.ask("flights", "first")? == 1).then_some(()));
        world
    }

    fn register(&self, version: u32) {
        let run = self.post("/api/2.0/mlflow/runs/create", &json!({ "experiment_id": "0" })).unwrap();
        let info = &run["run"]["info"];
        let uri = info["artifact_uri"].as_str().unwrap();
        let path = uri.strip_prefix("mlflow-artifacts:/").unwrap();
        let file = format!(".mainspring/artifacts/{path}/model/behaviour.json");
        self.project.write(&file, &json!({ "answer": version }).to_string());
        let body = json!({ "name": "flights", "source": format!("{uri}/model"), "run_id": info["run_id"] });
        self.post("/api/2.0/mlflow/model-versions/create", &body).unwrap();
    }

    /// The answer, or the status and body of a refusal.
    fn post(&self, path: &str, body: &Value) -> Result<Value, (u16, Value)> {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let mut answer = agent.post(format!("{}{path}", self.server.url)).send_json(body).unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.body_mut().read_json().unwrap();
        if status == 200 { Ok(body) } else { Err((status, body)) }
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.project.run_with(arguments, &[("MAINSPRING_URL", &self.server.url)])
    }

    /// The version that answers a request.
    fn ask(&self, name: &str, id: &str) -> Option<u32> {
        let body =
            json!({ "id": id, "inputs": [{ "name": "x", "shape": [1], "datatype": "FP64", "data": [1.0] }] });
        let answer = self.post(&format!("/v2/models/{name}/infer"), &body).ok()?;
        answer["model_version"].as_str()?.parse().ok()
    }

    /// Forty requests, of which some reach a version on trial.
    fn traffic(&self, name: &str) {
        for n in 0..40 {
            assert!(self.ask("flights", &format!("{name}-{n}")).is_some());
        }
    }

    fn newest(&self) -> Value {
        self.server.get("/api/v1/rollouts?limit=1")["rollouts"][0].clone()
    }

    fn until_phase(&self, phase: &str) {
        until(phase, || (self.newest()["state"]["phase"] == phase).then_some(()));
    }
}

#[test]
fn a_rollout_is_watched_promoted_aborted_retried_and_undone() {
    let world = World::new();
    assert_eq!(world.run(&["deploy", "flights/2"]).code, 0);
    world.until_phase("Paused");
    assert_eq!(world.ask("flights@preview", "p"), Some(2));
    world.traffic("first");
    let shown = world.run(&["rollouts", "get"]).out;
    for part in [
        "Model:          flights/2",
        "Weight:         20 %",
        "Mirror:         shadow 100 %",
        "▶ pause until promoted",
        "· analysis live",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let id = world.newest()["id"].as_str().unwrap().to_owned();
    let shadow = until("the copies", || {
        let shadow = world.server.get(&format!("/api/v1/rollouts/{id}/shadow?segment=x"));
        let compared = shadow["comparison"]["requests"].as_u64()?;
        (compared > 0 && Some(compared) == shadow["queue"]["sent"].as_u64()).then_some(shadow)
    });
    assert_eq!(
        (&shadow["comparison"]["agreement"], &shadow["by"]["segments"][0]["value"]),
        (&json!(0.0), &json!("1.0"))
    );
    let metrics = ureq::get(format!("{}/metrics", world.server.url))
        .call()
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    assert!(metrics.contains("mainspring_mirrored_requests_total{outcome=\"dropped\"} 0"));

    assert_eq!(world.run(&["rollouts", "abort"]).code, 0);
    let status = world.run(&["rollouts", "status", "flights"]);
    assert_eq!((status.code, status.out.as_str()), (1, "Degraded - aborted by user:anonymous\n"));
    assert_eq!(world.run(&["rollouts", "promote"]).code, 1, "nothing is under way");
    assert_eq!((&world.newest()["can_retry"], &world.newest()["can_undo"]), (&json!(true), &json!(false)));
    assert_eq!(world.run(&["rollouts", "retry", "flights"]).code, 0);
    world.until_phase("Paused");
    // What reached the try before is no evidence on this one.
    world.traffic("again");
    assert_eq!(world.post(&format!("/api/v1/rollouts/{id}/retry"), &json!({})).unwrap_err().0, 409);
    assert_eq!(world.run(&["rollouts", "pause"]).code, 0);
    assert_eq!(world.newest()["state"]["message"], "manually paused");
    assert_eq!(world.run(&["rollouts", "promote", &id]).code, 0);
    let watched = world.run(&["rollouts", "status", "--watch", &id]);
    assert_eq!((watched.code, watched.out.lines().last()), (0, Some("Healthy - the new version is stable")));
    assert_eq!(world.ask("flights", "after"), Some(2));
    let short = world.server.get("/api/v1/rollouts?short=true");
    for (place, can_undo) in [true, false].into_iter().enumerate() {
        let rollout = &short["rollouts"][place];
        assert_eq!((&rollout["can_undo"], &rollout["can_retry"]), (&json!(can_undo), &json!(false)));
        assert_eq!((&rollout["state"]["history"], &rollout["steps"]), (&json!([]), &json!([])));
    }
    let undone = world.run(&["rollouts", "undo", "flights"]);
    assert!(undone.out.contains("puts flights/1 back in charge"), "{}", undone.out);
    assert_eq!(world.run(&["rollouts", "promote", "--full"]).code, 0);
    until("version 1", || (world.ask("flights", "back")? == 1).then_some(()));
    let listed = world.run(&["rollouts", "list", "flights"]).out;
    assert_eq!(listed.lines().count(), 4, "{listed}");
    let numbered = world.server.get("/api/v1/rollouts?model=flights");
    let revisions: Vec<&Value> = (0..3).map(|place| &numbered["rollouts"][place]["revision"]).collect();
    assert_eq!(revisions, [3, 2, 1]);
}

#[test]
fn what_is_deployed_is_written_for_a_cluster() {
    let world = World::new();
    let argo = world.run(&["export", "argo-rollouts", "flights", "--image", "registry.example/m:1"]);
    assert_eq!(argo.code, 0, "{}", argo.err);
    for part in ["kind: Rollout", "setWeight: 20", "kind: AnalysisTemplate", "image: registry.example/m:1"] {
        assert!(argo.out.contains(part), "{part}\n{}", argo.out);
    }
    assert!(world.run(&["export", "kserve", "flights"]).out.contains("kind: InferenceService"));
    assert!(world.run(&["export", "seldon", "flights"]).out.contains("kind: Experiment"));
    let missing = world.run(&["export", "kserve", "planes"]);
    assert_ne!(missing.code, 0);
}

#[test]
fn bad_requests_are_answered_with_a_reason() {
    let world = World::new();
    let id = world.newest()["id"].as_str().unwrap().to_owned();
    for (path, body, status, part) in [
        (format!("/api/v1/rollouts/{id}/explode"), json!({}), 404, "cannot be told to `explode`"),
        (format!("/api/v1/rollouts/{id}/promote"), json!({}), 409, "is under way"),
        (format!("/api/v1/rollouts/{id}/retry"), json!({}), 409, "is under way"),
        ("/api/v1/rollouts/nobody/abort".to_owned(), json!({}), 409, "is under way"),
        ("/api/v1/deployments/flights".to_owned(), json!({ "version": 9 }), 404, "no version 9"),
        (
            "/api/v1/deployments/flights@staging".to_owned(),
            json!({ "version": 1 }),
            400,
            "model.flights.stage.staging",
        ),
        ("/api/v1/deployments/planes".to_owned(), json!({ "version": 1 }), 404, "no version 1"),
        ("/api/v1/deployments/flights/undo".to_owned(), json!({}), 404, "no earlier release"),
        ("/api/v1/deployments/flights/undo".to_owned(), json!({ "to_revision": 7 }), 404, "no revision 7"),
    ] {
        let (found, answer) = world.post(&path, &body).unwrap_err();
        assert!(
            found == status && answer["error"].as_str().is_some_and(|error| error.contains(part)),
            "{path}: {found} {answer}"
        );
    }
    // A mistake in the manifest: nothing changes.
    world.project.write("rollout.yaml", &MANIFEST.replace("setWeight: 20", "setWeight: 120"));
    let refused = world.run(&["deploy", "flights/2"]);
    assert!(
        refused.err.contains("rollout.yaml:5:18: SetWeight needs to be between 0 and 100"),
        "{}",
        refused.err
    );
    assert_eq!(world.newest()["id"].as_str(), Some(id.as_str()));
}
