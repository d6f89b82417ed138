//! One server of one version.

use crate::model::{Model, answering, ask, is_alive, pid, rows, wait_until};
use mainspring_serving::ServeError;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::test]
async fn every_row_gets_its_prediction() {
    let (model, server) = answering(0.25).await;
    assert_eq!(server.predict(&rows(3), &Value::Null).await.unwrap(), [0.25, 0.25, 0.25].map(Value::from));
    assert_eq!((server.name(), server.restarts(), server.is_ready()), ("flights/1", 0, true));
    assert!(model.log().contains("worker for serving"), "what the model prints is in its log");
}

#[tokio::test]
async fn columns_arrive_in_the_order_of_the_signature() {
    let model = Model::new(&json!({ "inputs": [
        {"name": "b", "type": "double", "required": true}, {"name": "a", "type": "string", "required": false}] }));
    let server = model.start().await;
    let given = mainspring_serving::Rows {
        columns: Some(["unknown", "b"].map(str::to_owned).to_vec()),
        data: vec![vec![json!(1), json!(2.5)]],
    };
    let fitted = server.fit(given).unwrap();
    let answer = server.predict(&fitted, &json!({ "echo": true })).await.unwrap();
    assert_eq!(answer, [json!({ "b": 2.5, "a": null })]);
}

#[tokio::test]
async fn answers_find_those_who_asked() {
    let (_model, server) = answering(0.5).await;
    let server = Arc::new(server);
    let asked = (0..200).map(|n| {
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let rows =
                mainspring_serving::Rows { columns: Some(vec!["x".to_owned()]), data: vec![vec![json!(n)]] };
            (n, server.predict(&rows, &json!({ "echo": true })).await)
        })
    });
    for handle in asked.collect::<Vec<_>>() {
        let (n, answer) = handle.await.unwrap();
        assert_eq!(answer.unwrap(), [json!({ "x": n })]);
    }
}

#[tokio::test]
async fn what_goes_wrong_in_the_model_is_told_apart() {
    let (_model, server) = answering(0.5).await;
    let cases = [
        (json!({ "raise": "negative distance" }), ServeError::Model("ValueError: negative distance".into())),
        (json!({ "refuse": "month 13" }), ServeError::Input("month 13".into())),
        (json!({ "short": true }), ServeError::Model("it gave 0 predictions for 1 rows".into())),
        (
            json!({ "nothing": true }),
            ServeError::Model("the worker gave neither predictions nor an error".into()),
        ),
    ];
    for (params, expected) in cases {
        assert_eq!(ask(&server, params).await, Err(expected));
    }
    assert_eq!(server.restarts(), 0);
    ask(&server, Value::Null).await.unwrap();
}

#[tokio::test]
async fn a_worker_that_dies_fails_its_requests_and_is_replaced() {
    let (_model, server) = answering(0.5).await;
    let before = pid(&server).await;
    let server = Arc::new(server);
    let waiting: Vec<_> = [json!({ "sleep": 0.3, "die": true }), Value::Null, Value::Null]
        .into_iter()
        .map(|params| {
            let server = Arc::clone(&server);
            tokio::spawn(async move { ask(&server, params).await })
        })
        .collect();
    for handle in waiting {
        assert_eq!(handle.await.unwrap(), Err(ServeError::WorkerDied));
    }
    wait_until("another worker", || server.restarts() == 1 && server.is_ready()).await;
    assert_ne!(pid(&server).await, before);
}

#[tokio::test]
async fn between_death_and_replacement_the_answer_is_not_ready() {
    let (model, server) = answering(0.5).await;
    model.behave(&json!({ "load_seconds": 1.0, "answer": 0.5 }));
    assert_eq!(ask(&server, json!({ "die": true })).await, Err(ServeError::WorkerDied));
    assert!(!server.is_ready());
    assert_eq!(ask(&server, Value::Null).await, Err(ServeError::NotReady));
    wait_until("another worker", || server.is_ready()).await;
    ask(&server, Value::Null).await.unwrap();
}

#[tokio::test]
async fn a_worker_that_cannot_be_replaced_is_tried_again() {
    let (model, server) = answering(0.5).await;
    model.behave(&json!({ "load": "fail" }));
    assert_eq!(ask(&server, json!({ "die": true })).await, Err(ServeError::WorkerDied));
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(ask(&server, Value::Null).await, Err(ServeError::NotReady));
    model.behave(&json!({ "answer": 0.75 }));
    wait_until("another worker", || server.is_ready()).await;
    assert_eq!(ask(&server, Value::Null).await.unwrap(), [json!(0.75)]);
}

#[tokio::test]
async fn a_worker_that_talks_nonsense_is_replaced() {
    for nonsense in [json!({ "garbage": true }), json!({ "huge": true })] {
        let (_model, server) = answering(0.5).await;
        let before = pid(&server).await;
        assert_eq!(ask(&server, nonsense).await, Err(ServeError::WorkerDied));
        wait_until("another worker", || server.restarts() == 1).await;
        ask(&server, Value::Null).await.unwrap();
        wait_until("the end of the old one", || !is_alive(before)).await;
    }
}

#[tokio::test]
async fn a_worker_that_takes_too_long_is_given_up_and_replaced() {
    let mut model = Model::new(&json!({}));
    model.settings.request_timeout = Duration::from_secs(1);
    let server = model.start().await;
    let since = Instant::now();
    assert_eq!(ask(&server, json!({ "sleep": 1.5, "pid": true })).await, Err(ServeError::Timeout(1)));
    assert!(since.elapsed() < Duration::from_millis(1400));
    wait_until("another worker", || server.restarts() == 1).await;
    assert_eq!(ask(&server, Value::Null).await.unwrap(), [json!(0.5)]);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_behind() {
    let (_model, server) = answering(0.5).await;
    for _ in 0..20 {
        let gone = tokio::time::timeout(Duration::from_millis(5), ask(&server, json!({ "sleep": 0.02 })));
        assert!(gone.await.is_err());
    }
    ask(&server, Value::Null).await.unwrap();
}

#[tokio::test]
async fn too_many_waiting_requests_are_turned_away_and_the_rest_are_answered() {
    let mut model = Model::new(&json!({}));
    model.settings.queue = 4;
    let server = Arc::new(model.start().await);
    // Larger than the socket's buffer, so that they wait here and not there.
    let large = mainspring_serving::Rows { columns: None, data: vec![vec![json!("x".repeat(400_000))]] };
    let asked = (0..40).map(|n| {
        let (server, rows) = (Arc::clone(&server), large.clone());
        let params = if n == 0 { json!({ "sleep": 1.0 }) } else { Value::Null };
        tokio::spawn(async move { server.predict(&rows, &params).await })
    });
    let (mut answered, mut refused) = (0, 0);
    for handle in asked.collect::<Vec<_>>() {
        match handle.await.unwrap() {
            Ok(_) => answered += 1,
            Err(ServeError::Overloaded) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(answered >= 4 && refused > 20, "{answered} answered, {refused} refused");
    ask(&server, Value::Null).await.unwrap();
}

#[tokio::test]
async fn several_workers_share_the_requests() {
    let mut model = Model::new(&json!({}));
    model.settings.workers = 2;
    let server = Arc::new(model.start().await);
    let since = Instant::now();
    let both = (0..2).map(|_| {
        let server = Arc::clone(&server);
        tokio::spawn(async move { ask(&server, json!({ "sleep": 1.0, "pid": true })).await.unwrap() })
    });
    let mut pids = Vec::new();
    for handle in both.collect::<Vec<_>>() {
        pids.push(handle.await.unwrap());
    }
    assert_ne!(pids[0], pids[1]);
    assert!(since.elapsed() < Duration::from_millis(1800), "they were at work together");
}

#[tokio::test]
async fn with_one_of_two_workers_dead_the_other_answers() {
    let mut model = Model::new(&json!({}));
    model.settings.workers = 2;
    let server = model.start().await;
    model.behave(&json!({ "load": "fail" }));
    assert_eq!(ask(&server, json!({ "die": true })).await, Err(ServeError::WorkerDied));
    for _ in 0..20 {
        ask(&server, Value::Null).await.unwrap();
    }
}

#[tokio::test]
async fn workers_end_with_their_server() {
    let (_model, server) = answering(0.5).await;
    let process = pid(&server).await;
    drop(server);
    wait_until("the end of the worker", || !is_alive(process)).await;
}

#[tokio::test]
async fn waiting_for_a_turn_and_the_answer_have_one_limit() {
    let mut model = Model::new(&json!({}));
    model.settings.request_timeout = Duration::from_secs(2);
    model.settings.concurrency = Some(1);
    let server = model.start().await;
    let slow = || ask(&server, json!({ "sleep": 1.2 }));
    let since = Instant::now();
    let (first, second) = tokio::join!(slow(), slow());
    assert_eq!((first.is_ok(), second), (true, Err(ServeError::Timeout(2))));
    assert!(since.elapsed() < Duration::from_millis(2400));
}

#[tokio::test]
async fn a_worker_that_hangs_is_given_up_though_each_request_waited_for_its_turn() {
    let mut model = Model::new(&json!({}));
    model.settings.request_timeout = Duration::from_secs(2);
    model.settings.concurrency = Some(1);
    let server = model.start().await;
    let at = async |start: f64, sleep: f64| {
        tokio::time::sleep(Duration::from_secs_f64(start)).await;
        ask(&server, json!({ "sleep": sleep })).await
    };
    let (first, second, third) = tokio::join!(at(0.0, 1.2), at(0.1, 60.0), at(1.4, 0.0));
    assert_eq!(
        (first.is_ok(), second, third),
        (true, Err(ServeError::Timeout(2)), Err(ServeError::Timeout(2)))
    );
    wait_until("another worker", || server.restarts() == 1).await;
    ask(&server, Value::Null).await.unwrap();
}

#[tokio::test]
async fn what_the_client_did_wrong_is_no_failure_of_the_model() {
    let (_model, server) = answering(0.5).await;
    ask(&server, json!({ "refuse": "month 13" })).await.unwrap_err();
    ask(&server, json!({ "raise": "overflow" })).await.unwrap_err();
    let counts = server.counts();
    assert_eq!((counts.success, counts.failure, counts.invalid, counts.refused), (0, 1, 1, 0));
}

#[tokio::test]
async fn a_parquet_file_waits_in_the_same_queue() {
    let mut model = Model::new(&json!({}));
    model.settings.queue = 1;
    let server = model.start().await;
    let file = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.read_parquet(b"PAR1").await
    };
    let (slow, file) = tokio::join!(ask(&server, json!({ "sleep": 1.0 })), file);
    assert_eq!((slow.is_ok(), file), (true, Err(ServeError::Overloaded)));
    assert_eq!(server.counts().refused, 1);
}
