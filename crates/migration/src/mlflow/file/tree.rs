//! Folders whose files are keys with values. A key with `/` lies in folders of its own.

use crate::report::Report;
use mainspring_domain::tracking::KeyValue;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The longest value that is read.
const LONGEST: u64 = 1 << 20;
/// How deep keys may be nested.
const DEEPEST: usize = 64;

/// The folders in a folder, by name. What cannot be read goes into the report.
pub(super) fn folders(folder: &Path, report: &mut Report) -> Vec<PathBuf> {
    entries(folder, report).into_iter().filter(|path| path.is_dir()).collect()
}

fn entries(folder: &Path, report: &mut Report) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>());
    match listed {
        Ok(mut paths) => {
            paths.sort();
            paths
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            report.left_out(folder.display().to_string(), error.to_string());
            Vec::new()
        }
    }
}

/// The name of a file or folder, where it is text.
pub(super) fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// All keys below a folder with their files.
pub(super) fn keys(folder: &Path, report: &mut Report) -> Vec<(String, PathBuf)> {
    let mut keys = Vec::new();
    let mut waiting = vec![(folder.to_path_buf(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = waiting.pop() {
        for path in entries(&folder, report) {
            let place = path.display().to_string();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                report.left_out(place, "the name is not UTF-8");
                continue;
            };
            let key = format!("{prefix}{name}");
            match std::fs::symlink_metadata(&path) {
                Ok(kind) if kind.is_dir() && depth < DEEPEST => {
                    waiting.push((path, format!("{key}/"), depth + 1));
                }
                Ok(kind) if kind.is_file() => keys.push((key, path)),
                Ok(_) => report.left_out(place, "it is not a file"),
                Err(error) => report.left_out(place, error.to_string()),
            }
        }
    }
    keys.sort();
    keys
}

/// All keys below a folder with their values.
pub(super) fn values(folder: &Path, report: &mut Report) -> Vec<KeyValue> {
    let mut values = Vec::new();
    for (key, path) in keys(folder, report) {
        match value(&path) {
            Ok(value) => values.push(KeyValue { key, value }),
            Err(why) => report.left_out(path.display().to_string(), why),
        }
    }
    values
}

fn value(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    let read = file.take(LONGEST + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if read as u64 > LONGEST {
        return Err("the value is longer than 1 MiB".to_owned());
    }
    Ok(text)
}
