//! Artifacts as the bodies of answers.

use axum::body::Body;
use futures_util::{StreamExt as _, stream};
use mainspring_artifact_store::{Artifact, ArtifactError};
use std::ops::Range;

/// Streams some bytes of an artifact.
///
/// # Errors
/// When its beginning is damaged or cannot be read: that is still an answer that says so. Later on the
/// download breaks off.
pub(crate) async fn body(artifact: Artifact, range: Range<u64>) -> Result<Body, ArtifactError> {
    let mut pieces = artifact.read(range);
    let first = pieces.next().await.transpose()?;
    let rest = stream::unfold(pieces, |mut pieces| async {
        let piece = pieces.next().await?;
        if let Err(error) = &piece {
            tracing::error!(%error, "a download breaks off");
        }
        Some((piece, pieces))
    });
    Ok(Body::from_stream(stream::iter(first.map(Ok)).chain(rest)))
}
