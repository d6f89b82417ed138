//! The rules of tracking on a real store.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod compare;
mod traces;
mod wandb;

use mainspring_domain::tracking::{KeyValue, Lifecycle, LoggedModelStatus, Metric, RunStatus};
use mainspring_domain::{Actor, SystemClock, Timestamp};
use mainspring_metadata_store::traits::search::View;
use mainspring_metadata_store::{Backend, ReadTx, Store, WriteTx};
use mainspring_test_support::TempStore;
use mainspring_tracking::locations::Locations;
use mainspring_tracking::logged_models::{self, NewLoggedModel};
use mainspring_tracking::logging::{self, Batch, LoggedMetric};
use mainspring_tracking::runs::{self, NewRun, RunChange};
use mainspring_tracking::search::{self, Query};
use mainspring_tracking::{Result, TrackingError, evaluation, experiments, purge};
use serde_json::json;
use std::sync::Arc;

struct Lab {
    _home: TempStore,
    store: Store,
}

impl Lab {
    fn new() -> Self {
        Self::on(Backend::Sqlite)
    }

    fn on(backend: Backend) -> Self {
        let home = TempStore::on(backend, Arc::new(SystemClock));
        Self { store: home.store(), _home: home }
    }

    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut dyn WriteTx) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.store.write(Actor::task("dag", "run", "train", 2), change).await
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&dyn ReadTx) -> Result<T> + Send + 'static,
    ) -> T {
        self.store.read(query).await.unwrap()
    }

    async fn run(&self) -> String {
        self.write(|tx| runs::create(tx, NewRun::default())).await.unwrap().info.id
    }

    async fn log(&self, run: &str, batch: Batch) -> Result<()> {
        let run = run.to_owned();
        self.write(move |tx| logging::log_batch(tx, &run, batch)).await
    }

    async fn actions(&self) -> Vec<String> {
        let events = self.store.read(|tx| tx.outbox_after(0, 100)).await.unwrap();
        events.into_iter().map(|event| event.action).collect()
    }
}

fn pair(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.into(), value: value.into() }
}

fn metric(key: &str, value: f64, timestamp: i64, step: i64) -> LoggedMetric {
    LoggedMetric {
        metric: Metric { key: key.into(), value, timestamp: Timestamp::from_millis(timestamp), step },
        model_id: None,
        dataset_name: None,
        dataset_digest: None,
    }
}

fn params(pairs: &[(&str, &str)]) -> Batch {
    Batch { params: pairs.iter().map(|(key, value)| pair(key, value)).collect(), ..Batch::default() }
}

#[tokio::test]
async fn an_experiment_lives_is_deleted_with_its_runs_and_comes_back() {
    let lab = Lab::new();
    let id = lab
        .write(|tx| experiments::create(tx, &Locations::default(), "e", None, vec![pair("a", "b")]))
        .await
        .unwrap();
    assert_eq!(id, 1);
    let new = NewRun { experiment: id, ..NewRun::default() };
    let run = lab.write(|tx| runs::create(tx, new)).await.unwrap();
    assert_eq!(run.info.artifact_uri, format!("mlflow-artifacts:/1/{}/artifacts", run.info.id));
    lab.write(move |tx| experiments::delete(tx, id)).await.unwrap();
    let taken = lab
        .write(|tx| experiments::create(tx, &Locations::default(), "e", None, vec![]))
        .await
        .unwrap_err()
        .to_string();
    assert!(taken.contains("already exists") && taken.contains("restore it"), "{taken}");
    let refused = lab.write(move |tx| runs::create(tx, NewRun { experiment: id, ..NewRun::default() })).await;
    assert!(matches!(refused, Err(TrackingError::NotActive { .. })));
    let run_id = run.info.id.clone();
    assert_eq!(lab.read(move |tx| runs::info(tx, &run_id)).await.lifecycle, Lifecycle::Deleted);
    lab.write(move |tx| experiments::restore(tx, id)).await.unwrap();
    let run_id = run.info.id.clone();
    assert_eq!(lab.read(move |tx| runs::info(tx, &run_id)).await.lifecycle, Lifecycle::Active);
    let expected = ["experiment.created", "run.created", "experiment.deleted", "experiment.restored"];
    assert_eq!(lab.actions().await, expected);
}

#[tokio::test]
async fn an_experiment_brings_back_exactly_the_runs_that_went_with_it() {
    let lab = Lab::new();
    let id = lab.write(|tx| experiments::create(tx, &Locations::default(), "e", None, vec![])).await.unwrap();
    let run = || lab.write(move |tx| runs::create(tx, NewRun { experiment: id, ..NewRun::default() }));
    let (before, with, single) =
        (run().await.unwrap().info.id, run().await.unwrap().info.id, run().await.unwrap().info.id);
    let logged = Batch { metrics: vec![metric("m", 1.0, 1, 0)], ..params(&[("p", "1")]) };
    lab.log(&with, logged).await.unwrap();
    let whole = with.clone();
    let logged = lab.read(move |tx| runs::get(tx, &whole)).await;
    let gone = before.clone();
    lab.write(move |tx| runs::delete(tx, &gone)).await.unwrap();
    lab.write(move |tx| experiments::delete(tx, id)).await.unwrap();
    // One comes back by itself, and goes by itself.
    let one = single.clone();
    lab.write(move |tx| runs::restore(tx, &one)).await.unwrap();
    let one = single.clone();
    lab.write(move |tx| runs::delete(tx, &one)).await.unwrap();
    lab.write(move |tx| experiments::restore(tx, id)).await.unwrap();
    let state = async |run: &String| {
        let run = run.clone();
        lab.read(move |tx| runs::info(tx, &run)).await.lifecycle
    };
    assert_eq!(state(&before).await, Lifecycle::Deleted, "it was deleted before");
    assert_eq!(state(&single).await, Lifecycle::Deleted, "it was deleted by itself");
    let whole = with.clone();
    assert_eq!(lab.read(move |tx| runs::get(tx, &whole)).await, logged, "with all it had");
}

#[tokio::test]
async fn only_what_is_deleted_goes_for_good() {
    let lab = Lab::new();
    let id = lab.write(|tx| experiments::create(tx, &Locations::default(), "e", None, vec![])).await.unwrap();
    let run = lab.write(move |tx| runs::create(tx, NewRun { experiment: id, ..NewRun::default() })).await;
    let run = run.unwrap().info.id;
    let purge = async |run: &String| {
        let run = run.clone();
        lab.write(move |tx| purge::run(tx, &run)).await.map(|run| run.id)
    };
    assert!(purge(&run).await.unwrap_err().to_string().contains("not in `deleted` lifecycle stage"));
    assert!(lab.write(move |tx| purge::experiment(tx, id)).await.is_err());
    lab.write(move |tx| experiments::delete(tx, id)).await.unwrap();
    let left = lab.write(move |tx| purge::experiment(tx, id)).await.unwrap_err();
    assert!(left.to_string().contains("still has 1"), "{left}");
    assert_eq!(purge(&run).await.unwrap(), run);
    lab.write(move |tx| purge::experiment(tx, id)).await.unwrap();
    assert!(matches!(purge(&run).await, Err(TrackingError::NoRun(_))));
    lab.write(|tx| experiments::delete(tx, 0)).await.unwrap();
    assert!(lab.write(|tx| purge::experiment(tx, 0)).await.is_err(), "the default experiment stays");
    let next =
        lab.write(|tx| experiments::create(tx, &Locations::default(), "e", None, vec![])).await.unwrap();
    assert!(next > id, "an id is never given twice");
}

#[tokio::test]
async fn records_for_evaluation_are_known_by_their_inputs() {
    let lab = Lab::new();
    let made = lab.write(|tx| evaluation::create(tx, "d", vec![pair("mlflow.user", "ada")], vec![0])).await;
    let made = made.unwrap();
    assert_eq!((made.experiments.as_slice(), made.created_by.as_deref()), (&[0][..], Some("ada")));
    let upsert = async |records: serde_json::Value| {
        let id = made.id.clone();
        let records = records.as_array().unwrap().clone();
        lab.write(move |tx| evaluation::upsert_records(tx, &id, &records)).await
    };
    let two = json!([
        { "inputs": { "q": "a", "n": 1 }, "expectations": { "x": 1 }, "tags": { "t": "1" },
          "source": { "source_type": "trace", "source_data": { "trace_id": "tr-1" } } },
        { "inputs": { "q": "b" } },
    ]);
    assert_eq!(upsert(two).await.unwrap(), (2, 0));
    let again = json!([
        { "inputs": { "n": 1, "q": "a" }, "expectations": { "y": 2 }, "outputs": "text" },
        { "inputs": { "q": "c" } },
    ]);
    assert_eq!(upsert(again).await.unwrap(), (1, 1));
    let id = made.id.clone();
    let (dataset, records) =
        lab.read(move |tx| Ok((evaluation::get(tx, &id)?, evaluation::records(tx, &id, None, 10)?))).await;
    assert_ne!(dataset.digest, "");
    assert_eq!(dataset.profile.as_deref(), Some("{\"num_records\":3}"));
    let first = records.iter().find(|record| record.inputs["q"] == "a").unwrap();
    assert_eq!(json!(first.expectations), json!({ "x": 1, "y": 2 }));
    assert_eq!((first.outputs.clone(), json!(first.tags)), (Some(json!("text")), json!({ "t": "1" })));
    assert_eq!(first.source.as_ref().unwrap().id(), Some("tr-1"));
    let (id, after) = (made.id.clone(), records[0].clone());
    let rest = lab.read(move |tx| evaluation::records(tx, &id, Some((after.created, &after.id)), 10)).await;
    assert_eq!(rest, records[1..]);
    for odd in
        [json!([1]), json!([{ "inputs": 1 }]), json!([{ "inputs": {}, "source": { "source_type": "X" } }])]
    {
        assert!(matches!(upsert(odd).await, Err(TrackingError::Invalid(_))));
    }
    let unknown = lab.write(|tx| evaluation::create(tx, "d", vec![], vec![99])).await;
    assert!(matches!(unknown, Err(TrackingError::NoExperiment(99))));
}

#[tokio::test]
async fn a_run_is_linked_to_the_task_attempt_that_made_it() {
    let lab = Lab::new();
    let id = lab.run().await;
    let run = lab.read(move |tx| runs::get(tx, &id)).await;
    assert_eq!(run.info.created_by.as_task(), Some(("dag", "run", "train", 2)));
    assert_eq!(run.tags, [pair("mlflow.runName", &run.info.name)]);
}

#[tokio::test]
async fn name_and_name_tag_stay_equal() {
    let lab = Lab::new();
    let id = lab.run().await;
    let run = id.clone();
    lab.write(move |tx| runs::set_tag(tx, &run, pair("mlflow.runName", "by tag"))).await.unwrap();
    let run = id.clone();
    assert_eq!(lab.read(move |tx| runs::info(tx, &run)).await.name, "by tag");
    let change = RunChange {
        name: Some("by name".into()),
        status: Some(RunStatus::Finished),
        end: Some(Timestamp::from_millis(5)),
    };
    let run = id.clone();
    lab.write(move |tx| runs::update(tx, &run, change)).await.unwrap();
    let run = lab.read(move |tx| runs::get(tx, &id)).await;
    assert_eq!(run.tags, [pair("mlflow.runName", "by name")]);
    assert_eq!((run.info.status, run.info.end), (RunStatus::Finished, Some(Timestamp::from_millis(5))));
    let clash = NewRun { name: "a".into(), tags: vec![pair("mlflow.runName", "b")], ..NewRun::default() };
    let error = lab.write(|tx| runs::create(tx, clash)).await.unwrap_err();
    assert!(error.to_string().contains("different values"), "{error}");
}

#[tokio::test]
async fn a_parameter_never_changes_and_a_refused_batch_leaves_nothing() {
    let lab = Lab::new();
    let run = lab.run().await;
    lab.log(&run, params(&[("p", "1")])).await.unwrap();
    lab.log(&run, params(&[("p", "1")])).await.unwrap();
    let error = lab.log(&run, params(&[("q", "1"), ("p", "2")])).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "Changing param values is not allowed. Param with key='p' was already logged with value='1' for \
             run ID='{run}'. Attempted logging new value '2'."
        )
    );
    let error = lab.log(&run, params(&[("d", "1"), ("d", "1")])).await.unwrap_err();
    assert!(error.to_string().starts_with("Duplicate parameter keys have been submitted: ['d']"), "{error}");
    let logged = lab.read(move |tx| runs::get(tx, &run)).await;
    assert_eq!(logged.params, [pair("p", "1")]);
    // Saying the same again changed nothing, so nothing is told of it.
    assert_eq!(lab.actions().await, ["run.created", "run.logged"]);
}

#[tokio::test]
async fn points_are_kept_once_and_the_latest_goes_by_step_time_and_value() {
    let lab = Lab::new();
    let run = lab.run().await;
    let metrics = vec![
        metric("m", 1.0, 10, 5),
        metric("m", 9.0, 99, 4),
        metric("m", 1.0, 10, 5),
        metric("m", 3.0, 10, 5),
        metric("big", f64::NEG_INFINITY, 0, -1),
        metric("nan", f64::NAN, 0, 0),
    ];
    lab.log(&run, Batch { metrics, ..Batch::default() }).await.unwrap();
    // A later batch with an earlier step does not replace the latest point.
    lab.log(&run, Batch { metrics: vec![metric("m", 7.0, 500, 1)], ..Batch::default() }).await.unwrap();
    let id = run.clone();
    let logged = lab.read(move |tx| runs::get(tx, &id)).await;
    let latest: Vec<_> = logged.metrics.iter().map(|metric| (metric.key.as_str(), metric.value)).collect();
    assert_eq!(latest[..2], [("big", f64::MIN), ("m", 3.0)]);
    assert!(latest[2].1.is_nan());
    let (history, more) = lab.read(move |tx| logging::metric_history(tx, &run, "m", 3, 1)).await;
    let values: Vec<_> = history.iter().map(|point| (point.step, point.value)).collect();
    assert_eq!((values, more), (vec![(4, 9.0), (5, 1.0), (5, 3.0)], false));
}

#[tokio::test]
async fn what_is_too_much_or_badly_named_is_refused() {
    let lab = Lab::new();
    let run = lab.run().await;
    let many = Batch { metrics: vec![metric("m", 0.0, 0, 0); 1001], ..Batch::default() };
    let tags = Batch { tags: vec![pair("../x", "")], ..Batch::default() };
    let early = Batch { metrics: vec![metric("m", 0.0, -1, 0)], ..Batch::default() };
    for (batch, message) in [
        (many, "A batch logging request can contain at most 1000 metrics. Got 1001 metrics."),
        (
            params(&[("a//b", "1")]),
            "Invalid value \"a//b\" for parameter 'params[0].key' supplied: Names may",
        ),
        (params(&[(&"k".repeat(251), "1")]), "'Param key' exceeds the maximum length of 250 characters"),
        (tags, "Invalid value \"../x\" for parameter 'tags[0].key' supplied"),
        (early, "Invalid value -1 for parameter 'metrics[0].timestamp' supplied"),
    ] {
        let error = lab.log(&run, batch).await.unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    lab.log(&run, params(&[("long", &"ü".repeat(6001))])).await.unwrap();
    let logged = lab.read(move |tx| runs::get(tx, &run)).await;
    assert_eq!(logged.params[0].value, "ü".repeat(6000));
}

#[tokio::test]
async fn a_deleted_run_takes_nothing_until_it_is_restored() {
    let lab = Lab::new();
    let run = lab.run().await;
    let id = run.clone();
    lab.write(move |tx| runs::delete(tx, &id)).await.unwrap();
    let error = lab.log(&run, params(&[("p", "1")])).await.unwrap_err();
    let expected = format!("The run {run} must be in the 'active' state. Current state is deleted.");
    assert_eq!(error.to_string(), expected);
    let id = run.clone();
    lab.write(move |tx| runs::restore(tx, &id)).await.unwrap();
    lab.log(&run, params(&[("p", "1")])).await.unwrap();
}

#[tokio::test]
async fn logged_models_are_found_by_name_run_and_metric() {
    let lab = Lab::new();
    let run = lab.run().await;
    let source_run = Some(run.clone());
    let new = NewLoggedModel { name: Some("model".into()), source_run, ..NewLoggedModel::default() };
    let model = lab.write(|tx| logged_models::create(tx, new)).await.unwrap();
    assert_eq!(model.artifact_uri, format!("mlflow-artifacts:/0/models/{}/artifacts", model.id));
    let id = model.id.clone();
    lab.write(move |tx| logged_models::finalize(tx, &id, LoggedModelStatus::Ready)).await.unwrap();
    let mut point = metric("auc", 0.9, 1, 0);
    point.model_id = Some(model.id.clone());
    lab.log(&run, Batch { metrics: vec![point], ..Batch::default() }).await.unwrap();
    for (filter, count) in
        [("name = 'model'", 1), ("name = 'other'", 0), ("metrics.auc > 0.8", 1), ("metrics.auc > 0.95", 0)]
    {
        let query = Query { filter: filter.into(), limit: 10, ..Query::default() };
        let page = lab.read(move |tx| search::logged_models(tx, &[0], &query)).await;
        assert_eq!(page.items.len(), count, "{filter}");
    }
    let unknown = Batch {
        metrics: vec![LoggedMetric { model_id: Some("m-0".into()), ..metric("x", 1.0, 1, 0) }],
        ..Batch::default()
    };
    assert!(matches!(lab.log(&run, unknown).await, Err(TrackingError::NoLoggedModel(_))));
}

#[tokio::test]
async fn runs_are_found_by_filter_and_order() {
    let lab = Lab::new();
    for (number, start) in [(1.0, 30), (2.0, 10), (3.0, 20)] {
        let new = NewRun {
            start: Some(Timestamp::from_millis(start)),
            name: format!("r{number}"),
            ..NewRun::default()
        };
        let run = lab.write(|tx| runs::create(tx, new)).await.unwrap().info.id;
        let batch = Batch {
            metrics: vec![metric("auc", number, 0, 0)],
            params: vec![pair("odd", if number == 2.0 { "no" } else { "yes" })],
            ..Batch::default()
        };
        lab.log(&run, batch).await.unwrap();
    }
    for (filter, order_by, expected) in [
        ("", "", "r1 r3 r2"),
        ("params.odd = 'yes'", "metrics.auc DESC", "r3 r1"),
        ("metrics.auc >= 2 AND attributes.run_name != 'r3'", "", "r2"),
        ("start_time > 15", "start_time", "r3 r1"),
    ] {
        let order_by = if order_by.is_empty() { vec![] } else { vec![order_by.to_owned()] };
        let query = Query { filter: filter.into(), order_by, limit: 10, ..Query::default() };
        let page = lab.read(move |tx| search::runs(tx, &[0], View::Active, &query)).await;
        let names: Vec<_> = page.items.into_iter().map(|run| run.info.name).collect();
        assert_eq!(names.join(" "), expected, "{filter}");
    }
    let twice = vec!["metrics.a".to_owned(), "metrics.a DESC".to_owned()];
    let query = Query { order_by: twice, limit: 1, ..Query::default() };
    let error = lab.store.read(move |tx| search::runs(tx, &[0], View::Active, &query)).await.unwrap_err();
    assert!(error.to_string().contains("duplicate fields"), "{error}");
}
