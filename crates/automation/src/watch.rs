//! Watched folders: finding files that are complete.

use crate::AutomationError;
use crate::config::Watch;
use mainspring_domain::data::Arrival;
use mainspring_domain::events::Record;
use mainspring_domain::{Actor, Clock, Timestamp};
use mainspring_metadata_store::{Store, StoreError};
use serde_json::json;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// Names that tools give to files they are still writing.
const UNFINISHED: [&str; 5] = [".part", ".partial", ".tmp", ".crdownload", "~"];

/// What a file looked like, and since when it has looked like that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    size: u64,
    modified_ns: i64,
    since: Timestamp,
}

/// Remembers how the files of all watched folders looked.
pub(crate) struct Watcher {
    store: Store,
    clock: Arc<dyn Clock>,
    project: PathBuf,
    watches: Vec<Watch>,
    looks: HashMap<PathBuf, Look>,
}

impl Watcher {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>, project: PathBuf, watches: Vec<Watch>) -> Self {
        Self { store, clock, project, watches, looks: HashMap::new() }
    }

    /// Looks once at all folders and records the files that have become complete.
    pub(crate) async fn look(&mut self) -> Result<(), AutomationError> {
        let now = self.clock.now();
        let mut present = Vec::new();
        let mut complete = Vec::new();
        for watch in &self.watches {
            for (path, size, modified_ns) in files(&self.project, watch) {
                let look = self.looks.entry(path.clone()).or_insert(Look { size, modified_ns, since: now });
                if (look.size, look.modified_ns) != (size, modified_ns) {
                    *look = Look { size, modified_ns, since: now };
                }
                if size > 0 && now.since(look.since) >= watch.settle {
                    complete.push((path.clone(), size, modified_ns));
                }
                present.push(path);
            }
        }
        self.looks.retain(|path, _| present.contains(path));
        if complete.is_empty() {
            return Ok(());
        }
        let fresh = self
            .store
            .read(move |tx| {
                let mut fresh = Vec::new();
                for (path, size, modified_ns) in complete {
                    if !tx.arrival_known(&path.display().to_string(), size, modified_ns)? {
                        fresh.push((path, size, modified_ns));
                    }
                }
                Ok::<_, StoreError>(fresh)
            })
            .await?;
        for (path, size, modified_ns) in fresh {
            self.store
                .write(Actor::system("watcher"), move |tx| {
                    let path = path.display().to_string();
                    let time = tx.now();
                    tx.add_arrival(&Arrival {
                        id: 0,
                        path: path.clone(),
                        size,
                        modified_ns,
                        time,
                        claimed_by: None,
                    })?;
                    tx.record(
                        Record::new("data.arrived", format!("data:{path}")).with(json!({ "size": size })),
                    )?;
                    Ok::<_, StoreError>(())
                })
                .await?;
        }
        Ok(())
    }
}

/// The files of a folder that could count, with size and modification time. A folder that is not
/// there (yet) has none.
fn files(project: &Path, watch: &Watch) -> Vec<(PathBuf, u64, i64)> {
    let Ok(entries) = std::fs::read_dir(project.join(&watch.path)) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let unfinished = name.starts_with('.') || UNFINISHED.iter().any(|end| name.ends_with(end));
            if unfinished || !matches(&watch.pattern, &name) {
                return None;
            }
            let metadata = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            Some((watch.path.join(name), metadata.len(), i64::try_from(modified.as_nanos()).ok()?))
        })
        .collect();
    files.sort();
    files
}

/// Whether a name fits a pattern in which `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let middle: Vec<&str> = parts.collect();
    let Some((last, middle)) = middle.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        assert!(matches("flights-*.csv", "flights-2013-01.csv"));
        assert!(matches("*", "anything"));
        assert!(matches("a*b*c", "axxbyyc"));
        assert!(!matches("a*b*c", "axxc"));
        assert!(!matches("flights-*.csv", "flights-.cs"));
        assert!(!matches("x.csv", "x.csv.part"));
    }
}
