//! URLs that carry a right: clients send and fetch files without saying who they are.

use super::Asked;
use crate::graphql::GraphqlError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use mainspring_artifact_store::ArtifactPath;
use mainspring_domain::{Actor, Timestamp};
use mainspring_metadata_store::{Store, StoreError, new_token};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::time::Duration;

/// How long a client may take until it sends a file: uploads wait for one another.
const UPLOAD: Duration = Duration::from_hours(12);
/// How long a URL for a download lasts.
const DOWNLOAD: Duration = Duration::from_hours(1);

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Right {
    /// The file may be put.
    Put,
    /// The file may be fetched.
    Get,
}

/// The right to one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ticket {
    pub(super) right: Right,
    pub(super) path: String,
    /// The MD5 that the file must have, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) md5: Option<String>,
    until: Timestamp,
}

/// Signs and checks tickets.
pub(super) struct Signer(Hmac<Sha256>);

impl Signer {
    /// The signer of this server; its secret is made at the first use and kept.
    pub(super) async fn of(store: &Store) -> Result<Self, StoreError> {
        let known: Option<String> = store.read(|tx| tx.wandb_secret()).await?;
        let secret = match known {
            Some(secret) => secret,
            None => {
                let made: Result<Option<String>, StoreError> = store
                    .write(Actor::system("wandb"), |tx| {
                        tx.insert_wandb_secret(&new_token())?;
                        tx.bookkeeping();
                        tx.wandb_secret()
                    })
                    .await;
                made?.ok_or(StoreError::NoRow)?
            }
        };
        Self::with(secret.as_bytes()).ok_or(StoreError::NoRow)
    }

    fn with(secret: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(secret).ok().map(Self)
    }

    fn sign(&self, ticket: &Ticket) -> Option<String> {
        let text = serde_json::to_vec(ticket).ok()?;
        let mut mac = self.0.clone();
        mac.update(&text);
        let signature = mac.finalize().into_bytes();
        Some(format!("{}.{}", URL_SAFE_NO_PAD.encode(text), URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The ticket in a URL, if it is one of ours and still lasts.
    pub(super) fn check(&self, text: &str, now: Timestamp) -> Option<Ticket> {
        let (text, signature) = text.split_once('.')?;
        let (text, signature) = (URL_SAFE_NO_PAD.decode(text).ok()?, URL_SAFE_NO_PAD.decode(signature).ok()?);
        let mut mac = self.0.clone();
        mac.update(&text);
        mac.verify_slice(&signature).ok()?;
        let ticket: Ticket = serde_json::from_slice(&text).ok()?;
        (now < ticket.until).then_some(ticket)
    }
}

impl Asked {
    /// URLs to put files.
    pub(super) async fn upload_urls(
        &self,
        files: impl IntoIterator<Item = (ArtifactPath, Option<String>)>,
    ) -> Result<Vec<String>, GraphqlError> {
        self.urls(Right::Put, UPLOAD, files).await
    }

    /// URLs to fetch files.
    pub(super) async fn download_urls(
        &self,
        files: impl IntoIterator<Item = ArtifactPath>,
    ) -> Result<Vec<String>, GraphqlError> {
        self.urls(Right::Get, DOWNLOAD, files.into_iter().map(|path| (path, None))).await
    }

    async fn urls(
        &self,
        right: Right,
        lasts: Duration,
        files: impl IntoIterator<Item = (ArtifactPath, Option<String>)>,
    ) -> Result<Vec<String>, GraphqlError> {
        let files: Vec<_> = files.into_iter().collect();
        let signer = Signer::of(&self.state.store).await?;
        let until = self.state.clock.now() + lasts;
        let urls = files.into_iter().map(|(path, md5)| {
            let ticket = Ticket { right, path: path.as_str().to_owned(), md5, until };
            let signed = signer.sign(&ticket).ok_or_else(|| GraphqlError("cannot sign a URL".to_owned()))?;
            Ok(format!("{}/wandb/storage/{signed}", self.base))
        });
        urls.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Right, Signer, Ticket};
    use mainspring_domain::Timestamp;

    #[test]
    fn a_ticket_counts_until_its_end_and_only_as_it_was_signed() {
        let at = Timestamp::from_millis;
        let signer = Signer::with(b"secret").unwrap();
        let ticket = Ticket { right: Right::Put, path: "1/x".into(), md5: None, until: at(100) };
        let text = signer.sign(&ticket).unwrap();
        assert_eq!(signer.check(&text, at(99)), Some(ticket));
        assert_eq!(signer.check(&text, at(100)), None);
        assert_eq!(Signer::with(b"other").unwrap().check(&text, at(1)), None);
        for index in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(signer.check(&changed, at(1)), None, "{index}");
        }
        for odd in ["", ".", "a.b", "....", "ä.ö"] {
            assert_eq!(signer.check(odd, at(1)), None);
        }
    }
}
