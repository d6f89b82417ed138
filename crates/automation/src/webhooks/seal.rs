//! Secrets of webhooks, encrypted with a key that is not in the database: AES-256-GCM, bound to the
//! webhook's id.

use crate::AutomationError;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use mainspring_domain::webhooks::SealedSecret;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The environment variable that may hold the key: 32 bytes in URL-safe base64, as Fernet keys are.
const VARIABLE: &str = "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY";
/// The file that holds it otherwise.
const FILE: &str = "webhook.key";
/// How a sealed text begins.
const PREFIX: &str = "v1:";

/// Seals and opens secrets.
pub struct Sealer {
    key: LessSafeKey,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

impl Sealer {
    /// Takes the key from the environment's value when there is one, else from a file in the data
    /// folder, which is made when it is not there and which only its owner can read.
    ///
    /// # Errors
    /// When the key has not its form, or the file cannot be used.
    pub fn new(data_dir: &Path, from_environment: Option<&str>) -> Result<Self, AutomationError> {
        if let Some(text) = from_environment.filter(|text| !text.trim().is_empty()) {
            return Self::with_key(text).ok_or_else(|| {
                AutomationError::Webhooks(format!("{VARIABLE} must be 32 bytes in URL-safe base64"))
            });
        }
        let path = data_dir.join(FILE);
        let failed = |reason: String| AutomationError::File { path: path.display().to_string(), reason };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = new_key().ok_or_else(|| failed("no random numbers".to_owned()))?;
                let mut file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(&path)
                    .map_err(|error| failed(error.to_string()))?;
                file.write_all(text.as_bytes())
                    .and_then(|()| file.sync_all())
                    .map_err(|error| failed(error.to_string()))?;
                text
            }
            Err(error) => return Err(failed(error.to_string())),
        };
        Self::with_key(&text).ok_or_else(|| failed("it holds no key of 32 bytes in base64".to_owned()))
    }

    fn with_key(text: &str) -> Option<Self> {
        let text = text.trim();
        let bytes = URL_SAFE.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok()?;
        Some(Self { key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).ok()?) })
    }

    /// Encrypts the secret of a webhook.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn seal(&self, webhook: &str, secret: &str) -> Result<SealedSecret, AutomationError> {
        let failed = || AutomationError::Webhooks("a secret could not be encrypted".to_owned());
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| failed())?;
        let mut bytes = secret.as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(webhook.as_bytes()),
                &mut bytes,
            )
            .map_err(|_| failed())?;
        let sealed: Vec<u8> = nonce.into_iter().chain(bytes).collect();
        Ok(SealedSecret(format!("{PREFIX}{}", STANDARD.encode(sealed))))
    }

    /// Decrypts the secret of a webhook; none when it was sealed with another key or for another
    /// webhook.
    #[must_use]
    pub(crate) fn open(&self, webhook: &str, secret: &SealedSecret) -> Option<Vec<u8>> {
        let mut bytes = STANDARD.decode(secret.0.strip_prefix(PREFIX)?).ok()?;
        let (nonce, rest) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.key.open_in_place(nonce, Aad::from(webhook.as_bytes()), rest).ok()?;
        Some(plain.to_vec())
    }
}

fn new_key() -> Option<String> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(URL_SAFE.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::{FILE, Sealer};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_secret_opens_with_its_key_and_for_its_webhook_only() {
        let dir = tempfile::tempdir().unwrap();
        let sealer = Sealer::new(dir.path(), None).unwrap();
        let mode = std::fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let sealed = sealer.seal("a", "my_secret").unwrap();
        assert!(!sealed.0.contains("my_secret"));
        assert_ne!(sealed, sealer.seal("a", "my_secret").unwrap(), "the same text does not show as the same");
        let again = Sealer::new(dir.path(), None).unwrap();
        assert_eq!(again.open("a", &sealed).as_deref(), Some(&b"my_secret"[..]));
        assert_eq!(again.open("b", &sealed), None);
        let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
        let other = Sealer::new(dir.path(), Some(key)).unwrap();
        assert_eq!(other.open("a", &sealed), None);
        let sealed = other.seal("a", "x").unwrap();
        assert_eq!(other.open("a", &sealed).as_deref(), Some(&b"x"[..]));
        assert!(Sealer::new(dir.path(), Some("short")).is_err());
    }
}
