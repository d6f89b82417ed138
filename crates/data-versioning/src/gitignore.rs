//! Keeping tracked data out of Git.

use std::path::Path;

use crate::error::VersioningError;
use crate::fsio;

/// Appends `/name` to the `.gitignore` in `directory` unless it is there; true if the file changed.
pub(crate) fn ignore(directory: &Path, name: &str) -> Result<bool, VersioningError> {
    let path = directory.join(".gitignore");
    let entry = format!("/{}", escaped(name));
    let mut text = fsio::read_text_or_empty(&path)?;
    if text.lines().any(|line| line == entry) {
        return Ok(false);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&entry);
    text.push('\n');
    fsio::write(&path, text.as_bytes())?;
    Ok(true)
}

/// The characters that patterns give a meaning, taken literally.
fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for character in name.chars() {
        if "[]!*#?".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
