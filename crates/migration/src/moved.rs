//! Artifact locations that are other ones here, and texts that name something below them.

use std::collections::HashMap;

/// What moved, by the run or logged model it belongs to.
#[derive(Debug, Default)]
pub(crate) struct Moved(HashMap<String, (String, String)>);

impl Moved {
    pub(crate) fn note(&mut self, owner: &str, from: &str, to: &str) {
        if from != to {
            self.0.insert(owner.to_owned(), (plain(from).to_owned(), to.to_owned()));
        }
    }

    /// The location with its beginning replaced, when it lies below that of one of the owners.
    pub(crate) fn follow(&self, location: &str, owners: &[Option<&str>]) -> Option<String> {
        owners.iter().flatten().find_map(|owner| {
            let (from, to) = self.0.get(*owner)?;
            let rest = plain(location).strip_prefix(from.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{to}{rest}"))
        })
    }
}

/// A local path may be written with or without its scheme.
fn plain(location: &str) -> &str {
    location.strip_prefix("file://").unwrap_or(location).trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::Moved;

    #[test]
    fn what_lies_below_a_moved_folder_moves_with_it() {
        let mut moved = Moved::default();
        moved.note("r1", "file:///x/1/r1/artifacts", "mlflow-artifacts:/7/r1/artifacts");
        let owners = [None, Some("r1")];
        assert_eq!(
            moved.follow("/x/1/r1/artifacts/model", &owners).as_deref(),
            Some("mlflow-artifacts:/7/r1/artifacts/model")
        );
        assert_eq!(moved.follow("/x/1/r1/artifacts2", &owners), None);
        assert_eq!(moved.follow("/x/1/r1/artifacts", &[Some("r2")]), None);
    }
}
