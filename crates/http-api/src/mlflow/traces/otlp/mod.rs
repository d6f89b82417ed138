//! `POST /v1/traces`: spans by the protocol of OpenTelemetry (OTLP over HTTP), as protocol buffers
//! or as JSON.

mod convert;
mod json;
mod messages;

use crate::mlflow::ApiError;
use crate::mlflow::request::Within;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use mainspring_domain::Actor;
use mainspring_tracking::experiments::parse_id;
use mainspring_tracking::traces::info;
use mainspring_tracking::traces::spans::{self, Batch};
use messages::ExportRequest;
use prost::Message as _;
use std::collections::BTreeSet;
use std::io::Read;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
/// Bytes of a body after it was decompressed.
const LIMIT: u64 = 32 << 20;

/// Takes the spans of one request, all or none.
pub(super) async fn collect(
    Within(state): Within,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let experiment = header("x-mlflow-experiment-id")
        .ok_or_else(|| ApiError::bad_request("The header x-mlflow-experiment-id is missing."))?;
    let experiment = parse_id(experiment)?;
    let run = header("x-mlflow-run-id").filter(|run| !run.is_empty()).map(str::to_owned);
    let given = header(CONTENT_TYPE.as_str()).unwrap_or_default();
    let kind = match given.split(';').next().unwrap_or_default().trim() {
        PROTOBUF => PROTOBUF,
        JSON => JSON,
        _ => {
            return Err(ApiError::bad_request(format!(
                "Invalid Content-Type: {given}. Expected: {PROTOBUF} or {JSON}"
            )));
        }
    };
    let body = body.map_err(|error| ApiError::bad_request(error.to_string()))?;
    let encoding = header(CONTENT_ENCODING.as_str()).map(str::to_ascii_lowercase);
    let batches = read(&body, kind, encoding.as_deref())?;
    state.write(actor.clone(), move |tx| store(tx, experiment, run.as_deref(), batches)).await?;
    // The answer has the form of the request; an empty message is no bytes at all.
    let answer = if kind == JSON { "{}" } else { "" };
    Ok((StatusCode::OK, [(CONTENT_TYPE, kind)], answer).into_response())
}

/// Stores the spans, and links the traces that are complete with them to a run.
fn store(
    tx: &mut dyn mainspring_metadata_store::WriteTx,
    experiment: i64,
    run: Option<&str>,
    batches: Vec<Batch>,
) -> mainspring_tracking::Result<()> {
    let roots = batches.iter().flat_map(|batch| &batch.spans).filter(|span| span.parent.is_none());
    let complete: BTreeSet<String> = roots.map(spans::trace_id).collect();
    spans::log(tx, experiment, batches)?;
    let Some(run) = run else { return Ok(()) };
    let complete: Vec<String> = complete.into_iter().collect();
    complete.chunks(100).try_for_each(|ids| info::link_to_run(tx, run, ids))
}

fn read(body: &[u8], kind: &str, encoding: Option<&str>) -> Result<Vec<Batch>, ApiError> {
    let unpacked;
    let body = match encoding {
        None | Some("identity" | "") => body,
        Some(encoding) => {
            unpacked = unpack(body, encoding)?;
            &unpacked
        }
    };
    let invalid = || ApiError::bad_request("Invalid OpenTelemetry format");
    let request = if kind == JSON {
        serde_json::from_slice(body).map_err(|_| invalid())?
    } else {
        ExportRequest::decode(body).map_err(|_| invalid())?
    };
    if request.resource_spans.is_empty() {
        return Err(ApiError::bad_request("Invalid OpenTelemetry format - no spans found"));
    }
    convert::batches(request)
        .ok_or_else(|| ApiError::bad_request("Cannot convert OpenTelemetry span to MLflow span"))
}

fn unpack(body: &[u8], encoding: &str) -> Result<Vec<u8>, ApiError> {
    let failed = || ApiError::bad_request(format!("Failed to decompress {encoding} payload"));
    match encoding {
        "gzip" => limited(GzDecoder::new(body)).ok_or_else(failed),
        // Some send it with a header, some without.
        "deflate" => {
            limited(ZlibDecoder::new(body)).or_else(|| limited(DeflateDecoder::new(body))).ok_or_else(failed)
        }
        _ => Err(ApiError::bad_request(format!("Unsupported Content-Encoding: {encoding}"))),
    }
}

/// All that a decoder gives, unless that is too much.
fn limited(decoder: impl Read) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = decoder.take(LIMIT + 1).read_to_end(&mut bytes).ok()?;
    u64::try_from(read).is_ok_and(|read| read <= LIMIT).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, limited, unpack};
    use flate2::Compression;
    use flate2::read::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Read as _;

    #[test]
    fn bodies_are_unpacked_up_to_a_limit() {
        let text = b"spans".repeat(100);
        let packed = |mut reader: Box<dyn std::io::Read + '_>| {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            bytes
        };
        let gzip = packed(Box::new(GzEncoder::new(&text[..], Compression::fast())));
        assert_eq!(unpack(&gzip, "gzip").unwrap(), text);
        let zlib = packed(Box::new(ZlibEncoder::new(&text[..], Compression::fast())));
        assert_eq!(unpack(&zlib, "deflate").unwrap(), text);
        let raw = packed(Box::new(DeflateEncoder::new(&text[..], Compression::fast())));
        assert_eq!(unpack(&raw, "deflate").unwrap(), text);
        assert!(unpack(b"nothing", "gzip").is_err() && unpack(&gzip, "br").is_err());
        assert!(limited(std::io::repeat(0).take(LIMIT)).is_some());
        assert!(limited(std::io::repeat(0)).is_none());
    }
}
