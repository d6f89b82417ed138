//! `.dvc` files: reading any, writing as DVC writes.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::VersioningError;
use crate::fsio;
use crate::objects::Oid;
use crate::paths::checked_relative;
use crate::yaml_scalar::yaml_scalar;

/// One output of a `.dvc` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    /// Path of the `.dvc` file, relative to the root.
    pub(crate) dvc_file: PathBuf,
    /// Path of the data, relative to the root.
    pub(crate) path: PathBuf,
    pub(crate) oid: Oid,
    pub(crate) size: Option<u64>,
    pub(crate) is_executable: bool,
    /// False for outputs that DVC does not cache or push.
    pub(crate) is_stored: bool,
}

#[derive(Deserialize)]
struct Document {
    wdir: Option<String>,
    #[serde(default)]
    outs: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    md5: Option<String>,
    size: Option<u64>,
    #[serde(default)]
    isexec: bool,
    hash: Option<String>,
    path: String,
    cache: Option<bool>,
    push: Option<bool>,
}

/// The outputs in the text of a `.dvc` file; `dvc_file` is its path from the root.
pub(crate) fn outputs(text: &str, dvc_file: &Path) -> Result<Vec<Output>, VersioningError> {
    let malformed = |reason: String| VersioningError::Malformed { path: dvc_file.to_path_buf(), reason };
    let document: Document =
        serde_saphyr::from_str(text).map_err(|error| malformed(format!("not a .dvc file: {error}")))?;
    let mut directory = dvc_file.parent().unwrap_or(Path::new("")).to_path_buf();
    if let Some(wdir) = document.wdir.as_deref().filter(|wdir| *wdir != ".") {
        directory.push(checked_relative(wdir)?);
    }
    let mut found = Vec::new();
    for entry in document.outs {
        let Some(md5) = entry.md5 else {
            let what = format!("the output `{}` of {}, which has no md5", entry.path, dvc_file.display());
            return Err(VersioningError::Unsupported { what });
        };
        if entry.hash.as_deref() != Some("md5") {
            let what = format!("{}, which an older DVC wrote without `hash: md5`,", dvc_file.display());
            return Err(VersioningError::Unsupported { what });
        }
        let oid = Oid::parse(&md5).ok_or_else(|| malformed(format!("`{md5}` is not an MD5 hash")))?;
        found.push(Output {
            dvc_file: dvc_file.to_path_buf(),
            path: directory.join(checked_relative(&entry.path)?),
            oid,
            size: entry.size,
            is_executable: entry.isexec,
            is_stored: entry.cache.unwrap_or(true) && entry.push.unwrap_or(true),
        });
    }
    Ok(found)
}

/// What `add` found out about a file or directory.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) oid: Oid,
    pub(crate) size: u64,
    /// For directories.
    pub(crate) files: Option<u64>,
    pub(crate) is_executable: bool,
    /// Name of the output beside its `.dvc` file.
    pub(crate) name: String,
}

impl Facts {
    /// The lines that `add` owns, in DVC's order; `None` for a key that does not apply.
    fn lines(&self) -> [(&'static str, Option<String>); 6] {
        [
            ("md5", Some(yaml_scalar(&self.oid.to_string()))),
            ("size", Some(self.size.to_string())),
            ("nfiles", self.files.map(|files| files.to_string())),
            ("isexec", self.is_executable.then(|| "true".to_owned())),
            ("hash", Some("md5".to_owned())),
            ("path", Some(yaml_scalar(&self.name))),
        ]
    }
}

/// The text of the `.dvc` file after an `add`. Of an existing file the comments, `desc`, `meta` and
/// everything else that `add` does not determine stay.
pub(crate) fn text_of(existing: Option<&str>, facts: &Facts) -> Result<String, String> {
    let Some(existing) = existing else {
        return Ok(fresh(facts));
    };
    let document: Document = serde_saphyr::from_str(existing).map_err(|error| error.to_string())?;
    if document.outs.len() != 1 {
        return Err("it has more than one output; edit it with dvc".to_owned());
    }
    let mut lines: Vec<String> = existing.lines().map(str::to_owned).collect();
    let first = lines.iter().position(|line| line.starts_with("- ") || line.starts_with("  - "));
    let Some(first) = first.filter(|first| *first > 0 && lines[first - 1].trim() == "outs:") else {
        return Err("its `outs` are not written as DVC writes them; edit it with dvc".to_owned());
    };
    let dash = lines[first].find('-').unwrap_or(0);
    let indent = " ".repeat(dash + 2);
    lines[first].replace_range(dash..=dash, " ");
    let inside = |line: &String| line.trim().is_empty() || line.starts_with(&indent);
    let mut end = first + lines[first..].iter().take_while(|line| inside(line)).count();
    let mut place = first;
    for (key, value) in facts.lines() {
        let prefix = format!("{indent}{key}:");
        let found = (first..end).find(|index| lines[*index].starts_with(&prefix));
        match (found, value) {
            (Some(index), Some(value)) => {
                let comment = lines[index].find(" #").map(|start| lines[index][start..].to_owned());
                lines[index] = format!("{prefix} {value}{}", comment.unwrap_or_default());
                place = index + 1;
            }
            (Some(index), None) => {
                lines.remove(index);
                end -= 1;
            }
            (None, Some(value)) => {
                lines.insert(place, format!("{prefix} {value}"));
                place += 1;
                end += 1;
            }
            (None, None) => {}
        }
    }
    lines[first].replace_range(dash..=dash, "-");
    Ok(lines.iter().map(|line| format!("{line}\n")).collect())
}

fn fresh(facts: &Facts) -> String {
    let mut text = String::from("outs:\n");
    for (index, (key, value)) in
        facts.lines().into_iter().filter_map(|(key, value)| Some((key, value?))).enumerate()
    {
        text.push_str(if index == 0 { "- " } else { "  " });
        text.push_str(&format!("{key}: {value}\n"));
    }
    text
}

/// All outputs of the repository, in the order of their `.dvc` files.
pub(crate) fn all_outputs(root: &Path) -> Result<Vec<Output>, VersioningError> {
    let mut files = Vec::new();
    find(root, Path::new(""), &mut files)?;
    let mut found = Vec::new();
    for file in files {
        found.extend(outputs(&fsio::read_text(&root.join(&file))?, &file)?);
    }
    Ok(found)
}

/// The `.dvc` files below `directory`, sorted; directories of the tools and links are not entered.
fn find(root: &Path, directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), VersioningError> {
    let absolute = root.join(directory);
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(&absolute).map_err(fsio::at(&absolute))? {
        let entry = entry.map_err(fsio::at(&absolute))?;
        entries.push((entry.file_name(), entry.file_type().map_err(fsio::at(&absolute))?));
    }
    entries.sort_by(|left, right| left.0.cmp(&right.0));
    for (name, kind) in entries {
        let path = directory.join(&name);
        if kind.is_dir() {
            let nested = root.join(&path).join(".dvc").is_dir();
            if name != ".git" && name != ".dvc" && name != ".hg" && !nested {
                find(root, &path, files)?;
            }
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "dvc") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            oid: Oid::parse("b1946ac92492d2347c6235b4d2611184").unwrap(),
            size: 6,
            files: None,
            is_executable: false,
            name: "a.txt".to_owned(),
        }
    }

    #[test]
    fn a_fresh_file_has_dvc_s_bytes() {
        let text = text_of(None, &facts()).unwrap();
        assert_eq!(
            text,
            "outs:\n- md5: b1946ac92492d2347c6235b4d2611184\n  size: 6\n  hash: md5\n  path: a.txt\n"
        );
    }

    #[test]
    fn a_second_add_keeps_what_people_wrote() {
        let existing = "# ours\nouts:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  size: 0\n  isexec: true\n  hash: md5\n  path: a.txt\n  desc: first months\nmeta:\n  owner: x\n";
        let text = text_of(Some(existing), &facts()).unwrap();
        assert_eq!(
            text,
            "# ours\nouts:\n- md5: b1946ac92492d2347c6235b4d2611184\n  size: 6\n  hash: md5\n  path: a.txt\n  desc: first months\nmeta:\n  owner: x\n"
        );
    }

    #[test]
    fn paths_and_hashes_that_lead_elsewhere_are_refused() {
        let file = |md5: &str, path: &str| {
            outputs(
                &format!("outs:\n- md5: {md5}\n  size: 6\n  hash: md5\n  path: {path}\n"),
                Path::new("d/x.dvc"),
            )
        };
        let good = "b1946ac92492d2347c6235b4d2611184";
        assert_eq!(file(good, "x").unwrap()[0].path, Path::new("d/x"));
        assert!(file(good, "../x").is_err());
        assert!(file(good, "/etc/passwd").is_err());
        assert!(file("../../../../etc/passwd", "x").is_err());
        assert!(file("b1946ac92492d2347c6235b4d261118", "x").is_err());
        assert!(outputs("outs: [", Path::new("x.dvc")).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[a-z0-9:\\- \n'.#]{0,160}") {
            let _ = outputs(&text, Path::new("x.dvc"));
            let _ = text_of(Some(&text), &facts());
        }
    }
}
