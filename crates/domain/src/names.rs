//! Names that clients choose for metrics, parameters, tags and models. Some clients keep them as
//! files, so a name must be one that a path keeps as it is.

use thiserror::Error;

/// Why a name is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameProblem {
    /// It holds characters that names do not have.
    #[error(
        "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), \
         colon(:) and slashes (/)."
    )]
    Characters,
    /// As a path it would be another name.
    #[error(
        "Names may be treated as files in certain cases, and must not resolve to other names when \
         treated as such. This name would resolve to '{0}'"
    )]
    Resolves(String),
}

/// Checks the name of a metric, parameter or tag.
///
/// # Errors
/// What is wrong with it.
pub fn check(name: &str) -> Result<(), NameProblem> {
    let usual = |c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '.' | '-' | ' ' | ':');
    if !name.chars().all(usual) {
        return Err(NameProblem::Characters);
    }
    check_path(name)
}

/// Checks only that a path keeps the name as it is.
///
/// # Errors
/// [`NameProblem::Resolves`] with what the path would make of it.
pub fn check_path(name: &str) -> Result<(), NameProblem> {
    // Nearly all names have one part.
    if !name.is_empty() && !name.contains('/') && name != "." && !name.starts_with("..") {
        return Ok(());
    }
    let normal = normalize(name);
    let keeps = normal == name && normal != "." && !normal.starts_with("..") && !normal.starts_with('/');
    if keeps { Ok(()) } else { Err(NameProblem::Resolves(normal)) }
}

/// The path without empty and `.` components, and with `..` carried out.
fn normalize(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let absolute = name.starts_with('/');
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            other => parts.push(other),
        }
    }
    let path = parts.join("/");
    match (absolute, path.is_empty()) {
        (true, _) => format!("/{path}"),
        (false, true) => ".".to_owned(),
        (false, false) => path,
    }
}

/// The text, cut to a number of characters.
#[must_use]
pub fn truncate(text: String, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{NameProblem, check, truncate};

    #[test]
    fn names_that_paths_keep_are_taken() {
        for name in ["auc", "train/loss", "a b", "ü:1", "a.b-c_d"] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        assert_eq!(check("a\u{1F600}"), Err(NameProblem::Characters));
        for (name, normal) in [
            ("a//b", "a/b"),
            ("", "."),
            (".", "."),
            ("../x", "../x"),
            ("a/../b", "b"),
            ("/a", "/a"),
            ("a/", "a"),
            ("./a", "a"),
        ] {
            assert_eq!(check(name), Err(NameProblem::Resolves(normal.into())), "{name}");
        }
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(truncate("äöü".into(), 2), "äö");
        assert_eq!(truncate("ab".into(), 2), "ab");
    }
}
