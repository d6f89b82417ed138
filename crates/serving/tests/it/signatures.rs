//! Requests that do not fit.

use crate::model::{Model, answering};
use mainspring_serving::{Rows, ServeError, SignatureError, score};
use serde_json::{Value, json};

fn rows(columns: Option<&[&str]>, data: Value) -> Rows {
    let columns = columns.map(|names| names.iter().map(ToString::to_string).collect());
    Rows { columns, data: serde_json::from_value(data).unwrap() }
}

async fn refused(given: Rows) -> SignatureError {
    let model = Model::new(&json!({ "inputs": [
        {"name": "carrier", "type": "string", "required": true},
        {"name": "hour", "type": "long", "required": true},
        {"name": "temp", "type": "double", "required": false}] }));
    match model.start().await.fit(given) {
        Err(ServeError::Signature(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn missing_columns_are_named() {
    let error = refused(rows(Some(&["temp", "other"]), json!([[1.0, 2]]))).await;
    assert_eq!(error.to_string(), "missing columns: carrier, hour; the model takes: carrier, hour, temp");
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_named_with_its_place() {
    let error = refused(rows(Some(&["carrier", "hour"]), json!([["UA", 9], ["AA", "ten"]]))).await;
    assert_eq!(error.to_string(), "column `hour`, row 1: expected long, found \"ten\"");
    let error = refused(rows(Some(&["carrier", "hour"]), json!([["UA", 9.5]]))).await;
    assert_eq!(error.to_string(), "column `hour`, row 0: expected long, found 9.5");
}

#[tokio::test]
async fn rows_of_the_wrong_width_are_named() {
    let error = refused(rows(None, json!([["UA", 9, 1.0], ["UA", 9]]))).await;
    assert_eq!(error, SignatureError::Width { row: 1, found: 2, expected: 3 });
    let error = refused(rows(Some(&["carrier", "hour"]), json!([["UA", 9], ["UA"]]))).await;
    assert_eq!(error, SignatureError::Width { row: 1, found: 1, expected: 2 });
}

#[tokio::test]
async fn a_request_without_rows_is_refused() {
    assert_eq!(refused(rows(Some(&["carrier"]), json!([]))).await, SignatureError::Empty);
}

#[tokio::test]
async fn a_model_without_signature_takes_what_comes() {
    let model = Model::new(&json!({}));
    let given = rows(None, json!([["anything", null, { "deep": 1 }]]));
    assert_eq!(model.start().await.fit(given.clone()).unwrap(), given);
}

#[tokio::test]
async fn null_and_whole_floats_fit() {
    let (_model, server) = answering(0.5).await;
    for value in [json!(null), json!(3), json!(2.5)] {
        server.fit(rows(Some(&["x"]), json!([[value]]))).unwrap();
    }
}

#[test]
fn the_score_is_the_number_that_monitoring_follows() {
    for (prediction, expected) in [
        (json!(0.7), Some(0.7)),
        (json!(true), Some(1.0)),
        (json!([0.3, 0.7]), Some(0.7)),
        (json!({ "no": 0.3, "yes": 0.7 }), Some(0.7)),
        (json!("late"), None),
        (json!(null), None),
        (json!([]), None),
    ] {
        assert_eq!(score(&prediction), expected, "{prediction}");
    }
}
