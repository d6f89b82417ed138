//! Deleting for good: what goes, what stays, and that files follow.

use crate::project::{Project, until};
use mainspring_automation::collect::{Collected, Wanted};
use mainspring_automation::workspaces::{Deletion, delete};
use mainspring_domain::Actor;
use mainspring_domain::tracking::{KeyValue, Metric};
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_metadata_store::WriteTx;
use mainspring_registry::versions::NewVersion;
use mainspring_registry::{RegistryError, models, versions};
use mainspring_tracking::locations::Locations;
use mainspring_tracking::logged_models::{self, NewLoggedModel};
use mainspring_tracking::logging::LoggedMetric;
use mainspring_tracking::runs::NewRun;
use mainspring_tracking::workspaces::{self, WorkspaceChange};
use mainspring_tracking::{TrackingError, experiments, logging, runs};
use std::time::Duration;

async fn track<T: Send + 'static>(
    project: &Project,
    change: impl FnOnce(&mut dyn WriteTx) -> Result<T, TrackingError> + Send + 'static,
) -> T {
    project.store().write(Actor::user("ada"), change).await.unwrap()
}

/// A run with a parameter, a metric, and a file.
async fn run(project: &Project, experiment: i64) -> String {
    let now = mainspring_domain::Timestamp::from_millis(1);
    let id = track(project, move |tx| {
        let run = runs::create(tx, NewRun { experiment, ..NewRun::default() })?;
        let param = KeyValue { key: "p".into(), value: "1".into() };
        logging::log_param(tx, &run.info.id, param)?;
        let metric = Metric { key: "m".into(), value: 1.0, timestamp: now, step: 0 };
        let logged = LoggedMetric { metric, model_id: None, dataset_name: None, dataset_digest: None };
        logging::log_metric(tx, &run.info.id, logged)?;
        Ok(run.info.id)
    })
    .await;
    project.artifact(&format!("{experiment}/{id}/artifacts/model.txt"));
    id
}

async fn experiment(project: &Project, name: &'static str) -> i64 {
    track(project, move |tx| experiments::create(tx, &Locations::default(), name, None, Vec::new())).await
}

async fn collect(project: &Project, wanted: Wanted) -> Collected {
    project.running().collector.collect(&Actor::user("ada"), wanted).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_runs_go_with_their_files_and_others_stay() {
    let project = Project::started().await;
    let one = experiment(&project, "one").await;
    let (gone, old, kept) = (run(&project, one).await, run(&project, one).await, run(&project, one).await);
    let id = old.clone();
    track(&project, move |tx| runs::delete(tx, &id)).await;
    project.clock.advance(Duration::from_secs(3600));
    let id = gone.clone();
    track(&project, move |tx| runs::delete(tx, &id)).await;
    let hour = Wanted { older_than: Duration::from_secs(1800), ..Wanted::default() };
    let preview = project.running().collector.preview(hour.clone()).await.unwrap();
    assert_eq!(preview.runs, std::slice::from_ref(&old));
    assert!(project.has_artifact(&format!("{one}/{old}")), "a preview removes nothing");
    let collected = collect(&project, hour.clone()).await;
    assert_eq!((&collected.runs, collected.kept.len()), (&vec![old.clone()], 0));
    until("the files to go", async || !project.has_artifact(&format!("{one}/{old}"))).await;
    assert!(project.has_artifact(&format!("{one}/{gone}/artifacts/model.txt")));
    // Named ones must be deleted, and long enough ago.
    for (id, why) in [(&kept, "not in `deleted` lifecycle stage"), (&gone, "not older than")] {
        let wanted = Wanted { runs: Some(vec![id.clone()]), ..hour.clone() };
        let refused = project.running().collector.collect(&Actor::user("ada"), wanted).await;
        assert!(refused.unwrap_err().to_string().contains(why));
    }
    assert_eq!(collect(&project, Wanted::default()).await.runs, std::slice::from_ref(&gone));
    let (id, other) = (gone.clone(), kept.clone());
    let left = project.read(move |tx| Ok((tx.run(&id)?, tx.run(&other)?))).await;
    assert!(left.0.is_none() && left.1.is_some_and(|run| run.metrics.len() == 1));
    assert_eq!(project.events("run.purged").await.len(), 2);
    until("all files to go", async || project.read(|tx| tx.count_artifact_garbage()).await == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_experiment_goes_with_all_that_is_in_it_unless_a_version_comes_from_it() {
    let mut project = Project::started().await;
    let (one, two) = (experiment(&project, "one").await, experiment(&project, "two").await);
    let (first, second) = (run(&project, one).await, run(&project, two).await);
    let source_run = Some(first.clone());
    let model = track(&project, move |tx| {
        let new = NewLoggedModel { experiment: one, source_run, ..NewLoggedModel::default() };
        logged_models::create(tx, new)
    })
    .await;
    project.artifact(&format!("{one}/models/{}/artifacts/MLmodel", model.id));
    let run_id = Some(second.clone());
    let source = format!("runs:/{second}/model");
    let registered: Result<_, RegistryError> = project
        .store()
        .write(Actor::user("ada"), move |tx| {
            models::create(tx, "m", "", Vec::new())?;
            versions::create(tx, NewVersion { name: "m".into(), source, run_id, ..NewVersion::default() })
        })
        .await;
    registered.unwrap();
    for id in [one, two] {
        track(&project, move |tx| experiments::delete(tx, id)).await;
    }
    let named = Wanted { experiments: Some(vec![one, two]), ..Wanted::default() };
    let collected = collect(&project, named).await;
    assert_eq!(collected.experiments, [one]);
    assert_eq!((&collected.runs, &collected.logged_models), (&vec![first], &vec![model.id]));
    let kept: Vec<&str> = collected.kept.iter().map(|kept| kept.reason.as_str()).collect();
    assert_eq!(kept, ["something in it stays", "version 1 of model `m` comes from it"]);
    until("the files to go", async || !project.has_artifact(&one.to_string())).await;
    assert!(project.has_artifact(&format!("{two}/{second}/artifacts/model.txt")));
    // What could not be removed before a crash is removed after it.
    project.write(Actor::system("test"), |tx| tx.add_artifact_garbage("9/lost")).await;
    project.artifact("9/lost/artifacts/x");
    project.restart().await;
    until("the lost files to go", async || !project.has_artifact("9/lost")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_workspace_is_collected_at_a_time_unless_all_are_meant() {
    let project = Project::started().await;
    let team = WorkspaceName::parse("team-a").unwrap();
    track(&project, |tx| workspaces::create(tx, "team-a", WorkspaceChange::default()).map(drop)).await;
    let here = experiment(&project, "flights").await;
    let create =
        |tx: &mut dyn WriteTx| experiments::create(tx, &Locations::default(), "flights", None, Vec::new());
    let there = project.store().within(team.clone()).write(Actor::user("ada"), create).await.unwrap();
    let (ours, theirs) = (run(&project, here).await, run(&project, there).await);
    project.artifact(&format!("workspaces/team-a/{there}/{theirs}/artifacts/model.txt"));
    track(&project, move |tx| experiments::delete(tx, here)).await;
    let gone = team.clone();
    let cascade = move |tx: &mut dyn WriteTx| delete(tx, &gone, Deletion::Cascade);
    project.store().write(Actor::user("ada"), cascade).await.unwrap();
    let wanted = |workspace: WorkspaceName| Wanted { workspace: Some(workspace), ..Wanted::default() };
    let none = project.running().collector.collect(&Actor::user("ada"), wanted(team)).await;
    assert_eq!(none.unwrap_err().to_string(), "Workspace 'team-a' not found");
    let ours_gone = collect(&project, wanted(WorkspaceName::default())).await;
    assert_eq!((&ours_gone.runs, &ours_gone.experiments), (&vec![ours], &vec![here]));
    let all = collect(&project, Wanted::default()).await;
    assert_eq!((&all.runs, &all.experiments), (&vec![theirs], &vec![there]));
    let folder = format!("workspaces/team-a/{there}");
    until("the files of the deleted workspace to go", async || !project.has_artifact(&folder)).await;
}
