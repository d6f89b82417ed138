//! The model gate by the command line, with models of workspaces.

use crate::support::{Ended, Project, Server};
use serde_json::{Value, json};
use std::path::Path;

struct World {
    project: Project,
    server: Server,
}

impl World {
    fn new() -> Self {
        let project = Project::new();
        project.write("battery.yaml", "version: 1\nlabel: late\nchecks: [{ check: determinism }]\n");
        project.write("rows.csv", "x,late\n1,0\n2,1\n3,0\n");
        let (server, _) = Server::start_with(&project, &["--enable-workspaces"], 1);
        let world = Self { project, server };
        world.post("", "workspaces", &json!({ "name": "team-a" }));
        world
    }

    fn post(&self, workspace: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/api/3.0/mlflow/{path}", self.server.url);
        let mut answer = ureq::post(url).header("x-mlflow-workspace", workspace).send_json(body).unwrap();
        answer.body_mut().read_json().unwrap()
    }

    /// A run of team-a with a model, and a version of the model; gives the run's id.
    fn register(&self) -> String {
        let experiment = self.post("team-a", "experiments/create", &json!({ "name": "e" }));
        let body = json!({ "experiment_id": experiment["experiment_id"] });
        let run = self.post("team-a", "runs/create", &body);
        let info = &run["run"]["info"];
        let uri = info["artifact_uri"].as_str().unwrap();
        let path = uri.strip_prefix("mlflow-artifacts:/").unwrap();
        let file = format!(".mainspring/artifacts/{path}/model/behaviour.json");
        self.project.write(
            &file,
            &json!({ "inputs": [{ "name": "x", "type": "double", "required": true }] }).to_string(),
        );
        self.post("team-a", "registered-models/create", &json!({ "name": "flights" }));
        let body = json!({ "name": "flights", "source": format!("{uri}/model"), "run_id": info["run_id"] });
        self.post("team-a", "model-versions/create", &body);
        info["run_id"].as_str().unwrap().to_owned()
    }

    fn test(&self, arguments: &[&str], workspace: &str) -> Ended {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../automation/tests/it/fake_python");
        let python = python.to_string_lossy();
        let common = ["test-model", "--data", "rows.csv", "--battery", "battery.yaml", "--python", &python];
        let environment = [("MAINSPRING_URL", self.server.url.as_str()), ("MLFLOW_WORKSPACE", workspace)];
        self.project.run_with(&[&common, arguments].concat(), &environment)
    }
}

#[test]
fn models_and_runs_of_workspaces_are_tested() {
    let world = World::new();
    let run = world.register();
    let of_run = format!("runs:/{run}/model");
    for (model, options, workspace) in [
        ("models:/team-a:flights/1", &[][..], ""),
        ("models:/team-a:flights/1", &[], "default"),
        ("models:/flights/1", &["--workspace", "team-a"], ""),
        ("models:/flights/1", &[], "team-a"),
        (&of_run, &["--workspace", "team-a"], ""),
        (&of_run, &["--against", "models:/team-a:flights/1"], "team-a"),
    ] {
        let ended = world.test(&[&["--model", model][..], options].concat(), workspace);
        assert_eq!(ended.code, 0, "{model} {options:?} {workspace}: {} {}", ended.out, ended.err);
        assert!(!ended.err.contains("nothing to compare with"), "{}", ended.err);
    }
    for model in ["models:/flights/1", "models:/team-b:flights/1", &of_run] {
        let ended = world.test(&["--model", model], "");
        assert_ne!(ended.code, 0, "{model}: {}", ended.out);
    }
    // What was found is kept with the run, which the gates of its versions ask.
    let gates = world.server.get("/api/v1/gates?gate=battery&limit=1");
    let newest = &gates["reports"][0];
    assert_eq!(
        (&newest["subject"], &newest["verdict"]),
        (&json!(format!("run:{run}")), &json!("pass")),
        "{gates}"
    );
}
