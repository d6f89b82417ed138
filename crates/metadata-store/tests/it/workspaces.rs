//! Workspaces: a transaction within one sees nothing of the others.

use crate::{actor, at, change, on_both, read, run_info};
use mainspring_domain::registry::RegisteredModel;
use mainspring_domain::traces::{TraceInfo, TraceState};
use mainspring_domain::tracking::{Experiment, Lifecycle, LoggedModel, LoggedModelStatus, RunInfo};
use mainspring_domain::workspaces::{Workspace, WorkspaceName};
use mainspring_metadata_store::traits::search::{Search, View};
use mainspring_metadata_store::{Result, Store, WriteTx};
use mainspring_test_support::TempStore;

on_both! {
    workspaces_are_kept_and_written_over
    what_lies_in_another_workspace_is_not_there
    searches_cover_one_workspace
    what_lies_in_a_workspace_can_be_listed_and_moved
    a_name_is_unique_within_its_workspace
    what_is_buried_is_seen_by_none_until_it_goes
}

fn name(text: &str) -> WorkspaceName {
    WorkspaceName::parse(text).unwrap()
}

fn workspace(text: &str) -> Workspace {
    Workspace {
        name: name(text),
        description: Some("of a team".into()),
        artifact_root: None,
        created: at(1),
        updated: at(1),
    }
}

fn experiment(tx: &mut dyn WriteTx, workspace: &str, name: &str) -> Result<i64> {
    let id = tx.next_experiment_id()?;
    tx.insert_experiment(&Experiment {
        id,
        workspace: self::name(workspace),
        name: name.into(),
        artifact_location: String::new(),
        lifecycle: Lifecycle::Active,
        created: at(id),
        updated: at(id),
        tags: Vec::new(),
    })?;
    Ok(id)
}

fn model(name: &str) -> RegisteredModel {
    RegisteredModel {
        name: name.into(),
        description: String::new(),
        created: at(1),
        updated: at(1),
        tags: Vec::new(),
        aliases: Vec::new(),
    }
}

/// A run, a logged model and a trace in an experiment, all named after it.
fn fill(tx: &mut dyn WriteTx, experiment: i64) -> Result<()> {
    let run = RunInfo { experiment, ..run_info(&format!("r{experiment}")) };
    tx.insert_run(&run)?;
    tx.insert_logged_model(&LoggedModel {
        id: format!("m{experiment}"),
        experiment,
        name: "model".into(),
        created: at(1),
        updated: at(1),
        artifact_uri: String::new(),
        status: LoggedModelStatus::Ready,
        model_type: String::new(),
        source_run: None,
        lifecycle: Lifecycle::Active,
        params: Vec::new(),
        tags: Vec::new(),
    })?;
    tx.insert_trace(&TraceInfo {
        id: format!("t{experiment}"),
        experiment,
        started: at(1),
        duration: None,
        state: TraceState::Ok,
        client_request_id: None,
        request_preview: None,
        response_preview: None,
        metadata: Vec::new(),
        tags: Vec::new(),
        assessments: Vec::new(),
    })
}

/// An experiment of the same name in each of three workspaces, with what belongs to one.
async fn filled(store: &Store) -> [i64; 3] {
    change(store, |tx| {
        tx.insert_workspace(&workspace("team-a"))?;
        tx.insert_workspace(&workspace("team-b"))?;
        let ids = [
            experiment(tx, "default", "flights")?,
            experiment(tx, "team-a", "flights")?,
            experiment(tx, "team-b", "flights")?,
        ];
        ids.into_iter().try_for_each(|id| fill(tx, id))?;
        for name in ["flights", "team-a:flights", "team-a:other", "team-b:flights", "team-ab:flights"] {
            tx.insert_registered_model(&model(name))?;
        }
        Ok(ids)
    })
    .await
}

async fn workspaces_are_kept_and_written_over(world: TempStore) {
    let store = world.store();
    change(&store, |tx| {
        tx.insert_workspace(&workspace("team-a"))?;
        let changed =
            Workspace { artifact_root: Some("s3://a/b".into()), updated: at(2), ..workspace("team-a") };
        tx.update_workspace(&changed)
    })
    .await;
    let all = read(&store, |tx| tx.workspaces()).await;
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["default", "team-a"]);
    let held = read(&store, |tx| tx.workspace(&name("team-a"))).await.unwrap();
    assert_eq!((held.artifact_root.as_deref(), held.updated, held.created), (Some("s3://a/b"), at(2), at(1)));
    change(&store, |tx| tx.delete_workspace(&name("team-a"))).await;
    assert_eq!(read(&store, |tx| tx.workspace(&name("team-a"))).await, None);
}

async fn what_lies_in_another_workspace_is_not_there(world: TempStore) {
    let store = world.store();
    let ids = filled(&store).await;
    for (own, workspace) in ["default", "team-a", "team-b"].into_iter().enumerate() {
        let within = store.within(name(workspace));
        assert_eq!(read(&within, |tx| Ok(tx.within().cloned())).await, Some(name(workspace)));
        let nobody = read(&within, |tx| {
            Ok([
                tx.has_run_out_of_sight("none")?,
                tx.has_logged_model_out_of_sight("none")?,
                tx.has_trace_out_of_sight("none")?,
            ])
        });
        assert_eq!(nobody.await, [false; 3]);
        let known = read(&within, |tx| Ok(tx.qualified("m"))).await;
        assert_eq!(known, if own == 0 { "m".to_owned() } else { format!("{workspace}:m") });
        for (other, id) in ids.into_iter().enumerate() {
            let seen = read(&within, move |tx| {
                let (run, model, trace) = (format!("r{id}"), format!("m{id}"), format!("t{id}"));
                Ok([
                    tx.experiment(id)?.is_some(),
                    tx.run_info(&run)?.is_some(),
                    tx.run(&run)?.is_some(),
                    !tx.run_rows(std::slice::from_ref(&run))?.is_empty(),
                    tx.logged_model(&model)?.is_some(),
                    tx.trace(&trace)?.is_some(),
                    tx.trace_experiment(&trace)?.is_some(),
                    !tx.traces(std::slice::from_ref(&trace))?.is_empty(),
                ])
            })
            .await;
            assert_eq!(seen, [own == other; 8], "{workspace} {id}");
            let out_of_sight = read(&within, move |tx| {
                Ok([
                    tx.has_run_out_of_sight(&format!("r{id}"))?,
                    tx.has_logged_model_out_of_sight(&format!("m{id}"))?,
                    tx.has_trace_out_of_sight(&format!("t{id}"))?,
                ])
            });
            assert_eq!(out_of_sight.await, [own != other; 3], "{workspace} {id}");
        }
        let found = read(&within, |tx| tx.experiment_by_name("flights")).await.unwrap();
        assert_eq!(found.id, ids[own]);
        let prefix = if own == 0 { String::new() } else { format!("{workspace}:") };
        for model in ["flights", "team-a:flights", "team-b:flights"] {
            let seen = read(&within, |tx| Ok(tx.registered_model(model)?.is_some())).await;
            assert_eq!(seen, model == format!("{prefix}flights"), "{workspace} {model}");
        }
    }
    let seen =
        read(&store, move |tx| ids.into_iter().map(|id| tx.experiment(id)).collect::<Result<Vec<_>>>());
    assert!(seen.await.iter().all(Option::is_some), "who is in no workspace sees all");
    let named = read(&store, |tx| tx.experiment_by_name("flights")).await.unwrap();
    assert_eq!(named.workspace, name("default"));
    assert_eq!(read(&store, |tx| Ok(tx.qualified("m"))).await, "m");
    let run = format!("r{}", ids[1]);
    assert!(!read(&store, move |tx| tx.has_run_out_of_sight(&run)).await);
}

async fn searches_cover_one_workspace(world: TempStore) {
    let store = world.store();
    let ids = filled(&store).await;
    let within = store.within(name("team-a"));
    let search = Search { limit: 100, ..Search::default() };
    let (experiments, runs, logged, models) = read(&within, move |tx| {
        Ok((
            tx.search_experiments(View::All, &search)?,
            tx.search_runs(&ids, View::All, &search)?,
            tx.search_logged_models(&ids, &search)?,
            tx.search_registered_models(&search)?,
        ))
    })
    .await;
    assert_eq!(experiments.iter().map(|found| found.id).collect::<Vec<_>>(), [ids[1]]);
    assert_eq!(runs.iter().map(|found| found.info.experiment).collect::<Vec<_>>(), [ids[1]]);
    assert_eq!(logged.iter().map(|found| found.experiment).collect::<Vec<_>>(), [ids[1]]);
    let names: Vec<&str> = models.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["team-a:flights", "team-a:other"]);
    let others = read(&within, move |tx| {
        tx.search_runs(&[ids[0]], View::All, &Search { limit: 9, ..Search::default() })
    });
    assert_eq!(others.await, []);
    let default = store.within(WorkspaceName::default());
    let search = Search { limit: 100, ..Search::default() };
    let models = read(&default, move |tx| tx.search_registered_models(&search)).await;
    assert_eq!(models.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["flights"]);
}

async fn what_lies_in_a_workspace_can_be_listed_and_moved(world: TempStore) {
    let store = world.store();
    let ids = filled(&store).await;
    let contents = read(&store, |tx| tx.workspace_contents(&name("team-a"))).await;
    assert_eq!(contents.experiments, [ids[1]]);
    assert_eq!(contents.models, ["team-a:flights", "team-a:other"]);
    let contents = read(&store, |tx| tx.workspace_contents(&WorkspaceName::default())).await;
    assert_eq!(contents.models, ["flights"]);
    assert!(contents.experiments.contains(&ids[0]) && !contents.experiments.contains(&ids[1]));
    assert_eq!(read(&store, |tx| tx.experiments_also_in_default(&name("team-a"))).await, ["flights"]);
    let kept = store.write(actor(), |tx| {
        tx.bookkeeping();
        tx.delete_workspace(&name("team-a"))
    });
    assert!(kept.await.is_err(), "a workspace with experiments stays");
    change(&store, move |tx| {
        let mut moved = tx.experiment(ids[1])?.unwrap();
        moved.name = "flights of a".into();
        tx.update_experiment(&moved)?;
        tx.move_into_default(&name("team-a"))?;
        tx.delete_workspace(&name("team-a"))
    })
    .await;
    let default = store.within(WorkspaceName::default());
    assert_eq!(
        read(&default, move |tx| tx.run_info(&format!("r{}", ids[1]))).await.unwrap().experiment,
        ids[1]
    );
}

async fn a_name_is_unique_within_its_workspace(world: TempStore) {
    let store = world.store();
    filled(&store).await;
    for workspace in ["default", "team-a"] {
        let again = store.write(actor(), move |tx| {
            tx.bookkeeping();
            experiment(tx, workspace, "flights")
        });
        assert!(again.await.is_err(), "{workspace}");
    }
}

async fn what_is_buried_is_seen_by_none_until_it_goes(world: TempStore) {
    let store = world.store();
    let ids = filled(&store).await;
    change(&store, move |tx| {
        let buried = tx.experiment(ids[1])?.unwrap();
        tx.update_experiment(&Experiment { lifecycle: Lifecycle::Deleted, ..buried })?;
        tx.bury_experiments(&name("team-a"))?;
        tx.delete_workspace(&name("team-a"))?;
        tx.insert_workspace(&workspace("team-a"))
    })
    .await;
    for workspace in ["default", "team-a"] {
        let within = store.within(name(workspace));
        assert_eq!(read(&within, move |tx| tx.experiment(ids[1])).await, None, "{workspace}");
        assert_eq!(read(&within, |tx| tx.deleted_experiments(at(i64::MAX))).await, [0; 0], "{workspace}");
    }
    assert_eq!(read(&store, |tx| tx.deleted_experiments(at(i64::MAX))).await, [ids[1]]);
    assert_eq!(read(&store, |tx| tx.workspaces()).await.len(), 3);
    let grave = read(&store, move |tx| tx.experiment(ids[1])).await.unwrap().workspace;
    assert!(
        read(&store, {
            let grave = grave.clone();
            move |tx| tx.workspace(&grave)
        })
        .await
        .is_some()
    );
    change(&store, move |tx| tx.purge_experiment(ids[1])).await;
    assert_eq!(read(&store, move |tx| tx.workspace(&grave)).await, None);
}
