//! Instant queries of a Prometheus server
//! (<https://prometheus.io/docs/prometheus/latest/querying/api/>).

use mainspring_rollouts::{Value, without_user};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::time::Duration;

/// Bytes of an answer that are read.
const MAX_ANSWER: u64 = 4 << 20;
/// Samples that an answer may have.
const MAX_SAMPLES: usize = 10_000;

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Scalar((f64, String)),
    Vector(Vec<Series>),
    Matrix(Vec<Series>),
    String(IgnoredAny),
}

#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    value: Option<(f64, String)>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

/// Asks a query. A scalar is a number; a vector or a matrix is the list of its samples' values.
///
/// # Errors
/// When the server cannot be reached in time or refuses, or its answer is none of these.
pub(crate) async fn ask(
    address: String,
    query: String,
    timeout: Duration,
    headers: Vec<(String, String)>,
) -> Result<Value, String> {
    let work = tokio::task::spawn_blocking(move || fetch(&address, &query, timeout, &headers));
    let text = work.await.map_err(|error| error.to_string())??;
    read(&text)
}

fn fetch(
    address: &str,
    query: &str,
    timeout: Duration,
    headers: &[(String, String)],
) -> Result<String, String> {
    // Messages are stored and shown: what is secret in an address stays out of them.
    let shown = without_user(address);
    let failed =
        |error: ureq::Error| format!("Prometheus at {shown}: {}", error.to_string().replace(address, &shown));
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(3)
        .build()
        .new_agent();
    let url = format!("{}/api/v1/query", address.trim_end_matches('/'));
    let mut request = agent.get(&url).query("query", query);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let mut answer = request.call().map_err(failed)?;
    let text = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_string().map_err(failed)?;
    let status = answer.status();
    // Errors come as JSON too; anything else is not Prometheus.
    if !status.is_success() && serde_json::from_str::<Answer>(&text).is_err() {
        return Err(format!("Prometheus at {shown} answered {status}"));
    }
    Ok(text)
}

fn read(text: &str) -> Result<Value, String> {
    let answer: Answer = serde_json::from_str(text)
        .map_err(|error| format!("the answer of Prometheus cannot be read: {error}"))?;
    if answer.status != "success" {
        return Err(format!("Prometheus: {}", answer.error.unwrap_or(answer.status)));
    }
    match answer.data {
        Some(Data::Scalar((_, value))) => number(&value).map(Value::Float),
        Some(Data::Vector(series) | Data::Matrix(series)) => {
            let samples = series.into_iter().flat_map(|series| series.value.into_iter().chain(series.values));
            let samples: Vec<String> = samples.map(|(_, value)| value).take(MAX_SAMPLES + 1).collect();
            if samples.len() > MAX_SAMPLES {
                return Err(format!("Prometheus gave more than {MAX_SAMPLES} samples"));
            }
            let numbers = samples.iter().map(|value| number(value).map(Value::Float));
            Ok(Value::List(numbers.collect::<Result<_, _>>()?))
        }
        Some(Data::String(IgnoredAny)) | None => Err("Prometheus metric type not supported".to_owned()),
    }
}

/// A sample's value: `1.5`, `NaN`, `+Inf`.
fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("`{text}` of Prometheus is no number"))
}

#[cfg(test)]
mod tests {
    use super::read;
    use mainspring_rollouts::Value;

    fn answer(data: &str) -> Result<Value, String> {
        read(&format!(r#"{{"status":"success","data":{data}}}"#))
    }

    #[test]
    fn answers_are_read_by_their_type() {
        let list = |numbers: &[f64]| Value::List(numbers.iter().copied().map(Value::Float).collect());
        assert_eq!(answer(r#"{"resultType":"scalar","result":[1,"0.5"]}"#), Ok(Value::Float(0.5)));
        assert_eq!(answer(r#"{"resultType":"vector","result":[]}"#), Ok(list(&[])));
        let two = r#"{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"2"]},{"metric":{},"value":[1,"3"]}]}"#;
        assert_eq!(answer(two), Ok(list(&[2.0, 3.0])));
        let matrix = r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1,"2"],[2,"+Inf"]]}]}"#;
        assert_eq!(answer(matrix), Ok(list(&[2.0, f64::INFINITY])));
        let nan = answer(r#"{"resultType":"vector","result":[{"metric":{},"value":[1,"NaN"]}]}"#).unwrap();
        assert!(!nan.is_measured());
    }

    #[tokio::test]
    async fn a_message_tells_no_password() {
        for address in [
            "http://ada:s3cret@127.0.0.1:9",
            "http://ada:s3cret@[broken",
            "http://ada:s3cret@127.0.0.1:9/x y",
        ] {
            let time = std::time::Duration::from_secs(5);
            let failed = super::ask(address.into(), "up".into(), time, Vec::new()).await.unwrap_err();
            assert!(!failed.contains("s3cret"), "{failed}");
        }
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        assert_eq!(
            answer(r#"{"resultType":"string","result":[1,"x"]}"#),
            Err("Prometheus metric type not supported".into())
        );
        assert_eq!(
            read(r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#),
            Err("Prometheus: parse error".into())
        );
        for text in [
            "",
            "<html>",
            "[]",
            r#"{"status":"success"}"#,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
