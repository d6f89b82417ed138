//! Workers that do not come to life.

use crate::model::Model;
use mainspring_serving::StartError;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_model_that_cannot_be_loaded_says_why() {
    let error = Model::new(&json!({ "load": "fail" })).try_start().await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "the model cannot be loaded: ModuleNotFoundError: No module named 'lightgbm'"
    );
}

#[tokio::test]
async fn a_worker_that_ends_while_loading_names_its_log() {
    let error = Model::new(&json!({ "load": "die" })).try_start().await.err().unwrap();
    assert!(matches!(&error, StartError::Load(reason) if reason.contains("flights-1.log")), "{error}");
}

#[tokio::test]
async fn a_model_that_takes_too_long_to_load_is_given_up() {
    let mut model = Model::new(&json!({ "load": "hang" }));
    model.settings.load_timeout = Duration::from_secs(1);
    assert_eq!(model.try_start().await.err().unwrap(), StartError::Timeout(1));
}

#[tokio::test]
async fn a_worker_that_greets_with_nonsense_is_refused() {
    let error = Model::new(&json!({ "load": "garbage" })).try_start().await.err().unwrap();
    assert!(matches!(error, StartError::Load(_)), "{error}");
}

#[tokio::test]
async fn an_interpreter_that_does_not_exist_is_named() {
    let mut model = Model::new(&json!({}));
    model.settings.python = "/no/such/python".into();
    let error = model.try_start().await.err().unwrap();
    assert!(matches!(&error, StartError::Spawn(reason) if reason.contains("/no/such/python")), "{error}");
}

#[tokio::test]
async fn the_columns_of_the_signature_are_known_from_the_start() {
    let model = Model::new(&json!({ "inputs": [{"name": "hour", "type": "long", "required": true}] }));
    let server = model.start().await;
    assert_eq!(server.inputs().unwrap()[0].name, "hour");
    let without = Model::new(&json!({})).start().await;
    assert!(without.inputs().is_none());
}
