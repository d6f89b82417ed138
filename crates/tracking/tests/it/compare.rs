//! Runs side by side.

use crate::{Lab, metric, pair, params};
use mainspring_domain::tracking::RunStatus;
use mainspring_metadata_store::traits::comparison::Axis;
use mainspring_metadata_store::traits::search::View;
use mainspring_tracking::compare::{
    Comparison, HistoryRequest, Keys, MAX_BUCKETS, MAX_PAGE, MAX_RUNS, Request, Selection, compare,
};
use mainspring_tracking::locations::Locations;
use mainspring_tracking::logging::Batch;
use mainspring_tracking::runs::{self, RunChange};
use mainspring_tracking::search::Query;
use mainspring_tracking::{TrackingError, experiments};

fn request(selection: Selection) -> Request {
    Request {
        selection,
        params: Keys::All,
        metrics: Keys::All,
        tags: Keys::Only(vec!["team".into()]),
        text_limit: 5,
        history: None,
    }
}

fn search(filter: &str, order: &[&str], limit: usize, offset: usize) -> Selection {
    let order_by = order.iter().map(|text| (*text).to_owned()).collect();
    let query = Query { filter: filter.into(), order_by, limit, offset, ..Query::default() };
    Selection::Search { experiments: vec![0], view: View::Active, query }
}

fn history(buckets: usize, axis: Axis) -> HistoryRequest {
    HistoryRequest { metrics: vec!["loss".into(), "auc".into()], axis, buckets }
}

async fn ask(lab: &Lab, request: Request) -> Result<Comparison, TrackingError> {
    lab.store.read(move |tx| compare(tx, &request)).await
}

#[track_caller]
fn refused(answer: Result<Comparison, TrackingError>, message: &str) {
    let text = answer.unwrap_err().to_string();
    assert!(text.contains(message), "{text}");
}

/// Three runs: `lr` and `depth` of the first two, `auc` 0.5 and NaN, `loss` of the first over 100
/// steps of which every tenth is NaN; the third has nothing.
async fn filled(lab: &Lab) -> [String; 3] {
    let ids = [lab.run().await, lab.run().await, lab.run().await];
    lab.log(&ids[0], params(&[("lr", "0.1"), ("model", "gradient boosting")])).await.unwrap();
    lab.log(&ids[1], params(&[("lr", "0.1"), ("depth", "7")])).await.unwrap();
    let tags = Batch { tags: vec![pair("team", "risk"), pair("other", "x")], ..Batch::default() };
    lab.log(&ids[1], tags).await.unwrap();
    let loss = |step: i64| {
        let value = if step % 10 == 0 { f64::NAN } else { f64::from(i32::try_from(step).unwrap()) };
        metric("loss", value, 1000 - step, step)
    };
    let mut points: Vec<_> = (0..100).map(loss).collect();
    points.push(metric("auc", 0.5, 1, 0));
    lab.log(&ids[0], Batch { metrics: points, ..Batch::default() }).await.unwrap();
    let auc = Batch { metrics: vec![metric("auc", f64::NAN, 1, 0)], ..Batch::default() };
    lab.log(&ids[1], auc).await.unwrap();
    ids
}

#[tokio::test]
async fn columns_hold_what_runs_have_and_equal_texts_once() {
    let lab = Lab::new();
    let [a, b, c] = filled(&lab).await;
    let selection = Selection::Runs(vec![c.clone(), b.clone(), a.clone(), b.clone()]);
    let answer = ask(&lab, request(selection)).await.unwrap();
    let ids: Vec<&str> = answer.runs.iter().map(|run| run.id.as_str()).collect();
    assert_eq!(ids, [&c, &b, &a], "in the order asked for, each once");
    let texts: Vec<_> = answer
        .params
        .iter()
        .map(|column| (column.key.as_str(), &column.rows[..], &column.codes[..], column.values.join("|")))
        .collect();
    assert_eq!(
        texts,
        [
            ("depth", &[1][..], &[0][..], "7".to_owned()),
            ("lr", &[1, 2], &[0, 0], "0.1".to_owned()),
            ("model", &[2], &[0], "gradi".to_owned()),
        ]
    );
    let keys: Vec<&str> = answer.metrics.iter().map(|column| column.key.as_str()).collect();
    assert_eq!(keys, ["auc", "loss"]);
    assert_eq!(answer.metrics[0].rows, [1, 2]);
    assert!(answer.metrics[0].values[0].is_nan());
    assert_eq!(answer.tags.len(), 1, "only the tags that were named");
    assert_eq!((answer.histories.len(), answer.next), (0, None));
    refused(ask(&lab, request(Selection::Runs(vec!["nobody".into()]))).await, "Run with id=nobody not found");
}

#[tokio::test]
async fn a_search_selects_orders_and_pages() {
    let lab = Lab::new();
    let [a, b, c] = filled(&lab).await;
    let order = ["metrics.auc DESC"];
    let page = ask(&lab, request(search("", &order, 2, 0))).await.unwrap();
    assert_eq!((page.runs.len(), page.next), (2, Some(2)));
    assert_eq!((&page.runs[0].id, &page.runs[1].id), (&a, &b));
    let rest = ask(&lab, request(search("", &order, 2, 2))).await.unwrap();
    assert_eq!((&rest.runs[0].id, rest.next), (&c, None));
    let found = ask(&lab, request(search("params.depth = '7'", &[], 9, 0))).await.unwrap();
    assert_eq!((found.runs.len(), &found.runs[0].id), (1, &b));
    refused(ask(&lab, request(search("params.depth > 7", &[], 9, 0))).await, "string value for parameter");
}

#[tokio::test]
async fn histories_are_exact_or_in_buckets() {
    let lab = Lab::new();
    let [a, b, _] = filled(&lab).await;
    let selection = Selection::Runs(vec![a, b]);
    let exact = Request { history: Some(history(100, Axis::Step)), ..request(selection.clone()) };
    let exact = ask(&lab, exact).await.unwrap().histories;
    let names: Vec<_> = exact.iter().map(|series| (series.run, series.key.as_str())).collect();
    assert_eq!(names, [(0, "auc"), (0, "loss"), (1, "auc")]);
    assert_eq!((exact[1].points, exact[1].nan_points, exact[1].band.as_ref()), (100, 10, None));
    assert_eq!(exact[1].x, (0..100).collect::<Vec<_>>());
    assert!(exact[1].last[10].is_nan() && exact[2].last[0].is_nan());
    let cut = Request { history: Some(history(4, Axis::Step)), ..request(selection.clone()) };
    let cut = ask(&lab, cut).await.unwrap().histories;
    assert_eq!(cut[1].x, [24, 49, 74, 99]);
    assert_eq!(cut[1].last, [24.0, 49.0, 74.0, 99.0]);
    let band = cut[1].band.clone().unwrap();
    assert_eq!((band.min, band.max), (vec![1.0, 25.0, 51.0, 75.0], vec![24.0, 49.0, 74.0, 99.0]));
    assert_eq!(cut[0].band, None, "one history is short, the other long");
    // Here time runs against the steps.
    let timed = Request { history: Some(history(2, Axis::Time)), ..request(selection) };
    let timed = ask(&lab, timed).await.unwrap().histories;
    assert_eq!(timed[1].x, [950, 1000]);
    assert_eq!(timed[1].last[0].to_bits(), f64::NAN.to_bits());
}

#[tokio::test]
async fn more_than_an_answer_holds_is_refused() {
    let lab = Lab::new();
    let many = Selection::Runs(vec![String::new(); MAX_RUNS + 1]);
    refused(ask(&lab, request(many)).await, "at most 500 runs by id. Got 501");
    refused(ask(&lab, request(search("", &[], MAX_PAGE + 1, 0))).await, "at most 10000 runs a page");
    for (buckets, message) in [(0, "at least 1 bucket"), (MAX_BUCKETS + 1, "at most 1000 buckets")] {
        let wanted =
            Request { history: Some(history(buckets, Axis::Step)), ..request(search("", &[], 1, 0)) };
        refused(ask(&lab, wanted).await, message);
    }
}

#[tokio::test]
async fn experiments_are_listed_with_what_goes_on_in_them() {
    let lab = Lab::new();
    lab.write(|tx| experiments::create(tx, &Locations::default(), "quiet", None, Vec::new())).await.unwrap();
    let [a, b, _] = filled(&lab).await;
    let done = RunChange { status: Some(RunStatus::Finished), ..RunChange::default() };
    lab.write(move |tx| runs::update(tx, &a, done)).await.unwrap();
    lab.write(move |tx| runs::delete(tx, &b)).await.unwrap();
    let list = lab.read(|tx| experiments::overview(tx, View::Active, 10)).await;
    let seen: Vec<_> = list.iter().map(|one| (one.experiment.name.as_str(), one.runs, one.running)).collect();
    assert_eq!(seen.len(), 2);
    assert!(seen.contains(&("Default", 2, 1)) && seen.contains(&("quiet", 0, 0)), "{seen:?}");
}
