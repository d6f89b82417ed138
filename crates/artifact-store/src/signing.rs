//! Links that carry their own authority: for one method and one path, and not for long.

use crate::fingerprint::hex;
use crate::{ArtifactPath, Result};
use hmac::{Hmac, KeyInit as _, Mac as _};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use sha2::Sha256;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// Bytes of a key.
const KEY: usize = 32;

/// What a link allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The method of the request.
    pub method: String,
    /// The artifact.
    pub path: ArtifactPath,
    /// The end, in seconds since 1970.
    pub expires: u64,
    /// The part of a multipart upload, with the upload's id.
    pub part: Option<(String, u32)>,
}

impl Grant {
    /// A grant that begins now.
    #[must_use]
    pub fn new(method: &str, path: &ArtifactPath, lives: Duration, part: Option<(String, u32)>) -> Self {
        Self { method: method.to_owned(), path: path.clone(), expires: now() + lives.as_secs(), part }
    }

    fn text(&self) -> String {
        // A path holds no line break, so the lines cannot be confused.
        let (id, part) = self.part.as_ref().map_or(("", 0), |(id, part)| (id.as_str(), *part));
        format!("{}\n{}\n{}\n{id}\n{part}", self.method, self.path.as_str(), self.expires)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Signs and checks links.
#[derive(Clone)]
pub struct Signer {
    key: [u8; KEY],
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

impl Signer {
    /// A signer with a new key, for as long as the process lives.
    #[must_use]
    pub fn random() -> Self {
        let mut key = [0; KEY];
        key[..16].copy_from_slice(Uuid::new_v4().as_bytes());
        key[16..].copy_from_slice(Uuid::new_v4().as_bytes());
        Self { key }
    }

    /// A signer with the key in a file, which is made when it is missing: links outlive a restart.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn from_file(file: &Path) -> Result<Self> {
        if let Ok(bytes) = std::fs::read(file)
            && let Ok(key) = bytes.try_into()
        {
            return Ok(Self { key });
        }
        let signer = Self::random();
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_CLOEXEC;
        let made = open(file, flags, Mode::from_bits_truncate(0o600)).map_err(std::io::Error::from)?;
        let mut made = File::from(made);
        made.write_all(&signer.key)?;
        made.sync_all()?;
        Ok(signer)
    }

    fn mac(&self, grant: &Grant) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(grant.text().as_bytes());
        Some(mac)
    }

    /// The signature of a grant.
    #[must_use]
    pub fn sign(&self, grant: &Grant) -> String {
        self.mac(grant).map(|mac| hex(&mac.finalize().into_bytes())).unwrap_or_default()
    }

    /// Whether a signature is that of a grant which has not ended.
    #[must_use]
    pub fn allows(&self, grant: &Grant, signature: &str) -> bool {
        let given = crate::fingerprint::parse_sum(signature);
        let (Some(mac), Some(given)) = (self.mac(grant), given) else { return false };
        mac.verify_slice(&given).is_ok() && now() < grant.expires
    }
}

#[cfg(test)]
mod tests {
    use super::{Grant, Signer};
    use crate::ArtifactPath;
    use std::time::Duration;

    #[test]
    fn a_link_is_good_for_what_it_says_and_for_nothing_else() {
        let (signer, path) = (Signer::random(), ArtifactPath::parse("1/a").unwrap());
        let grant = Grant::new("GET", &path, Duration::from_secs(60), Some(("u".into(), 1)));
        let signature = signer.sign(&grant);
        assert!(signer.allows(&grant, &signature));
        let others = [
            Grant { method: "PUT".into(), ..grant.clone() },
            Grant { path: ArtifactPath::parse("1/b").unwrap(), ..grant.clone() },
            Grant { expires: grant.expires + 1, ..grant.clone() },
            Grant { part: Some(("u".into(), 2)), ..grant.clone() },
            Grant { part: None, ..grant.clone() },
        ];
        for other in others {
            assert!(!signer.allows(&other, &signature), "{other:?}");
        }
        assert!(!Signer::random().allows(&grant, &signature));
        assert!(!signer.allows(&grant, "") && !signer.allows(&grant, &signature[..62]));
        let ended = Grant { expires: 1, ..grant };
        assert!(!signer.allows(&ended, &signer.sign(&ended)));
    }

    #[test]
    fn a_key_in_a_file_is_kept() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = dir.path().join("key");
        let grant = Grant::new("GET", &ArtifactPath::parse("a").unwrap(), Duration::from_secs(60), None);
        let signature = Signer::from_file(&file).unwrap().sign(&grant);
        assert!(Signer::from_file(&file).unwrap().allows(&grant, &signature));
    }
}
