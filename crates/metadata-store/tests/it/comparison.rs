//! Many runs side by side.

use crate::{actor, on_both};
use mainspring_domain::events::Record;
use mainspring_domain::tracking::{KeyValue, Lifecycle, Metric, RunInfo, RunStatus};
use mainspring_domain::{Actor, Timestamp};
use mainspring_metadata_store::Result;
use mainspring_metadata_store::traits::comparison::{Axis, Cells, Texts};
use mainspring_test_support::TempStore;

on_both! {
    cells_are_visited_once_each_within_bounds
    histories_tell_their_extent_and_their_points
    experiments_tell_what_goes_on
}

fn pair(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.into(), value: value.into() }
}

fn point(key: &str, step: i64, time: i64, value: f64) -> Metric {
    Metric { key: key.into(), value, timestamp: Timestamp::from_millis(time), step }
}

/// Runs `r0` to `r2`. The first two have `lr`, the first also `model`; `auc` of the second is NaN,
/// `loss` of the first goes backwards in time.
async fn fill(world: &TempStore) {
    world
        .store()
        .write(actor(), |tx| {
            for number in 0..3_i64 {
                let status = if number == 0 { RunStatus::Running } else { RunStatus::Finished };
                tx.insert_run(&RunInfo {
                    id: format!("r{number}"),
                    experiment: 0,
                    name: String::new(),
                    user: String::new(),
                    status,
                    start: Timestamp::from_millis(number),
                    end: None,
                    lifecycle: if number == 2 { Lifecycle::Deleted } else { Lifecycle::Active },
                    artifact_uri: String::new(),
                    created_by: Actor::user("test"),
                })?;
            }
            tx.insert_param("r0", &pair("lr", "0.1"))?;
            tx.insert_param("r0", &pair("model", "gradient boösting"))?;
            tx.insert_param("r1", &pair("lr", "0.2"))?;
            tx.set_run_tags("r1", &[pair("team", "risk")])?;
            let loss = [point("loss", 0, 30, 3.0), point("loss", 1, 20, 2.0), point("loss", 5, 10, 1.0)];
            tx.insert_metric_points("r0", &loss)?;
            tx.raise_latest_metrics("r0", &[&loss[2]])?;
            let auc = point("auc", 0, 1, f64::NAN);
            tx.insert_metric_points("r1", std::slice::from_ref(&auc))?;
            tx.raise_latest_metrics("r1", &[&auc])?;
            tx.record(Record::new("run.created", "run:all"))?;
            Result::Ok(())
        })
        .await
        .unwrap();
}

async fn cells_are_visited_once_each_within_bounds(world: TempStore) {
    fill(&world).await;
    let store = world.store();
    let read = store.read(|tx| {
        let ids = ["r1".to_owned(), "r0".to_owned(), "nobody".to_owned()];
        let mut rows = tx.run_rows(&ids)?;
        rows.sort_by_key(|row| row.num);
        assert_eq!(rows.iter().map(|row| row.info.id.as_str()).collect::<Vec<_>>(), ["r0", "r1"]);
        let runs: Vec<i64> = rows.iter().map(|row| row.num).collect();
        let texts = |texts, keys: Option<&[String]>, chars, limit| {
            let mut seen = Vec::new();
            let cells = Cells { runs: &runs, keys, limit };
            tx.each_text(&cells, texts, chars, &mut |run, key, value| {
                seen.push(format!("{}{key}={value}", usize::from(run == runs[1])));
            })?;
            seen.sort();
            Result::Ok(seen)
        };
        assert_eq!(texts(Texts::Params, None, 11, 9)?, ["0lr=0.1", "0model=gradient bo", "1lr=0.2"]);
        assert_eq!(texts(Texts::Params, Some(&["lr".into()]), 9, 9)?, ["0lr=0.1", "1lr=0.2"]);
        assert_eq!(texts(Texts::Params, None, 9, 2)?.len(), 2);
        assert_eq!(texts(Texts::Tags, None, 9, 9)?, ["1team=risk"]);
        let mut metrics = Vec::new();
        let cells = Cells { runs: &runs, keys: None, limit: 9 };
        tx.each_latest_metric(&cells, &mut |run, key, step, value| {
            metrics.push(format!("{}{key}@{step}={value}", usize::from(run == runs[1])));
        })?;
        metrics.sort();
        assert_eq!(metrics, ["0loss@5=1", "1auc@0=NaN"]);
        Result::Ok(())
    });
    read.await.unwrap();
}

async fn histories_tell_their_extent_and_their_points(world: TempStore) {
    fill(&world).await;
    let store = world.store();
    let read = store.read(|tx| {
        let rows = tx.run_rows(&["r0".to_owned(), "r1".to_owned()])?;
        let runs: Vec<i64> = rows.iter().map(|row| row.num).collect();
        let keys = ["loss".to_owned(), "auc".to_owned(), "nothing".to_owned()];
        let mut metrics = Vec::new();
        for (axis, low, high) in [(Axis::Step, 0, 5), (Axis::Time, 10, 30)] {
            let extents = tx.history_extents(&runs, &keys, axis)?;
            assert_eq!(extents.len(), 2);
            let loss = extents.iter().find(|extent| extent.key == "loss").unwrap();
            assert_eq!((loss.points, loss.low, loss.high), (3, low, high));
            metrics = extents.iter().map(|extent| extent.metric).collect();
        }
        let mut points = Vec::new();
        tx.each_history_point(&runs, &metrics, &mut |point| {
            points.push(format!("{}@{}={}", point.step, point.time, point.value));
        })?;
        points.sort();
        assert_eq!(points, ["0@1=NaN", "0@30=3", "1@20=2", "5@10=1"]);
        Result::Ok(())
    });
    read.await.unwrap();
}

async fn experiments_tell_what_goes_on(world: TempStore) {
    fill(&world).await;
    let activity = world.store().read(|tx| tx.experiment_activity()).await.unwrap();
    let one = activity[0];
    assert_eq!((activity.len(), one.experiment, one.runs, one.running), (1, 0, 2, 1));
    assert_eq!(one.last_start, Timestamp::from_millis(1));
}
