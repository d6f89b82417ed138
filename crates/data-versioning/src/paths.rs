//! Paths from people and from `.dvc` files, checked before they are used.

use std::path::{Component, Path, PathBuf};

use crate::error::VersioningError;
use crate::fsio::at;

/// A relative path of plain names, as it may stand in a `.dvc` file or `.dir` object.
pub(crate) fn checked_relative(text: &str) -> Result<PathBuf, VersioningError> {
    let refuse = |reason| Err(VersioningError::Escapes { path: text.to_owned(), reason });
    if text.chars().any(char::is_control) {
        return refuse("it has control characters");
    }
    let mut path = PathBuf::new();
    for component in Path::new(text).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => return refuse("it leads upwards with `..`"),
            Component::RootDir | Component::Prefix(_) => return refuse("it is absolute"),
        }
    }
    match path.components().next() {
        None => refuse("it is empty"),
        Some(first) if first.as_os_str() == ".git" || first.as_os_str() == ".dvc" => {
            refuse("it lies in a directory of the tools")
        }
        Some(_) => Ok(path),
    }
}

/// The path of `given` (absolute, or relative to the current directory) below `root`, which is
/// canonical; text with `/` between the names.
pub(crate) fn inside(root: &Path, given: &Path) -> Result<String, VersioningError> {
    let refuse = |reason| VersioningError::Escapes { path: given.display().to_string(), reason };
    let absolute = std::path::absolute(given).map_err(at(given))?;
    let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) else {
        return Err(refuse("it is not a file or directory in the repository"));
    };
    if !absolute.exists() && !absolute.is_symlink() {
        return Err(VersioningError::Missing { path: given.to_path_buf() });
    }
    // Only the last component may not be a link: what is above it is resolved, then must lie inside.
    if absolute.is_symlink() {
        return Err(refuse("it is a symbolic link"));
    }
    let real = parent.canonicalize().map_err(at(parent))?.join(name);
    let relative = real.strip_prefix(root).map_err(|_| refuse("it lies outside the repository"))?;
    let text = relative.to_str().ok_or_else(|| refuse("its name is not UTF-8"))?;
    checked_relative(text)?;
    Ok(text.to_owned())
}

/// `relative` below `root`, unless a symbolic link on the way leads elsewhere.
pub(crate) fn below(root: &Path, relative: &Path) -> Result<PathBuf, VersioningError> {
    let mut path = root.to_path_buf();
    for component in relative.components() {
        path.push(component);
        if path.is_symlink() {
            return Err(VersioningError::Escapes {
                path: relative.display().to_string(),
                reason: "it leads through a symbolic link",
            });
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_pass() {
        assert_eq!(checked_relative("data/./a.csv").unwrap(), Path::new("data/a.csv"));
        for bad in ["", ".", "..", "../a", "a/../../b", "/etc/passwd", ".git/config", ".dvc/config", "a\nb"] {
            assert!(checked_relative(bad).is_err(), "{bad:?} must be refused");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_passes_stays_below(text in "[a./\\-]{0,12}") {
            if let Ok(path) = checked_relative(&text) {
                proptest::prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))));
            }
        }
    }
}
