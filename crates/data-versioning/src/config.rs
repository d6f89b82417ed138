//! `.dvc/config` and `.dvc/config.local`: the INI dialect of configobj, as DVC writes it.

use std::path::{Path, PathBuf};

use crate::error::VersioningError;
use crate::fsio;

/// The parsed configuration, local settings over those of the repository.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// `(section, key, value)`, later entries win.
    entries: Vec<(String, String, String)>,
}

impl Config {
    /// Reads both files; an absent file is empty.
    pub(crate) fn read(dvc_dir: &Path) -> Result<Self, VersioningError> {
        let mut config = Self::default();
        for name in ["config", "config.local"] {
            config.parse(&fsio::read_text_or_empty(&dvc_dir.join(name))?);
        }
        Ok(config)
    }

    fn parse(&mut self, text: &str) {
        let mut section = String::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = unquoted(name.trim()).to_owned();
            } else if let Some((key, value)) = line.split_once('=') {
                let value = unquoted(value.trim()).to_owned();
                self.entries.push((section.clone(), key.trim().to_owned(), value));
            }
        }
    }

    /// The value of a key.
    pub(crate) fn get(&self, section: &str, key: &str) -> Option<&str> {
        let of_key = |entry: &&(String, String, String)| entry.0 == section && entry.1 == key;
        self.entries.iter().rev().find(of_key).map(|(_, _, value)| value.as_str())
    }

    /// Whether a key is set to a word that means true.
    pub(crate) fn is_true(&self, section: &str, key: &str) -> bool {
        self.get(section, key)
            .is_some_and(|value| matches!(value.to_lowercase().as_str(), "true" | "1" | "yes" | "on"))
    }

    /// The directory of a remote, the default one if no name is given.
    pub(crate) fn remote(&self, name: Option<&str>, dvc_dir: &Path) -> Result<PathBuf, VersioningError> {
        let no_remote = || VersioningError::NoRemote { name: name.map(str::to_owned) };
        let name = name.or_else(|| self.get("core", "remote")).ok_or_else(no_remote)?;
        let missing = || VersioningError::NoRemote { name: Some(name.to_owned()) };
        let url = self.get(&section_of(name), "url").ok_or_else(missing)?;
        let path = url.strip_prefix("file://").unwrap_or(url);
        if path.contains("://") {
            return Err(VersioningError::Unsupported { what: format!("the remote `{url}`") });
        }
        // A relative url is relative to the directory of the configuration file.
        Ok(dvc_dir.join(path))
    }
}

/// Adds `remote "name"` to the text of a configuration, and makes it the default if asked.
pub(crate) fn with_remote(text: &str, name: &str, url: &str, default: bool) -> String {
    let mut text = text.to_owned();
    if default {
        text = with_value(&text, "core", "remote", name);
    }
    with_value(&text, &section_of(name), "url", url)
}

fn section_of(remote: &str) -> String {
    format!("remote \"{remote}\"")
}

/// The text with one value set; everything else stays as it is.
fn with_value(text: &str, section: &str, key: &str, value: &str) -> String {
    let header = if section.contains('"') { format!("['{section}']") } else { format!("[{section}]") };
    let quote = value.contains([',', '#', '"', '\'']) || value.trim() != value;
    let value = if quote { format!("\"{value}\"") } else { value.to_owned() };
    let entry = format!("    {key} = {value}");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let Some(start) = lines.iter().position(|line| line.trim() == header) else {
        lines.extend([header, entry]);
        return joined(&lines);
    };
    let end = lines[start + 1..].iter().position(|line| line.trim_start().starts_with('['));
    let end = end.map_or(lines.len(), |offset| start + 1 + offset);
    let of_key = |line: &String| line.split_once('=').is_some_and(|(name, _)| name.trim() == key);
    match lines[start + 1..end].iter().position(of_key) {
        Some(offset) => lines[start + 1 + offset] = entry,
        None => lines.insert(end, entry),
    }
    joined(&lines)
}

fn joined(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn unquoted(text: &str) -> &str {
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_is_written_as_dvc_writes_it() {
        let text = with_remote("", "local", "/data/remote", true);
        assert_eq!(text, "[core]\n    remote = local\n['remote \"local\"']\n    url = /data/remote\n");
        let second = with_remote(&text, "other", "../a,b", false);
        assert!(second.ends_with("['remote \"other\"']\n    url = \"../a,b\"\n"), "{second}");
        let mut config = Config::default();
        config.parse(&second);
        let dvc_dir = Path::new("/repo/.dvc");
        assert_eq!(config.remote(None, dvc_dir).unwrap(), Path::new("/data/remote"));
        assert_eq!(config.remote(Some("other"), dvc_dir).unwrap(), Path::new("/repo/.dvc/../a,b"));
        assert!(config.remote(Some("nope"), dvc_dir).is_err());
    }

    #[test]
    fn a_cloud_remote_is_refused_by_name() {
        let mut config = Config::default();
        config.parse(&with_remote("", "s", "s3://bucket/x", true));
        let error = config.remote(None, Path::new("/r/.dvc")).unwrap_err();
        assert_eq!(error.to_string(), "the remote `s3://bucket/x` is not supported; use dvc for it");
    }
}
