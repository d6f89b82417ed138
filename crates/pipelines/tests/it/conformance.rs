//! End states of Airflow's own example graphs, as `airflow dags test` left them.

use crate::graphs::{Play, dag, task};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

fn recorded(name: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/airflow").join(name);
    let text = std::fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

/// Whether the planner knows all that the graph uses: the recordings name trigger rules of a graph
/// but not of its tasks, and mapped tasks have many states under one name.
fn is_within_reach(features: &Value) -> bool {
    let beyond = ["trigger_rule", "expand", "mapped", "setup", "teardown", "latest_only"];
    features.as_array().unwrap().iter().all(|feature| {
        let feature = feature.as_str().unwrap();
        !beyond.iter().any(|beyond| feature.starts_with(beyond))
    })
}

/// Plays one graph: what was recorded of a task is what it says when it is started. Gives the end
/// states of tasks and run.
fn replay(
    edges: &serde_json::Map<String, Value>,
    recorded: &BTreeMap<String, String>,
) -> (BTreeMap<String, String>, String) {
    let tasks = edges.keys().map(|id| {
        let mut task = task(id, &[]);
        let waits_for = |(up, down): (&String, &Value)| {
            down.as_array().unwrap().iter().any(|down| down == id.as_str()).then(|| up.clone())
        };
        task.upstream = edges.iter().filter_map(waits_for).collect();
        task
    });
    let mut play = Play::begin(dag(tasks.collect()));
    while let Some(id) = play.running().first().cloned() {
        let state = recorded[&id].as_str();
        assert!(
            matches!(state, "success" | "failed" | "skipped"),
            "`{id}` was started, Airflow left it {state}"
        );
        play.end_as(&id, state);
    }
    let states = play.run.tasks.iter().map(|(id, task)| (id.clone(), task.state.as_str().to_owned()));
    (states.collect(), play.run.state.as_str().to_owned())
}

#[test]
fn example_graphs_end_as_in_airflow() {
    let mut compared = 0;
    for version in [2, 3] {
        let (Some(states), Some(edges)) =
            (recorded(&format!("states-{version}.json")), recorded(&format!("edges-{version}.json")))
        else {
            eprintln!("skipped: the recorded Airflow cases are not beside the project");
            return;
        };
        for case in states.as_object().unwrap().values().flat_map(|cases| cases.as_array().unwrap()) {
            let id = case["dag_id"].as_str().unwrap();
            let (Some(graph), Some(tasks)) = (edges[id]["edges"].as_object(), case["tasks"].as_object())
            else {
                continue;
            };
            let tasks: BTreeMap<String, String> = tasks
                .iter()
                .map(|(id, state)| (id.clone(), state.as_str().unwrap_or("none").to_owned()))
                .collect();
            let complete = graph.keys().all(|id| tasks.contains_key(id)) && graph.len() == tasks.len();
            let ended = tasks
                .values()
                .all(|state| matches!(state.as_str(), "success" | "failed" | "skipped" | "upstream_failed"));
            if !complete || !ended || !is_within_reach(&case["features"]) {
                continue;
            }
            let (found, run) = replay(graph, &tasks);
            assert_eq!(found, tasks, "{id} of Airflow {version}");
            assert_eq!(run, case["dagrun_state"].as_str().unwrap(), "{id} of Airflow {version}");
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared} graphs were compared");
}
