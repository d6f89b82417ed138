//! Traces on real stores.

use crate::{Lab, pair};
use mainspring_domain::Timestamp;
use mainspring_domain::traces::{
    Assessment, AssessmentSource, Judgement, Span, SpanStatus, TraceInfo, TraceState,
};
use mainspring_metadata_store::traits::TraceSelection;
use mainspring_tracking::locations::Locations;
use mainspring_tracking::traces::assessments::{self, Change};
use mainspring_tracking::traces::correlation;
use mainspring_tracking::traces::info::{self, Said};
use mainspring_tracking::traces::metrics::{self, Aggregation, View};
use mainspring_tracking::traces::search::{self, Query};
use mainspring_tracking::traces::spans::{self, Batch};
use mainspring_tracking::{Result, TrackingError, experiments};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Runs tests, functions over a fresh store, once on each engine.
macro_rules! on_both {
    ($($test:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(crate::Lab::on(mainspring_metadata_store::Backend::Sqlite)).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                if let Some(schema) = mainspring_test_support::PostgresSchema::new() {
                    super::$test(crate::Lab::on(schema.backend())).await;
                }
            })*
        }
    };
}

on_both! {
    a_trace_comes_in_two_halves_in_any_order
    a_trace_stays_in_its_experiment_and_within_its_limits
    spans_that_are_missing_are_not_passed_over
    the_older_form_begins_and_ends
    searches_find_by_everything_that_is_known
    pages_and_orders_hold_together
    what_is_said_counts_until_something_else_replaces_it
    deletion_takes_everything_along
    figures_are_those_of_the_traces
}

/// The 32 digits of a trace's id, made of a number.
fn digits(number: i64) -> String {
    format!("{number:032x}")
}

fn id(number: i64) -> String {
    format!("tr-{}", digits(number))
}

fn trace(number: i64) -> TraceInfo {
    TraceInfo {
        id: id(number),
        experiment: 0,
        started: Timestamp::from_millis(1000 * number),
        duration: Some(10 * number),
        state: TraceState::Ok,
        client_request_id: None,
        request_preview: None,
        response_preview: None,
        metadata: Vec::new(),
        tags: vec![pair("mlflow.traceName", &format!("name {number}"))],
        assessments: Vec::new(),
    }
}

fn span(trace: i64, number: i64, attributes: &[(&str, Value)]) -> Span {
    let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), value.to_string())).collect();
    Span {
        trace: digits(trace),
        id: format!("{number:016x}"),
        parent: (number > 1).then(|| format!("{:016x}", 1)),
        name: format!("span {number}"),
        start: 1_000_000_000 * trace + 1000 * (number - 1),
        end: Some(1_000_000_000 * trace + 5_000_000 * number),
        status: SpanStatus::Ok,
        attributes,
        ..Span::default()
    }
}

fn feedback(name: &str, value: Value) -> Assessment {
    Assessment {
        id: String::new(),
        trace: String::new(),
        name: name.to_owned(),
        judgement: Judgement::Feedback { value, error: None },
        source: AssessmentSource::Human,
        source_id: None,
        created: Timestamp::default(),
        updated: Timestamp::default(),
        rationale: None,
        metadata: BTreeMap::new(),
        span: None,
        overrides: None,
        valid: true,
    }
}

impl Lab {
    async fn start(&self, trace: TraceInfo) -> Result<TraceInfo> {
        self.write(move |tx| info::start(tx, trace)).await
    }

    async fn send_spans(&self, spans: Vec<Span>) -> Result<()> {
        let source =
            vec![pair("service.name", "shop"), pair("telemetry.sdk.name", "x"), pair("mlflow.x", "y")];
        self.write(move |tx| spans::log(tx, 0, vec![Batch { spans, source }])).await
    }

    async fn trace(&self, number: i64) -> TraceInfo {
        self.read(move |tx| info::get(tx, &id(number))).await
    }

    async fn say(&self, number: i64, assessment: Assessment) -> Assessment {
        self.write(move |tx| assessments::create(tx, &id(number), assessment)).await.unwrap()
    }

    /// The numbers of the traces that a filter finds, the latest first.
    async fn found(&self, filter: &str) -> String {
        let query = Query { filter: filter.to_owned(), limit: 100, ..Query::default() };
        let page = self.read(move |tx| search::traces(tx, &[0], &query)).await;
        let number = |trace: &TraceInfo| i64::from_str_radix(&trace.id[3..], 16).unwrap().to_string();
        page.items.iter().map(number).collect::<Vec<_>>().join(" ")
    }
}

async fn a_trace_comes_in_two_halves_in_any_order(lab: Lab) {
    let usage =
        ("mlflow.chat.tokenUsage", json!({ "input_tokens": 3, "output_tokens": 1, "total_tokens": 4 }));
    let root = |trace| {
        let inputs = ("mlflow.spanInputs", json!({ "q": 1 }));
        let outputs = ("mlflow.spanOutputs", json!("answer"));
        span(trace, 1, &[inputs, outputs, ("session.id", json!("s")), ("mlflow.traceTag.env", json!("prod"))])
    };
    lab.start(trace(1)).await.unwrap();
    lab.send_spans(vec![root(1), span(1, 2, std::slice::from_ref(&usage))]).await.unwrap();
    lab.send_spans(vec![span(2, 2, std::slice::from_ref(&usage))]).await.unwrap();
    let open = lab.trace(2).await;
    assert_eq!(
        (open.state, open.started.as_millis(), open.duration),
        (TraceState::InProgress, 2000, Some(10))
    );
    lab.send_spans(vec![root(2)]).await.unwrap();
    let widened = lab.trace(2).await;
    assert_eq!((widened.state, widened.duration), (TraceState::Ok, Some(10)));
    lab.start(trace(2)).await.unwrap();
    for number in [1, 2] {
        let own = lab.trace(number).await;
        assert_eq!(own.state, TraceState::Ok, "{number}");
        assert_eq!((own.started.as_millis(), own.duration), (1000 * number, Some(10 * number)), "{number}");
        assert_eq!(own.tag("mlflow.traceName"), Some(format!("name {number}").as_str()));
        assert_eq!(own.tag("mlflow.trace.spansLocation"), Some("TRACKING_STORE"));
        let location = format!("mlflow-artifacts:/0/traces/{}/artifacts", id(number));
        assert_eq!(info::artifact_uri(&own), Some(location.as_str()));
        assert_eq!((own.tag("service.name"), own.tag("env")), (Some("shop"), Some("prod")));
        assert_eq!((own.tag("telemetry.sdk.name"), own.tag("mlflow.x")), (None, None));
        assert_eq!(own.request_preview.as_deref(), Some("{\"q\":1}"));
        assert_eq!(own.metadata("mlflow.trace.session"), Some("s"));
        assert_eq!(
            own.metadata("mlflow.trace.tokenUsage"),
            Some("{\"input_tokens\": 3, \"output_tokens\": 1, \"total_tokens\": 4}")
        );
        let whole = lab.read(move |tx| spans::get(tx, &id(number), false)).await;
        let names: Vec<&str> = whole.spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["span 1", "span 2"], "{number}");
    }
    assert_eq!(lab.actions().await, Vec::<String>::new(), "traces are a log of their own");
}

async fn a_trace_stays_in_its_experiment_and_within_its_limits(lab: Lab) {
    let other = lab
        .write(|tx| experiments::create(tx, &Locations::default(), "other", None, Vec::new()))
        .await
        .unwrap();
    lab.start(trace(1)).await.unwrap();
    let elsewhere = TraceInfo { experiment: other, ..trace(1) };
    let refused = |error: TrackingError, part: &str| {
        let text = error.to_string();
        assert!(text.contains(part), "{text}");
    };
    refused(lab.start(elsewhere).await.unwrap_err(), "already exists in another experiment");
    let batch = Batch { spans: vec![span(1, 1, &[])], source: Vec::new() };
    let sent = lab.write(move |tx| spans::log(tx, other, vec![batch])).await;
    refused(sent.unwrap_err(), "already exists in another experiment");
    for bad in ["", "..", "a/b", "a%2fb", "a?b", "a\nb"] {
        let started = lab.start(TraceInfo { id: bad.to_owned(), ..trace(1) }).await;
        refused(started.unwrap_err(), "parameter 'trace_id'");
    }
    lab.write(move |tx| experiments::delete(tx, other)).await.unwrap();
    let started = lab.start(TraceInfo { experiment: other, ..trace(2) }).await;
    assert!(matches!(started, Err(TrackingError::NotActive { .. })));
    let long = TraceInfo { metadata: vec![pair("mlflow.trace.session", &"s".repeat(251))], ..trace(3) };
    refused(lab.start(long).await.unwrap_err(), "'Session ID' exceeds the maximum length");
    // What the server alone sets is not taken from clients.
    let forged = TraceInfo { tags: vec![pair("mlflow.artifactLocation", "file:///etc")], ..trace(4) };
    let kept = lab.start(forged).await.unwrap();
    assert!(info::artifact_uri(&kept).unwrap().starts_with("mlflow-artifacts:/0/"));
}

async fn spans_that_are_missing_are_not_passed_over(lab: Lab) {
    let stats = pair("mlflow.trace.sizeStats", "{\"num_spans\": 2}");
    lab.start(TraceInfo { metadata: vec![stats], ..trace(1) }).await.unwrap();
    let read = |partial: bool| lab.store.read(move |tx| spans::get(tx, &id(1), partial));
    assert!(matches!(read(false).await, Err(TrackingError::SpansElsewhere(_))));
    lab.send_spans(vec![span(1, 1, &[])]).await.unwrap();
    assert!(matches!(read(false).await, Err(TrackingError::NotExported(_))));
    assert_eq!(read(true).await.unwrap().spans.len(), 1);
    assert!(lab.read(|tx| spans::get_many(tx, &[id(1)], None)).await.is_empty());
    lab.send_spans(vec![span(1, 2, &[]), span(1, 1, &[])]).await.unwrap();
    assert_eq!(read(false).await.unwrap().spans.len(), 2, "a span that comes twice is one");
    let many = |experiments: Vec<i64>| async {
        lab.read(move |tx| spans::get_many(tx, &[id(9), id(1), id(1)], Some(&experiments))).await.len()
    };
    assert_eq!((many(vec![0]).await, many(vec![5]).await), (1, 0));
}

async fn the_older_form_begins_and_ends(lab: Lab) {
    let said = Said { metadata: vec![pair("a", "1"), pair("b", "1")], tags: vec![pair("t", "1")] };
    let begun = lab.write(|tx| info::begin(tx, 0, Timestamp::from_millis(1000), said)).await.unwrap();
    assert_eq!((begun.state, begun.duration, begun.id.len()), (TraceState::InProgress, None, 32));
    let own = begun.id.clone();
    let said = Said { metadata: vec![pair("a", "2")], tags: vec![pair("u", "1")] };
    let ended = lab
        .write(move |tx| info::end(tx, &own, Timestamp::from_millis(3000), TraceState::Error, said))
        .await
        .unwrap();
    assert_eq!((ended.state, ended.duration), (TraceState::Error, Some(2000)));
    assert_eq!((ended.metadata("a"), ended.metadata("b")), (Some("2"), Some("1")));
    assert_eq!((ended.tag("t"), ended.tag("u")), (Some("1"), Some("1")));
    let none =
        lab.write(|tx| info::end(tx, "none", Timestamp::default(), TraceState::Ok, Said::default())).await;
    assert!(matches!(none, Err(TrackingError::NoTrace(_))));
}

async fn searches_find_by_everything_that_is_known(lab: Lab) {
    for number in 1..=4 {
        lab.start(trace(number)).await.unwrap();
    }
    let failed = TraceInfo {
        state: TraceState::Error,
        duration: None,
        client_request_id: Some("Req-5".to_owned()),
        metadata: vec![pair("k", "v"), pair("mlflow.sourceRun", "run-a")],
        ..trace(5)
    };
    lab.start(failed).await.unwrap();
    let tool = [("mlflow.spanType", json!("TOOL")), ("text", json!("say \"hi\" to 5%")), ("n", json!(7))];
    lab.send_spans(vec![span(1, 1, &[]), span(1, 2, &tool)]).await.unwrap();
    lab.send_spans(vec![span(2, 1, &[("mlflow.spanType", json!("LLM")), ("text", json!("nothing"))])])
        .await
        .unwrap();
    let run = lab.run().await;
    let own = run.clone();
    lab.write(move |tx| info::link_to_run(tx, &own, &[id(2), id(9)])).await.unwrap();
    lab.write(|tx| info::link_prompts(tx, &id(3), &[("p".to_owned(), 2)])).await.unwrap();
    for (filter, found) in [
        ("", "5 4 3 2 1"),
        ("status = 'ERROR'", "5"),
        ("status IN ('ERROR', 'IN_PROGRESS')", "5"),
        ("status NOT IN ('ERROR')", "4 3 2 1"),
        ("timestamp_ms >= 4000", "5 4"),
        ("execution_time < 30", "2 1"),
        ("end_time > 4000", "5 4"),
        ("end_time = 5000", "5"),
        ("client_request_id LIKE 'Req%'", "5"),
        ("client_request_id LIKE 'req%'", ""),
        ("client_request_id ILIKE 'req%'", "5"),
        ("name RLIKE '[12]$'", "2 1"),
        ("name != 'name 1'", "5 4 3 2"),
        ("metadata.k = 'v'", "5"),
        ("metadata.k IS NULL AND timestamp > 2000", "4 3"),
        ("metadata.k IS NOT NULL", "5"),
        ("tag.none != 'x'", ""),
        ("run_id = 'run-a'", "5"),
        ("prompt = 'p/2'", "3"),
        ("prompt = 'p/1'", ""),
        ("span.type = 'TOOL'", "1"),
        ("span.name = 'span 2' AND span.type = 'TOOL'", "1"),
        ("span.name = 'span 1' AND span.type = 'TOOL'", ""),
        ("span.status = 'OK'", "2 1"),
        ("span.attributes.text LIKE '%say%'", "1"),
        ("span.attributes.text LIKE 'say \"hi\"%'", "1"),
        ("span.attributes.text LIKE '%hi'", ""),
        ("span.attributes.text ILIKE 'SAY%'", "1"),
        ("span.attributes.text RLIKE '^no.*g$'", "2"),
        ("span.attributes.text RLIKE '^oth'", ""),
        ("span.attributes.text RLIKE 'oth'", "2"),
        ("span.attributes.text = 'nothing'", "2"),
        ("span.attributes.text = 'say \"hi\" to 5%'", "1"),
        ("span.attributes.text != 'nothing'", "1"),
        ("span.attributes.text IN ('nothing', 'x')", "2"),
        ("span.attributes.n = '7'", "1"),
        ("span.attributes.n LIKE '%7%'", "1"),
        ("trace.text LIKE '%5!%%'", ""),
        ("trace.text LIKE '%noth%'", "2"),
    ] {
        assert_eq!(lab.found(filter).await, found, "{filter}");
    }
    assert_eq!(lab.found(&format!("attribute.run_id = '{run}'")).await, "2");
}

async fn pages_and_orders_hold_together(lab: Lab) {
    for number in 1..=5 {
        let tags = if number == 3 { Vec::new() } else { vec![pair("t", &(number % 2).to_string())] };
        lab.start(TraceInfo { tags, ..trace(number) }).await.unwrap();
    }
    let page = |order: &str, offset| {
        let query = Query { order_by: vec![order.to_owned()], limit: 2, offset, ..Query::default() };
        lab.store.read(move |tx| search::traces(tx, &[0], &query))
    };
    let numbers = |traces: &[TraceInfo]| -> String { traces.iter().map(|trace| &trace.id[34..]).collect() };
    let first = page("timestamp ASC", 0).await.unwrap();
    assert_eq!((numbers(&first.items), first.next), ("12".to_owned(), Some(2)));
    let last = page("timestamp ASC", 4).await.unwrap();
    assert_eq!((numbers(&last.items), last.next), ("5".to_owned(), None));
    assert_eq!(numbers(&page("tag.t DESC", 0).await.unwrap().items), "51");
    assert_eq!(numbers(&page("tag.t ASC", 4).await.unwrap().items), "3", "what has no value comes last");
    assert!(page("span.name", 0).await.is_err());
    let twice = Query { order_by: vec!["status".into(), "status DESC".into()], limit: 1, ..Query::default() };
    let refused = lab.store.read(move |tx| search::traces(tx, &[0], &twice)).await.unwrap_err();
    assert!(refused.to_string().contains("duplicate fields"), "{refused}");
}

async fn what_is_said_counts_until_something_else_replaces_it(lab: Lab) {
    for number in 1..=3 {
        let metadata = if number == 3 { Vec::new() } else { vec![pair("mlflow.trace.session", "s")] };
        lab.start(TraceInfo { metadata, ..trace(number) }).await.unwrap();
    }
    let held = lab.say(1, feedback("right", json!(true))).await;
    let whole = BTreeMap::from([("mlflow.trace.session".to_owned(), "s".to_owned())]);
    lab.say(1, Assessment { metadata: whole, ..feedback("polite", json!("yes")) }).await;
    lab.say(3, feedback("score", json!(4.0))).await;
    for (filter, found) in [
        ("feedback.right = 'true'", "1"),
        ("feedback.right != 'true'", ""),
        ("feedback.polite = 'yes'", "2 1"),
        ("feedback.polite IS NULL", "3"),
        ("feedback.polite IS NOT NULL", "2 1"),
        ("feedback.score >= 4", "3"),
        ("feedback.score > 4", ""),
        ("feedback.score = '4'", "3"),
        ("feedback.score = '4.0'", "3"),
        ("feedback.right > 0", ""),
        ("expectation.right = 'true'", ""),
        ("feedback.polite LIKE '%es%'", "2 1"),
    ] {
        assert_eq!(lab.found(filter).await, found, "{filter}");
    }
    let over = Assessment { overrides: Some(held.id.clone()), ..feedback("right", json!(false)) };
    let over = lab.say(1, over).await;
    assert_eq!(lab.found("feedback.right = 'true'").await, "");
    let (own, theirs) = (over.id.clone(), held.id.clone());
    lab.write(move |tx| assessments::delete(tx, &id(1), &own)).await.unwrap();
    assert_eq!(lab.found("feedback.right = 'true'").await, "1", "the one before is valid again");
    let change = Change { name: Some("correct".to_owned()), ..Change::default() };
    let changed = lab.write(move |tx| assessments::update(tx, &id(1), &theirs, change)).await.unwrap();
    assert_eq!(
        (changed.name.as_str(), lab.found("feedback.correct = 'true'").await.as_str()),
        ("correct", "1")
    );
    let (theirs, other) = (held.id.clone(), Judgement::Expectation { value: json!(1) });
    let change = Change { judgement: Some(other), ..Change::default() };
    let refused = lab.write(move |tx| assessments::update(tx, &id(1), &theirs, change)).await.unwrap_err();
    assert_eq!(refused.to_string(), "Cannot update expectation value on a Feedback assessment.");
    let foreign = Assessment { id: held.id.clone(), ..feedback("x", json!(1)) };
    let started = lab.start(TraceInfo { assessments: vec![foreign], ..trace(2) }).await.unwrap_err();
    assert!(started.to_string().contains("belongs to another trace"), "{started}");
    let actions = lab.actions().await;
    assert_eq!(actions.iter().filter(|action| *action == "trace.assessed").count(), 4, "{actions:?}");
}

async fn deletion_takes_everything_along(lab: Lab) {
    for number in 1..=4 {
        lab.start(trace(number)).await.unwrap();
        lab.send_spans(vec![span(number, 1, &[])]).await.unwrap();
    }
    let said = lab.say(1, feedback("right", json!(true))).await;
    let delete = |selection| lab.write(move |tx| info::delete(tx, 0, &selection));
    assert!(delete(TraceSelection::Ids(Vec::new())).await.is_err());
    let until = |time, most| TraceSelection::Until { time: Timestamp::from_millis(time), most };
    assert_eq!(delete(until(0, None)).await.unwrap(), 0);
    assert_eq!(delete(until(9000, Some(1))).await.unwrap(), 1, "the oldest");
    assert_eq!(lab.found("").await, "4 3 2");
    let gone = lab.store.read(move |tx| tx.assessed_trace(&said.id)).await.unwrap();
    assert_eq!(gone, None);
    assert_eq!(lab.store.read(|tx| tx.span_volume(&id(1))).await.unwrap(), (0, 0));
    assert_eq!(delete(TraceSelection::Ids(vec![id(2), id(9)])).await.unwrap(), 1);
    let elsewhere = lab.write(|tx| info::delete(tx, 7, &TraceSelection::Ids(vec![id(3)]))).await;
    assert_eq!(elsewhere.unwrap(), 0, "of another experiment");
    assert_eq!(delete(until(4000, None)).await.unwrap(), 2);
    assert_eq!(lab.actions().await, ["trace.assessed", "traces.deleted", "traces.deleted", "traces.deleted"]);
}

async fn figures_are_those_of_the_traces(lab: Lab) {
    for number in 1..=4 {
        let name = if number == 4 { "b" } else { "a" };
        let usage = pair("mlflow.trace.tokenUsage", &format!("{{\"total_tokens\": {number}}}"));
        let tags = vec![pair("mlflow.traceName", name)];
        lab.start(TraceInfo { tags, metadata: vec![usage], ..trace(number) }).await.unwrap();
    }
    lab.send_spans(vec![span(
        1,
        1,
        &[("mlflow.llm.cost", json!({ "total_cost": 0.5 })), ("mlflow.llm.model", json!("m"))],
    )])
    .await
    .unwrap();
    lab.say(1, feedback("score", json!(1.0))).await;
    lab.say(2, feedback("score", json!("no"))).await;
    let ask = |view, metric: &str, aggregations: &[Aggregation], dimensions: &[&str], filters: &[&str]| {
        let query = metrics::Query {
            view,
            metric: metric.to_owned(),
            aggregations: aggregations.to_vec(),
            dimensions: dimensions.iter().map(|name| (*name).to_owned()).collect(),
            filters: filters.iter().map(|text| (*text).to_owned()).collect(),
            interval_seconds: None,
            from: None,
            until: Some(4000),
            limit: 10,
        };
        lab.store.read(move |tx| metrics::query(tx, &[0], &query))
    };
    let values = |points: &[metrics::Point]| -> Vec<Vec<f64>> {
        points.iter().map(|point| point.values.iter().map(|(_, value)| *value).collect()).collect()
    };
    use Aggregation::{Avg, Count, Max, Min, Percentile, Sum};
    let points =
        ask(View::Traces, "latency", &[Avg, Min, Max, Percentile(50.0), Percentile(90.0)], &[], &[]).await;
    assert_eq!(values(&points.unwrap()), [[25.0, 10.0, 40.0, 25.0, 37.0]]);
    let points = ask(View::Traces, "total_tokens", &[Sum], &["trace_name"], &[]).await.unwrap();
    assert_eq!(values(&points), [[6.0], [4.0]]);
    assert_eq!(points[1].dimensions, [("trace_name".to_owned(), "b".to_owned())]);
    let points =
        ask(View::Traces, "trace_count", &[Count], &[], &["trace.tag.`mlflow.traceName` = 'a'"]).await;
    assert_eq!(values(&points.unwrap()), [[3.0]]);
    let points = ask(View::Spans, "total_cost", &[Sum], &["span_model_name"], &[]).await;
    assert_eq!(values(&points.unwrap()), [[0.5]]);
    let points = ask(View::Spans, "latency", &[Max], &[], &["span.name = 'span 1'"]).await;
    assert_eq!(values(&points.unwrap()), [[5.0]]);
    let points = ask(View::Assessments, "assessment_value", &[Avg], &["assessment_name"], &[]).await;
    assert_eq!(values(&points.unwrap()), [[0.5]]);
    let points = ask(View::Traces, "session_count", &[Count], &[], &[]).await;
    assert_eq!(values(&points.unwrap()), [[0.0]]);
    assert!(ask(View::Traces, "input_tokens", &[Sum], &[], &[]).await.unwrap().is_empty(), "nobody told any");
    for (metric, aggregation, dimension, filter, part) in [
        ("colour", Count, None, None, "metric_name must be one of"),
        ("latency", Sum, None, None, "Found invalid aggregation_type(s): ['SUM']"),
        ("latency", Avg, Some("trace_status"), None, "Found invalid dimension(s): ['trace_status']"),
        ("latency", Avg, None, Some("span.name = 'x'"), "only supported for SPANS view type, got TRACES"),
    ] {
        let (dimensions, filters): (Vec<_>, Vec<_>) =
            (dimension.into_iter().collect(), filter.into_iter().collect());
        let refused = ask(View::Traces, metric, &[aggregation], &dimensions, &filters).await.unwrap_err();
        assert!(refused.to_string().contains(part), "{refused}");
    }
    let intervals = metrics::Query {
        view: View::Traces,
        metric: "trace_count".to_owned(),
        aggregations: vec![Count],
        dimensions: Vec::new(),
        filters: Vec::new(),
        interval_seconds: Some(2),
        from: Some(0),
        until: Some(3999),
        limit: 10,
    };
    let points = lab.read(move |tx| metrics::query(tx, &[0], &intervals)).await;
    assert_eq!(points.iter().map(|point| point.interval.unwrap()).collect::<Vec<_>>(), [0, 2000]);
    assert_eq!(values(&points), [[1.0], [2.0]]);
    let both = lab.read(|tx| correlation::of_filters(tx, &[0], "name = 'a'", "timestamp < 3000", "")).await;
    assert_eq!((both.first, both.second, both.both, both.total), (3, 2, 2, 4));
    let both = lab
        .read(|tx| correlation::of_filters(tx, &[0], "name = 'a'", "timestamp < 3000", "name = 'a'"))
        .await;
    assert_eq!((both.second, both.total), (2, 3));
}
