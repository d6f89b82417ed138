//! Paths that are safe to use beneath the root.

use crate::{ArtifactError, Result};

/// The folder directly below the root in which the store keeps what is its own.
pub(crate) const RESERVED: &str = ".mainspring";

/// A relative path of normal components, checked once when it is made. The empty path is the root.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArtifactPath(String);

impl ArtifactPath {
    /// Checks a path as a client gave it, already percent-decoded once.
    ///
    /// # Errors
    /// [`ArtifactError::InvalidPath`] for anything but a relative path of normal components, also
    /// when it turns into such a path only after further decoding.
    pub fn parse(text: &str) -> Result<Self> {
        let mut decoded = text.to_owned();
        loop {
            check(&decoded)?;
            let further = percent_decode(&decoded);
            if further == decoded {
                break;
            }
            decoded = further;
        }
        let components: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        Ok(Self(components.join("/")))
    }

    /// The path that an artifact URI of this server names (`mlflow-artifacts:/1/2/artifacts`).
    ///
    /// # Errors
    /// As [`ArtifactPath::parse`]; also for a URI of another kind.
    pub fn from_uri(uri: &str) -> Result<Self> {
        let rest = uri.strip_prefix("mlflow-artifacts:").ok_or(ArtifactError::InvalidPath)?;
        let path = match rest.strip_prefix("//") {
            Some(with_host) => with_host.split_once('/').map_or("", |(_, path)| path),
            None => rest.trim_start_matches('/'),
        };
        Self::parse(path)
    }

    /// This path with more components after it.
    ///
    /// # Errors
    /// As [`ArtifactPath::parse`].
    pub fn join(&self, more: &str) -> Result<Self> {
        let more = Self::parse(more)?;
        Ok(match (self.0.as_str(), more.0.as_str()) {
            ("", _) => more,
            (_, "") => self.clone(),
            (base, more) => Self(format!("{base}/{more}")),
        })
    }

    /// The path as text, components separated by `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last component; empty for the root.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The path of a name in this folder, as the store lists it.
    pub(crate) fn child(&self, name: &str) -> Self {
        if self.0.is_empty() { Self(name.to_owned()) } else { Self(format!("{}/{name}", self.0)) }
    }

    /// The folder that a name is in, and the name.
    pub(crate) fn parent_and_name(&self) -> (&str, &str) {
        self.0.rsplit_once('/').unwrap_or(("", self.0.as_str()))
    }

    /// Whether this is something of the store's own.
    pub(crate) fn is_reserved(&self) -> bool {
        self.components().next() == Some(RESERVED)
    }

    pub(crate) fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// The components before the last one, and the last one.
    pub(crate) fn split_last(&self) -> Result<(Vec<&str>, &str)> {
        let mut components: Vec<&str> = self.components().collect();
        let last = components.pop().ok_or(ArtifactError::InvalidPath)?;
        Ok((components, last))
    }
}

fn check(text: &str) -> Result<()> {
    let bytes = text.as_bytes();
    let drive = bytes.len() >= 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':';
    let bad = text.starts_with('/')
        || drive
        || text.starts_with("file:")
        || text.chars().any(|c| matches!(c, '\\' | '#') || c.is_control())
        || text.split('/').any(|part| part == "..");
    if bad { Err(ArtifactError::InvalidPath) } else { Ok(()) }
}

/// Decodes `%XX`; what is not such a sequence stays. Bytes that are no text count as no decoding.
pub(crate) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let pair = bytes.get(index + 1..index + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) if bytes[index] == b'%' => {
                decoded.push(byte);
                index += 3;
            }
            _ => {
                decoded.push(bytes[index]);
                index += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::ArtifactPath;
    use proptest::prelude::*;

    #[test]
    fn tricks_are_refused() {
        for trick in [
            "../x",
            "a/../b",
            "/etc/passwd",
            "//host/x",
            "a\\..\\b",
            "C:/x",
            "file:///etc/passwd",
            "a\0b",
            "a#b",
            "%2e%2e/x",
            "a/%252e%252e/b",
            "%2Fetc",
            "a%00",
            "a%5c..",
            "a\nb",
        ] {
            assert!(ArtifactPath::parse(trick).is_err(), "{trick:?}");
        }
    }

    #[test]
    fn usual_paths_are_taken_and_tidied() {
        for (given, kept) in [
            ("1/ab/artifacts/model/MLmodel", "1/ab/artifacts/model/MLmodel"),
            ("", ""),
            ("a//b/./c/", "a/b/c"),
            ("a b/ü;x=1/100%.txt", "a b/ü;x=1/100%.txt"),
            ("...", "..."),
        ] {
            assert_eq!(ArtifactPath::parse(given).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn uris_of_this_server_name_paths() {
        for uri in ["mlflow-artifacts:/1/x", "mlflow-artifacts:///1/x", "mlflow-artifacts://host:5000/1/x"] {
            assert_eq!(ArtifactPath::from_uri(uri).unwrap().as_str(), "1/x", "{uri}");
        }
        assert!(ArtifactPath::from_uri("s3://bucket/x").is_err());
        assert!(ArtifactPath::from_uri("mlflow-artifacts:/../x").is_err());
    }

    proptest! {
        #[test]
        fn what_is_taken_has_only_normal_components(text in "[a-z./\\\\%2eEfF0#:\u{0}~-]{0,24}") {
            if let Ok(path) = ArtifactPath::parse(&text) {
                prop_assert!(!path.as_str().starts_with('/'));
                for part in path.components() {
                    prop_assert!(!matches!(part, "" | "." | ".."));
                    prop_assert!(!part.contains(['\0', '\\']));
                }
            }
        }
    }
}
