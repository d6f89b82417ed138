//! Files that arrive, and the runs they start.

use crate::project::{Project, let_it_look, until};
use mainspring_domain::{Actor, Timestamp};
use std::io::Write as _;
use std::time::Duration;

const SETTLE: Duration = Duration::from_secs(2);
const DEBOUNCE: Duration = Duration::from_secs(10);

async fn paths(project: &Project) -> Vec<String> {
    project.arrivals().await.into_iter().map(|arrival| arrival.path).collect()
}

/// Lets the watcher see a file, and then see that it has not changed.
async fn settle(project: &Project) {
    let_it_look().await;
    project.clock.advance(SETTLE);
    let_it_look().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_counts_once_it_has_not_changed_for_a_while() {
    let project = Project::started().await;
    let path = project.file("incoming/flights-01.csv", "a,b\n");
    let_it_look().await;
    project.clock.advance(SETTLE - Duration::from_millis(1));
    let_it_look().await;
    assert_eq!(paths(&project).await, [""; 0]);
    // It grows: the wait begins anew.
    std::fs::File::options().append(true).open(&path).unwrap().write_all(b"1,2\n").unwrap();
    let_it_look().await;
    project.clock.advance(SETTLE - Duration::from_millis(1));
    let_it_look().await;
    assert_eq!(paths(&project).await, [""; 0]);
    project.clock.advance(Duration::from_millis(1));
    until("the arrival", async || !project.arrivals().await.is_empty()).await;
    let arrivals = project.arrivals().await;
    assert_eq!((arrivals[0].path.as_str(), arrivals[0].size), ("incoming/flights-01.csv", 8));
    let_it_look().await;
    assert_eq!(project.arrivals().await.len(), 1, "and only once");
    assert_eq!(project.events("data.arrived").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_not_meant_or_not_finished_do_not_count() {
    let project = Project::started().await;
    for name in [
        "flights-02.csv.part",
        ".flights-03.csv",
        "flights-04.csv~",
        "flights-05.tmp",
        "readme.txt",
        "hotels-06.csv",
    ] {
        project.file(&format!("incoming/{name}"), "a,b\n");
    }
    project.file("incoming/flights-07.csv", "");
    std::fs::create_dir(project.file("incoming/x", "").with_file_name("flights-08.csv")).unwrap();
    settle(&project).await;
    assert_eq!(paths(&project).await, [""; 0]);
    let unfinished = project.file("incoming/flights-02.csv.part", "a,b\n1,2\n");
    std::fs::rename(&unfinished, unfinished.with_file_name("flights-02.csv")).unwrap();
    settle(&project).await;
    assert_eq!(paths(&project).await, ["incoming/flights-02.csv"], "under its final name it does");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_name_with_other_content_counts_again_and_a_restart_counts_nothing() {
    let mut project = Project::started().await;
    project.file("incoming/flights-01.csv", "a,b\n");
    settle(&project).await;
    assert_eq!(project.arrivals().await.len(), 1);
    project.restart().await;
    settle(&project).await;
    assert_eq!(project.arrivals().await.len(), 1, "a restart does not count it again");
    project.file("incoming/flights-01.csv", "a,b\n1,2\n");
    settle(&project).await;
    let sizes: Vec<u64> = project.arrivals().await.iter().map(|arrival| arrival.size).collect();
    assert_eq!(sizes, [4, 8]);
    project.crash();
    project.file("incoming/flights-02.csv", "a,b\n");
    project.start().await;
    settle(&project).await;
    assert_eq!(project.arrivals().await.len(), 3, "what came while the server was down counts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arrivals_that_come_together_start_one_run() {
    let mut project = Project::started().await;
    project.file("incoming/flights-01.csv", "a\n");
    settle(&project).await;
    project.clock.advance(DEBOUNCE - SETTLE);
    project.file("incoming/flights-02.csv", "b\n");
    settle(&project).await;
    assert_eq!(project.arrivals().await.len(), 2);
    assert!(project.runs().await.is_empty(), "the second one begins the wait anew");
    project.restart().await;
    project.clock.advance(DEBOUNCE);
    until("the run", async || !project.runs().await.is_empty()).await;
    let_it_look().await;
    let runs = project.runs().await;
    let [run] = runs.as_slice() else { panic!("{runs:?}") };
    assert_eq!((run.run_type.as_str(), run.dag.dag_id.as_str()), ("data_triggered", "train"));
    assert_eq!(run.conf["files"], serde_json::json!(["incoming/flights-01.csv", "incoming/flights-02.csv"]));
    assert_eq!((&run.conf["train"], &run.conf["reason"]), (&true.into(), &"no_champion".into()));
    let claims: Vec<_> = project.arrivals().await.into_iter().map(|arrival| arrival.claimed_by).collect();
    assert_eq!(claims, [Some(run.run_id.clone()), Some(run.run_id.clone())]);
    until("its end", async || project.runs().await[0].state.is_final()).await;
    assert_eq!(project.runs().await[0].state.as_str(), "success", "{:?}", project.runs().await[0].tasks);
    project.file("incoming/flights-03.csv", "c\n");
    settle(&project).await;
    project.clock.advance(DEBOUNCE);
    until("the second run", async || project.runs().await.len() == 2).await;
    assert_eq!(project.runs().await[1].conf["files"], serde_json::json!(["incoming/flights-03.csv"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_graph_lets_arrivals_wait() {
    let project = Project::started().await;
    let pause = async |paused| {
        project
            .write(Actor::user("ada"), move |tx| {
                let mut dag = tx.dag("train")?.unwrap();
                dag.paused = paused;
                tx.put_dag(&dag)
            })
            .await;
    };
    pause(true).await;
    project.file("incoming/flights-01.csv", "a\n");
    settle(&project).await;
    project.clock.advance(DEBOUNCE);
    let_it_look().await;
    assert!(project.runs().await.is_empty());
    pause(false).await;
    until("the run", async || project.runs().await.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_data_is_only_trained_on_for_a_reason() {
    let mut project = Project::with_champion().await;
    project.file("incoming/flights-01.csv", "a\n");
    settle(&project).await;
    project.clock.advance(DEBOUNCE);
    until("the run", async || project.runs().await.len() == 1).await;
    assert_eq!(project.runs().await[0].conf["train"], false, "version 1 does its work");
    assert!(!project.runs().await[0].conf.contains_key("reason"));
    until("its end", async || project.runs().await[0].state.is_final()).await;
    project.month(false).await;
    until("the retraining", async || project.runs().await.len() == 2).await;
    project.file("incoming/flights-02.csv", "b\n");
    settle(&project).await;
    project.clock.advance(DEBOUNCE);
    until("the third run", async || project.runs().await.len() == 3).await;
    assert_eq!(project.runs().await[2].conf["train"], false, "the alert was just answered");
    project.clock.advance(Duration::from_secs(3600));
    project.file("incoming/flights-03.csv", "c\n");
    settle(&project).await;
    project.clock.advance(DEBOUNCE);
    until("the fourth run", async || project.runs().await.len() == 4).await;
    let conf = &project.runs().await[3].conf;
    assert_eq!((&conf["train"], &conf["reason"]), (&true.into(), &"alert".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graph_that_is_due_by_the_clock_runs_beside() {
    let project = Project::started().await;
    project.dag("nightly", true);
    project.running().import.read_now().await.unwrap();
    until("the scheduled run", async || project.runs().await.iter().any(|run| run.run_type == "scheduled"))
        .await;
    project.clock.set(Timestamp::parse("2026-01-02").unwrap());
    let_it_look().await;
    assert_eq!(project.runs().await.len(), 1, "once is once");
}
