//! Reading requests so that every refusal has the form of the protocol.

use super::failure::Failure;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use flate2::read::{GzDecoder, ZlibDecoder};
use serde::Deserialize;
use std::io::Read;

/// Bytes of a body, compressed or not.
pub(crate) const BODY_LIMIT: usize = 32 << 20;

/// The model that a path names, and the version, when it names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) model: String,
    pub(crate) version: Option<u32>,
}

impl Target {
    /// A version as clients write it; an empty one stands for none.
    ///
    /// # Errors
    /// When it is no number: there is no such version then.
    pub(crate) fn new(model: String, version: Option<&str>) -> Result<Self, Failure> {
        let version = version.filter(|version| !version.is_empty());
        let number = version.map(|version| {
            version.parse().map_err(|_| {
                Failure::new(
                    StatusCode::NOT_FOUND,
                    format!("model `{model}` has no version `{version}`; versions are numbers"),
                )
            })
        });
        Ok(Self { version: number.transpose()?, model })
    }
}

#[derive(Deserialize)]
struct Named {
    model: String,
    #[serde(default)]
    version: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Target {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let named = Path::<Named>::from_request_parts(parts, state).await;
        let Path(named) = named.map_err(|bad| Failure::new(StatusCode::BAD_REQUEST, bad.body_text()))?;
        Self::new(named.model, named.version.as_deref())
    }
}

/// A whole body, decompressed.
pub(crate) struct Payload {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Payload {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let body = whole(body).await?;
        let encoding =
            parts.headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase());
        let body = match encoding.as_deref() {
            None | Some(b"" | b"identity") => body,
            Some(b"gzip") => inflate(GzDecoder::new(&body[..]))?,
            Some(b"deflate") => inflate(ZlibDecoder::new(&body[..]))?,
            Some(_) => {
                let message = "the body's Content-Encoding is not known; send it plain, gzip or deflate";
                return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
            }
        };
        Ok(Self { headers: parts.headers, body })
    }
}

async fn whole(body: Body) -> Result<Bytes, Failure> {
    to_bytes(body, BODY_LIMIT).await.map_err(|error| {
        // The limit is the only error that is not the client's going away.
        Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body cannot be read: {error}; it may have {BODY_LIMIT} bytes"),
        )
    })
}

fn inflate(reader: impl Read) -> Result<Bytes, Failure> {
    let mut plain = Vec::new();
    let read = reader.take(BODY_LIMIT as u64 + 1).read_to_end(&mut plain);
    read.map_err(|error| Failure::bad(format!("the body cannot be decompressed: {error}")))?;
    if plain.len() > BODY_LIMIT {
        let message = format!("the body has more than {BODY_LIMIT} bytes when it is decompressed");
        return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    Ok(plain.into())
}

impl Payload {
    /// The body as JSON; an empty one as null.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn json(&self) -> Result<serde_json::Value, Failure> {
        if self.body.is_empty() {
            return Ok(serde_json::Value::Null);
        }
        serde_json::from_slice(&self.body)
            .map_err(|bad| Failure::bad(format!("the request is not JSON: {bad}")))
    }
}
