//! Experiments, runs, what is logged to them, and logged models.

use crate::{add, at, change, on_both, pair, read, run_info};
use mainspring_domain::tracking::{
    DatasetInput, Lifecycle, LoggedModel, LoggedModelStatus, Metric, ModelOutput, RunStatus,
};
use mainspring_metadata_store::traits::ModelMetric;
use mainspring_test_support::TempStore;

on_both! {
    experiments_are_kept_and_found
    a_run_is_kept_with_all_that_is_logged_to_it
    points_come_in_order_and_only_once
    the_latest_point_is_the_last_by_step_time_and_value
    every_number_comes_back_as_it_was
    logged_models_are_kept_with_their_latest_points
    samples_keep_the_first_and_the_last_point
}

fn point(key: &str, step: i64, millis: i64, value: f64) -> Metric {
    Metric { key: key.into(), value, timestamp: at(millis), step }
}

async fn experiments_are_kept_and_found(world: TempStore) {
    let store = world.store();
    let (first, second) = change(&store, |tx| {
        let first = add(tx, "first")?;
        tx.set_experiment_tag(first, &pair("b", "1"))?;
        tx.set_experiment_tag(first, &pair("a", "ü"))?;
        tx.set_experiment_tag(first, &pair("b", "2"))?;
        Ok((first, add(tx, "second")?))
    })
    .await;
    assert!(second > first && first > 0);
    let found = read(&store, move |tx| tx.experiment(first)).await.unwrap();
    assert_eq!(found.tags, [pair("a", "ü"), pair("b", "2")], "by key, the last value");
    assert_eq!(read(&store, |tx| tx.experiment_by_name("Default")).await.unwrap().id, 0);
    let mut renamed = found.clone();
    renamed.name = "renamed".into();
    renamed.lifecycle = Lifecycle::Deleted;
    renamed.updated = at(99);
    let (written, expected) = (renamed.clone(), renamed.clone());
    let had = change(&store, move |tx| {
        tx.update_experiment(&written)?;
        Ok((tx.delete_experiment_tag(first, "b")?, tx.delete_experiment_tag(first, "b")?))
    })
    .await;
    assert_eq!(had, (true, false));
    let found = read(&store, |tx| tx.experiment_by_name("renamed")).await.unwrap();
    assert_eq!(
        (found.lifecycle, found.updated, found.tags),
        (Lifecycle::Deleted, at(99), vec![pair("a", "ü")])
    );
    assert_eq!(found.id, expected.id);
    let again = store.write(crate::actor(), |tx| crate::add_recorded(tx, "second")).await;
    assert!(again.is_err(), "a name is taken once");
}

async fn a_run_is_kept_with_all_that_is_logged_to_it(world: TempStore) {
    let store = world.store();
    let input = DatasetInput {
        name: "flights".into(),
        digest: "d1".into(),
        source_type: "local".into(),
        source: "{}".into(),
        schema: Some("{\"a\": 1}".into()),
        profile: None,
        tags: vec![pair("mlflow.data.context", "train")],
    };
    let logged = input.clone();
    change(&store, move |tx| {
        let info = run_info("r");
        tx.insert_run(&info)?;
        tx.set_run_tags("r", &[pair("z", "1"), pair("a", "line\nbreak"), pair("z", "2")])?;
        tx.insert_param("r", &pair("lr", "0.1"))?;
        tx.insert_param("r", &pair("Depth", "3"))?;
        tx.insert_metric_points("r", &[point("auc", 0, 5, 0.5), point("loss", 1, 6, 1.5)])?;
        tx.raise_latest_metrics("r", &[&point("auc", 0, 5, 0.5), &point("loss", 1, 6, 1.5)])?;
        tx.insert_inputs(&info, &[logged.clone(), logged])?;
        tx.insert_model_inputs("r", &["m-2".into(), "m-1".into(), "m-2".into()])?;
        let output = ModelOutput { model_id: "m-3".into(), step: 4 };
        tx.insert_outputs("r", &[output.clone(), output])
    })
    .await;
    let run = read(&store, |tx| tx.run("r")).await.unwrap();
    assert_eq!(run.info, run_info("r"));
    assert_eq!(run.tags, [pair("a", "line\nbreak"), pair("z", "2")]);
    assert_eq!(run.params, [pair("Depth", "3"), pair("lr", "0.1")], "capital letters first");
    assert_eq!(run.metrics, [point("auc", 0, 5, 0.5), point("loss", 1, 6, 1.5)]);
    assert_eq!(run.inputs, [input]);
    assert_eq!(run.outputs, [ModelOutput { model_id: "m-3".into(), step: 4 }]);
    assert_eq!(read(&store, |tx| tx.model_inputs("r")).await, ["m-1", "m-2"]);
    assert_eq!(read(&store, |tx| tx.param("r", "lr")).await.as_deref(), Some("0.1"));
    assert_eq!(read(&store, |tx| tx.run_tag("r", "none")).await, None);
    assert_eq!(read(&store, |tx| tx.run("other")).await, None);
    let summaries = read(&store, |tx| tx.dataset_summaries(&[0], 10)).await;
    assert_eq!(summaries.len(), 1);
    assert_eq!((summaries[0].name.as_str(), summaries[0].context.as_deref()), ("flights", Some("train")));
    let (changed, again, gone) = change(&store, |tx| {
        let mut info = run_info("r");
        info.status = RunStatus::Killed;
        info.end = Some(at(2000));
        tx.update_run(&info)?;
        let changed = tx.set_lifecycle_with_experiment(0, Lifecycle::Deleted)?;
        let again = tx.set_lifecycle_with_experiment(0, Lifecycle::Deleted)?;
        Ok((changed, again, tx.delete_run_tag("r", "z")?))
    })
    .await;
    assert_eq!((changed, again, gone), (1, 0, true));
    let info = read(&store, |tx| tx.run_info("r")).await.unwrap();
    assert_eq!(
        (info.status, info.end, info.lifecycle),
        (RunStatus::Killed, Some(at(2000)), Lifecycle::Deleted)
    );
    let twice = store.write(crate::actor(), |tx| tx.insert_param("r", &pair("lr", "0.2"))).await;
    assert!(twice.is_err(), "a parameter is written once");
}

async fn points_come_in_order_and_only_once(world: TempStore) {
    let store = world.store();
    let added = change(&store, |tx| {
        tx.insert_run(&run_info("r"))?;
        let points: Vec<Metric> = (0..700).rev().map(|step| point("x", step, 10 - step, 0.5)).collect();
        let first = tx.insert_metric_points("r", &points)?;
        Ok((first, tx.insert_metric_points("r", &points)?, tx.insert_metric_points("r", &[])?))
    })
    .await;
    assert_eq!(added, (700, 0, 0));
    let all = read(&store, |tx| tx.metric_history("r", "x", 1000, 0)).await;
    assert!(all.len() == 700 && all.windows(2).all(|pair| pair[0].step + 1 == pair[1].step));
    let page = read(&store, |tx| tx.metric_history("r", "x", 2, 698)).await;
    assert_eq!(page, [point("x", 698, -688, 0.5), point("x", 699, -689, 0.5)]);
    assert_eq!(read(&store, |tx| tx.metric_history("r", "y", 10, 0)).await, []);
}

async fn the_latest_point_is_the_last_by_step_time_and_value(world: TempStore) {
    let store = world.store();
    let rising = [point("x", 2, 5, 1.0), point("x", 1, 9, 9.0), point("x", 2, 5, 3.0), point("x", 2, 4, 9.0)];
    change(&store, move |tx| {
        tx.insert_run(&run_info("r"))?;
        tx.insert_metric_points("r", &rising)?;
        tx.raise_latest_metrics("r", &rising.iter().collect::<Vec<_>>())
    })
    .await;
    let run = read(&store, |tx| tx.run("r")).await.unwrap();
    assert_eq!(run.metrics, [point("x", 2, 5, 3.0)]);
}

async fn every_number_comes_back_as_it_was(world: TempStore) {
    let store = world.store();
    let values =
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, 5e-324, -1.25, f64::MAX, 0.1];
    change(&store, move |tx| {
        tx.insert_run(&run_info("r"))?;
        let numbered = values.into_iter().zip((0..8).map(|index| i64::MAX - 7 + index));
        let points: Vec<Metric> =
            numbered.map(|(value, step)| point("x", step, i64::MIN + 1, value)).collect();
        tx.insert_metric_points("r", &points)?;
        tx.raise_latest_metrics("r", &[&points[0]])
    })
    .await;
    let found = read(&store, |tx| tx.metric_history("r", "x", 10, 0)).await;
    for (found, value) in found.iter().zip(values) {
        assert!(
            found.value.to_bits() == value.to_bits() || found.value.is_nan() && value.is_nan(),
            "{value}"
        );
    }
    assert_eq!((found[7].step, found[7].timestamp), (i64::MAX, at(i64::MIN + 1)));
    let latest = read(&store, |tx| tx.run("r")).await.unwrap();
    assert!(latest.metrics[0].value.is_nan());
}

async fn logged_models_are_kept_with_their_latest_points(world: TempStore) {
    let store = world.store();
    let model = LoggedModel {
        id: "m-1".into(),
        experiment: 0,
        name: "model".into(),
        created: at(1),
        updated: at(2),
        artifact_uri: "mlflow-artifacts:/0/models/m-1".into(),
        status: LoggedModelStatus::Pending,
        model_type: "Agent".into(),
        source_run: Some("r".into()),
        lifecycle: Lifecycle::Active,
        params: vec![pair("a", "1")],
        tags: vec![pair("t", "x"), pair("u", "y")],
    };
    let measured = |step, value, dataset: Option<&str>| ModelMetric {
        model_id: "m-1".into(),
        run_id: "r".into(),
        metric: point("auc", step, 1, value),
        dataset_name: dataset.map(str::to_owned),
        dataset_digest: dataset.map(|_| "d".to_owned()),
    };
    let mut expected = model.clone();
    let found = change(&store, move |tx| {
        tx.insert_logged_model(&model)?;
        tx.insert_model_metrics(&[
            measured(0, 0.1, Some("test")),
            measured(1, f64::INFINITY, Some("test")),
            measured(1, 0.9, Some("test")),
            measured(2, 0.2, None),
        ])?;
        tx.insert_logged_model_param("m-1", &pair("b", "2"))?;
        tx.set_logged_model_tags("m-1", &[pair("t", "z")])?;
        tx.delete_logged_model_tag("m-1", "u")?;
        tx.update_logged_model(&LoggedModel { status: LoggedModelStatus::Ready, updated: at(9), ..model })?;
        tx.logged_model("m-1")
    })
    .await;
    expected.params = vec![pair("a", "1"), pair("b", "2")];
    expected.tags = vec![pair("t", "z")];
    expected.status = LoggedModelStatus::Ready;
    expected.updated = at(9);
    assert_eq!(found, Some(expected));
    let mut points = read(&store, |tx| tx.model_metrics(&["m-1".into(), "m-2".into()])).await;
    points.sort_by_key(|point| point.metric.step);
    let seen: Vec<(i64, f64, Option<&str>)> = points
        .iter()
        .map(|point| (point.metric.step, point.metric.value, point.dataset_name.as_deref()))
        .collect();
    assert_eq!(seen, [(1, f64::INFINITY, Some("test")), (2, 0.2, None)]);
}

async fn samples_keep_the_first_and_the_last_point(world: TempStore) {
    let store = world.store();
    change(&store, |tx| {
        tx.insert_run(&run_info("r"))?;
        let points: Vec<Metric> = (0..1000).map(|step| point("x", step, step, 1.0)).collect();
        tx.insert_metric_points("r", &points)
    })
    .await;
    let sample = read(&store, |tx| tx.sample_metric_history("r", "x", None, 10)).await;
    assert_eq!((sample.len(), sample[0].step, sample[9].step), (10, 0, 999));
    let part = read(&store, |tx| tx.sample_metric_history("r", "x", Some((10, 14)), 100)).await;
    assert_eq!(part.iter().map(|point| point.step).collect::<Vec<_>>(), [10, 11, 12, 13, 14]);
}
