//! Directories: the files below one, and the `.dir` object that lists them.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::VersioningError;
use crate::fsio;
use crate::objects::{ObjectStore, Oid};
use crate::paths::checked_relative;

/// One file of a directory output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeFile {
    /// Path below the directory, with `/`.
    pub(crate) relative: String,
    pub(crate) oid: Oid,
}

/// The relative paths of all files below `directory`, sorted by code point. Empty directories do not
/// count; a symbolic link is refused.
pub(crate) fn files_below(directory: &Path) -> Result<Vec<String>, VersioningError> {
    let mut files = Vec::new();
    walk(directory, "", &mut files)?;
    files.sort();
    Ok(files)
}

fn walk(directory: &Path, prefix: &str, files: &mut Vec<String>) -> Result<(), VersioningError> {
    for entry in std::fs::read_dir(directory).map_err(fsio::at(directory))? {
        let entry = entry.map_err(fsio::at(directory))?;
        let refuse = |reason| VersioningError::Escapes { path: entry.path().display().to_string(), reason };
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| refuse("its name is not UTF-8"))?;
        let relative = format!("{prefix}{name}");
        let kind = entry.file_type().map_err(fsio::at(directory))?;
        if kind.is_symlink() {
            return Err(refuse("it is a symbolic link"));
        }
        if kind.is_dir() {
            if name != ".git" && name != ".hg" && name != ".dvc" {
                walk(&entry.path(), &format!("{relative}/"), files)?;
            }
        } else {
            files.push(relative);
        }
    }
    Ok(())
}

/// The bytes of the `.dir` object, as Python's `json.dumps(list, sort_keys=True)` writes them.
pub(crate) fn listing(files: &[TreeFile]) -> String {
    let entries: Vec<String> = files
        .iter()
        .map(|file| format!("{{\"md5\": \"{}\", \"relpath\": {}}}", file.oid, python_json(&file.relative)))
        .collect();
    format!("[{}]", entries.join(", "))
}

/// Reads the `.dir` object `oid` from a store.
pub(crate) fn read_listing(store: &ObjectStore, oid: &Oid) -> Result<Vec<TreeFile>, VersioningError> {
    #[derive(Deserialize)]
    struct Entry {
        md5: String,
        relpath: String,
    }
    let path = store.path(oid);
    let malformed = |reason: String| VersioningError::Malformed { path: path.clone(), reason };
    let text = fsio::read_text(&path)?;
    if Oid::of_listing(text.as_bytes()) != *oid {
        let found = fsio::hash_bytes(text.as_bytes());
        return Err(VersioningError::Corrupted { md5: oid.to_string(), found, store: store.name() });
    }
    let entries: Vec<Entry> = serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
    let mut files = Vec::with_capacity(entries.len());
    for entry in entries {
        checked_relative(&entry.relpath)?;
        let oid = Oid::parse(&entry.md5).filter(|oid| !oid.is_dir());
        let oid = oid.ok_or_else(|| malformed(format!("`{}` is not an MD5 hash", entry.md5)))?;
        files.push(TreeFile { relative: entry.relpath, oid });
    }
    Ok(files)
}

/// The path of a file of the directory output at `directory`.
pub(crate) fn path_of(directory: &Path, file: &TreeFile) -> PathBuf {
    directory.join(&file.relative)
}

/// A JSON string with everything beyond ASCII as `\uXXXX`.
fn python_json(text: &str) -> String {
    let mut escaped = String::from("\"");
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(b'"') => escaped.push_str("\\\""),
            Ok(b'\\') => escaped.push_str("\\\\"),
            Ok(byte @ 0x20..=0x7e) => escaped.push(char::from(byte)),
            Ok(0x7f) => escaped.push('\u{7f}'),
            _ => escaped.push_str(&format!("\\u{unit:04x}")),
        }
    }
    escaped.push('"');
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_have_python_s_bytes() {
        let oid = Oid::of_file("d41d8cd98f00b204e9800998ecf8427e".to_owned());
        let files =
            ["A", "ü", "q\"x", "😀"].map(|name| TreeFile { relative: name.to_owned(), oid: oid.clone() });
        assert_eq!(
            listing(&files),
            "[{\"md5\": \"d41d8cd98f00b204e9800998ecf8427e\", \"relpath\": \"A\"}, \
             {\"md5\": \"d41d8cd98f00b204e9800998ecf8427e\", \"relpath\": \"\\u00fc\"}, \
             {\"md5\": \"d41d8cd98f00b204e9800998ecf8427e\", \"relpath\": \"q\\\"x\"}, \
             {\"md5\": \"d41d8cd98f00b204e9800998ecf8427e\", \"relpath\": \"\\ud83d\\ude00\"}]"
        );
    }
}
