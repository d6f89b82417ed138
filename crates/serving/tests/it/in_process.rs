//! Models that run in this process, against the library that trained them: ONNX models by the ONNX Runtime
//! of a Python environment, boosters from their files.

use mainspring_serving::{ModelServer, Rows, ServeError, ServerSettings, StartError};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The interpreter that has onnxruntime and skl2onnx.
const PYTHON: &str = "MAINSPRING_TEST_SERVING";

#[derive(Deserialize)]
struct Example {
    columns: Option<Vec<String>>,
    rows: Vec<Vec<Value>>,
    expected: Vec<Vec<f64>>,
}

fn settings(python: PathBuf, logs: &Path) -> ServerSettings {
    ServerSettings {
        workers: 2,
        queue: 64,
        load_timeout: Duration::from_secs(60),
        request_timeout: Duration::from_secs(20),
        ..ServerSettings::new(
            python,
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../python"),
            logs.to_path_buf(),
        )
    }
}

/// The interpreter, if the environment names one.
#[expect(clippy::print_stdout, reason = "a test says what it leaves out")]
fn interpreter() -> Option<PathBuf> {
    let python = std::env::var_os(PYTHON);
    if python.is_none() {
        println!("skipped: set {PYTHON} to an interpreter with tests/clients/serving-requirements.txt");
    }
    python.map(PathBuf::from)
}

/// A folder with models, if the environment has an interpreter that can make them.
fn made(models: &[&str]) -> Option<(TempDir, PathBuf)> {
    let python = interpreter()?;
    let dir = TempDir::new().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients/serving_models.py");
    let output =
        Command::new(&python).args(["-W", "ignore"]).arg(script).arg(dir.path()).args(models).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some((dir, python))
}

/// The numbers of a prediction: the last output, whatever its form.
fn numbers(prediction: &Value) -> Vec<f64> {
    match prediction {
        Value::Object(fields) if fields.values().any(|field| field.is_array() || field.is_object()) => {
            numbers(fields.values().next_back().unwrap())
        }
        Value::Object(fields) => fields.values().map(|field| field.as_f64().unwrap()).collect(),
        Value::Array(items) => items.iter().map(|item| item.as_f64().unwrap()).collect(),
        single => vec![single.as_f64().unwrap()],
    }
}

async fn agrees(model: &str, tolerance: f64) -> Option<(TempDir, ModelServer)> {
    let (dir, python) = made(&[model])?;
    let server = answers(dir.path(), python, model, tolerance).await;
    Some((dir, server))
}

/// Compares the answers of a model in a folder with those of its library.
async fn answers(dir: &Path, python: PathBuf, model: &str, tolerance: f64) -> ModelServer {
    let example = std::fs::read_to_string(dir.join(model).join("example.json")).unwrap();
    let example: Example = serde_json::from_str(&example).unwrap();
    let server = ModelServer::start(model, dir.join(model), settings(python, dir)).await.unwrap();
    let platform = server.description().platform;
    let known = ["onnx_onnxv1", "lightgbm_text", "xgboost_json", "xgboost_ubj"];
    assert!(known.contains(&platform) && platform[..4] == model[..4], "{model} runs by {platform}");
    let rows = Rows { columns: example.columns, data: example.rows };
    // All together and each alone: by the second way the model is known to be quick.
    let mut predictions = server.predict(&server.fit(rows.clone()).unwrap(), &Value::Null).await.unwrap();
    for row in &rows.data {
        let one = Rows { columns: rows.columns.clone(), data: vec![row.clone()] };
        predictions.extend(server.predict(&server.fit(one).unwrap(), &Value::Null).await.unwrap());
    }
    for (prediction, expected) in predictions.iter().zip(example.expected.iter().cycle()) {
        for (found, expected) in numbers(prediction).iter().zip(expected) {
            assert!(
                (found - expected).abs() <= tolerance * expected.abs().max(1.0),
                "{model}: {prediction} is not {expected:?}"
            );
        }
        assert_eq!(numbers(prediction).len(), expected.len(), "{prediction}");
    }
    assert_eq!(predictions.len(), 2 * example.expected.len());
    server
}

#[tokio::test]
async fn a_bare_file_takes_a_matrix() {
    let Some((_dir, server)) = agrees("onnx_matrix", 1e-5).await else { return };
    let inputs = server.inputs().unwrap();
    assert_eq!((inputs[0].name.as_str(), inputs[0].shape.as_deref()), ("X", Some(&[-1, 30][..])));
    let outputs = server.description().outputs.as_ref().unwrap();
    assert_eq!(
        outputs.iter().map(|output| output.dtype.as_deref().unwrap()).collect::<Vec<_>>(),
        ["int64", "float32"]
    );
    // What is missing is not a number, and what comes of it is none either.
    let gap = server.fit(Rows { columns: None, data: vec![vec![Value::Null; 30]] }).unwrap();
    let answer = server.predict(&gap, &Value::Null).await.unwrap();
    assert_eq!(answer[0]["probabilities"], json!([null, null]));
    assert_eq!(mainspring_serving::score(&answer[0]), None);
    let text = server.fit(Rows { columns: None, data: vec![vec![json!("a"); 30]] }).unwrap();
    let refused = server.predict(&text, &Value::Null).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the model refuses the input: input `X`: row 0: expected float32, found \"a\""
    );
    let counts = server.counts();
    assert_eq!((counts.failure, counts.invalid, counts.rows), (0, 1, 15));
}

#[tokio::test]
async fn a_zip_map_gives_its_classes_in_order_and_the_signature_its_columns() {
    let Some((_dir, server)) = agrees("onnx_zipmap", 1e-5).await else { return };
    assert_eq!(server.inputs().unwrap()[0].name, "x0");
    let missing = server.fit(Rows { columns: Some(vec!["x0".into()]), data: vec![vec![json!(1)]] });
    assert!(matches!(missing, Err(ServeError::Signature(_))));
}

#[tokio::test]
async fn columns_of_several_types_go_to_an_input_each() {
    let Some((_dir, server)) = agrees("onnx_columns", 1e-5).await else { return };
    let given = |hour: Value| Rows {
        columns: Some(["temp", "hour", "carrier"].map(str::to_owned).to_vec()),
        data: vec![vec![json!(50.5), hour, json!("UA")]],
    };
    let fitted = server.fit(given(json!(9.0))).unwrap();
    assert!(server.predict(&fitted, &Value::Null).await.is_ok(), "a whole number may be written as 9.0");
    let fitted = server.fit(given(json!(9.5))).unwrap();
    let refused = server.predict(&fitted, &Value::Null).await.unwrap_err().to_string();
    assert!(refused.ends_with("input `hour`: row 0: expected int64, found 9.5"), "{refused}");
}

#[tokio::test]
async fn a_regression_in_double_precision_is_exact() {
    agrees("onnx_regression", 1e-12).await;
}

#[tokio::test]
async fn requests_beside_each_other_share_the_sessions() {
    let Some((_dir, server)) = agrees("onnx_matrix", 1e-5).await else { return };
    let server = std::sync::Arc::new(server);
    let asked: Vec<_> = (0..50)
        .map(|number| {
            let server = std::sync::Arc::clone(&server);
            tokio::spawn(async move {
                let rows = Rows { columns: None, data: vec![vec![json!(1.0); 30]; 1 + number * 40] };
                let rows = server.fit(rows).unwrap();
                server.predict(&rows, &Value::Null).await.map(|answer| answer.len() == rows.data.len())
            })
        })
        .collect();
    for handle in asked {
        assert_eq!(handle.await.unwrap(), Ok(true));
    }
}

#[tokio::test]
async fn a_file_that_is_no_model_is_refused() {
    let Some(python) = interpreter() else { return };
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("model.onnx"), "no model").unwrap();
    let refused = ModelServer::start("x", dir.path().to_path_buf(), settings(python, dir.path())).await;
    assert!(matches!(refused, Err(StartError::Load(_))));
}

#[tokio::test]
async fn boosters_are_computed_number_for_number() {
    let models = ["lightgbm_binary", "lightgbm_multiclass", "lightgbm_poisson", "lightgbm_forest"];
    let Some((dir, python)) = made(&models) else { return };
    for model in models {
        // A last bit may differ where the library's exponential function is another one.
        answers(dir.path(), python.clone(), model, 1e-15).await;
    }
}

#[tokio::test]
async fn boosters_in_single_precision_are_computed_number_for_number() {
    let models = [
        "xgboost_binary",
        "xgboost_raw",
        "xgboost_hinge",
        "xgboost_softprob",
        "xgboost_softmax",
        "xgboost_squares",
        "xgboost_unnamed",
        "xgboost_quantile",
        "xgboost_poisson",
        "xgboost_gamma",
        "xgboost_tweedie",
        "xgboost_ranking",
        "xgboost_lifetimes",
        "xgboost_hazard",
        "xgboost_forest",
        "xgboost_dart",
        "xgboost_linear",
        "xgboost_targets",
    ];
    let Some((dir, python)) = made(&models) else { return };
    for model in models {
        // The same numbers in single precision: this is what their digits lose on the way through JSON.
        answers(dir.path(), python.clone(), model, 1e-15).await;
    }
}

#[tokio::test]
async fn what_only_the_library_computes_runs_in_workers() {
    let models = ["lightgbm_linear", "xgboost_several_outputs_per_tree"];
    let Some((dir, python)) = made(&models) else { return };
    for model in models {
        let server = ModelServer::start("x", dir.path().join(model), settings(python.clone(), dir.path()));
        assert_eq!(server.await.unwrap().description().platform, "mlflow_pyfunc");
    }
}
