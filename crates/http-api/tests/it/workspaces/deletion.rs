//! What a workspace leaves when it is deleted.

use super::{Teams, refused};
use mainspring_domain::access::{Role, Scope};
use mainspring_domain::events::Record;
use mainspring_domain::tracking::Lifecycle;
use mainspring_governance::users;
use mainspring_metadata_store::traits::search::View;
use mainspring_tracking::TrackingError;
use serde_json::{Value, json};

#[tokio::test]
async fn a_workspace_is_deleted_as_the_mode_says() {
    let teams = Teams::new().await;
    let experiment = teams.experiment("team-a", "flights").await;
    let run = teams.run("team-a", &experiment).await;
    teams.made("team-a", "registered-models/create", json!({ "name": "flights" })).await;
    let delete = |mode: &'static str| teams.call("", "DELETE", mode, Value::Null);
    let full = delete("workspaces/team-a").await;
    refused(&full, 400, "INVALID_STATE", "table 'registered_models' still contains 1 resource(s)");
    // In the default workspace a name is taken once.
    teams.made("", "registered-models/create", json!({ "name": "flights" })).await;
    teams.experiment("", "flights").await;
    let clash = delete("workspaces/team-a?mode=SET_DEFAULT").await;
    refused(&clash, 400, "INVALID_STATE", "- registered_models: 'flights'\n  - experiments: 'flights'");
    teams
        .made("team-a", "registered-models/rename", json!({ "name": "flights", "new_name": "planes" }))
        .await;
    teams
        .made("team-a", "experiments/update", json!({ "experiment_id": experiment, "new_name": "planes" }))
        .await;
    // What serves it knows it by the name that would go away.
    let deployed = |route: &str, stable| mainspring_domain::delivery::Deployment {
        model: route.to_owned(),
        stable,
        stable_rollout: None,
        active_rollout: None,
        updated: mainspring_domain::Timestamp::from_millis(1),
    };
    let deploy = |route: &str, stable| {
        let deployment = deployed(route, stable);
        teams.change(move |tx| {
            tx.put_deployment(&deployment)?;
            Ok(tx.record(Record::new("test", "model:team-a:planes"))?)
        })
    };
    for route in ["team-a:planes", "team-a:planes@staging"] {
        deploy(route, Some(1)).await;
        for mode in ["workspaces/team-a?mode=SET_DEFAULT", "workspaces/team-a?mode=CASCADE"] {
            let message = "a running test has team-a:planes. End rollouts and tests, and delete these models";
            refused(&delete(mode).await, 400, "INVALID_STATE", message);
        }
        deploy(route, None).await;
    }
    let dataset = teams.made("team-a", "datasets/create", json!({ "name": "d" })).await;
    assert_eq!(delete("workspaces/team-a?mode=SET_DEFAULT").await.0, 204);
    let dataset = dataset["dataset"]["dataset_id"].as_str().unwrap().to_owned();
    let moved = json!({ "from": "team-a", "to": "default" });
    assert_eq!(
        teams.recorded("evaluation_dataset.moved").await,
        [(format!("evaluation_dataset:{dataset}"), moved)]
    );
    assert_eq!(
        teams.got("", &format!("runs/get?run_id={run}")).await["run"]["info"]["experiment_id"],
        json!(experiment)
    );
    teams.got("", "registered-models/get?name=planes").await;
    // Its artifacts stay where they are, and are reached from where it lies now.
    let path =
        format!("/api/2.0/mlflow-artifacts/artifacts/workspaces/team-a/{experiment}/{run}/artifacts/x");
    assert_eq!(teams.send("", "PUT", &path, json!("x")).await.0, 200);
    assert_eq!(teams.send("", "GET", &path, Value::Null).await, (200, json!("x")));
    refused(&teams.send("team-b", "GET", &path, Value::Null).await, 400, "INVALID_PARAMETER_VALUE", "team-a");
    // With all that lies in it.
    let experiment = teams.experiment("team-b", "flights").await;
    let run = teams.run("team-b", &experiment).await;
    teams.made("team-b", "registered-models/create", json!({ "name": "flights" })).await;
    for _ in 0..2 {
        let version = json!({ "name": "flights", "source": "s3://models/m" });
        teams.made("team-b", "model-versions/create", version).await;
    }
    let dataset = teams.made("team-b", "datasets/create", json!({ "name": "d" })).await;
    let hook = json!({
        "name": "hook", "url": "https://example.com/hook",
        "events": [{ "entity": "MODEL_VERSION", "action": "CREATED" }],
    });
    let hook = teams.made("team-b", "webhooks", hook).await;
    // A run that was restored in a deleted experiment goes too.
    let old = teams.experiment("team-b", "old").await;
    let restored = teams.run("team-b", &old).await;
    teams.made("team-b", "experiments/delete", json!({ "experiment_id": old })).await;
    teams.made("team-b", "runs/restore", json!({ "run_id": restored })).await;
    let id: i64 = experiment.parse().unwrap();
    teams
        .change(move |tx| {
            users::add(tx, "rita", None)?;
            users::grant(tx, "rita", &Scope::Experiment(id), Some(Role::Reader))
        })
        .await;
    let left_behind =
        format!("/api/2.0/mlflow-artifacts/artifacts/workspaces/team-b/{experiment}/{run}/artifacts/x");
    assert_eq!(teams.send("team-b", "PUT", &left_behind, json!("x")).await.0, 200);
    assert_eq!(delete("workspaces/team-b?mode=CASCADE").await.0, 204);
    let gone = |kind: &str, id: &Value| format!("{kind}:{}", id.as_str().unwrap());
    for (action, subject, details) in [
        ("model.deleted", "model:team-b:flights".to_owned(), json!({ "versions": [1, 2] })),
        (
            "evaluation_dataset.deleted",
            gone("evaluation_dataset", &dataset["dataset"]["dataset_id"]),
            json!({ "name": "d" }),
        ),
        (
            "webhook.deleted",
            gone("webhook", &hook["webhook"]["webhook_id"]),
            json!({ "name": "hook", "status": "ACTIVE", "events": ["model_version.created"] }),
        ),
    ] {
        assert_eq!(teams.recorded(action).await, [(subject, details)], "{action}");
    }
    let left = teams.store.read(move |tx| {
        let listed = mainspring_tracking::experiments::overview(tx, View::All, 100)?;
        let listed: Vec<String> =
            listed.into_iter().map(|one| one.experiment.workspace.to_string()).collect();
        let grants =
            tx.grants_on(&Scope::Experiment(id))?.len() + tx.run_rows(std::slice::from_ref(&restored))?.len();
        Ok::<_, TrackingError>((listed, grants, tx.run_info(&restored)?.map(|run| run.lifecycle)))
    });
    let (listed, grants, lifecycle) = left.await.unwrap();
    assert!(listed.iter().all(|workspace| workspace == "default"), "{listed:?}");
    assert_eq!((grants, lifecycle), (0, Some(Lifecycle::Deleted)));
    teams.made("", "workspaces", json!({ "name": "team-b" })).await;
    for workspace in ["", "team-b"] {
        assert_eq!(teams.call(workspace, "GET", &format!("runs/get?run_id={run}"), Value::Null).await.0, 404);
        let deleted = teams.got(workspace, "experiments/search?max_results=10&view_type=DELETED_ONLY").await;
        assert_eq!(deleted.get("experiments"), None, "{workspace}");
    }
    assert_eq!(teams.call("team-b", "GET", "registered-models/get?name=flights", Value::Null).await.0, 404);
    assert_eq!(teams.send("team-b", "GET", &left_behind, Value::Null).await.0, 404);
    assert_eq!(teams.send("team-b", "PUT", &left_behind, json!("y")).await.0, 404);
    teams.experiment("team-b", "flights").await;
    let listed = teams.got("", "workspaces").await;
    assert_eq!(listed["workspaces"].as_array().map(Vec::len), Some(2), "{listed}");
}
