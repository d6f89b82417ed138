//! Which store a URI names.

use crate::{MigrationError, Result};
use mainspring_metadata_store::PostgresAddress;
use std::path::PathBuf;

/// A store of MLflow's.
#[derive(Clone, Debug)]
pub enum Location {
    /// A folder, usually `mlruns`.
    Files(PathBuf),
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(PostgresAddress),
    /// A running server.
    Server(String),
}

impl Location {
    /// Reads a URI, or the path of a folder or of a SQLite file.
    ///
    /// # Errors
    /// When there is no such store, or it is of a kind that is not read.
    pub fn parse(uri: &str) -> Result<Self> {
        if let Some(path) = sqlite_path(uri) {
            return Ok(Self::Sqlite(path));
        }
        if uri.starts_with("http://") || uri.starts_with("https://") {
            return Ok(Self::Server(uri.trim_end_matches('/').to_owned()));
        }
        let path = match uri.split_once("://") {
            Some(("file", path)) => path,
            Some((scheme, _)) if scheme.starts_with("postgres") => {
                let address = PostgresAddress::parse(uri).map_err(|error| {
                    let hint = "as for MLflow: postgresql://USER:PASSWORD@HOST:PORT/DATABASE";
                    MigrationError::usage(error.to_string(), hint)
                })?;
                return Ok(Self::Postgres(address));
            }
            Some((scheme, _)) => {
                return Err(MigrationError::usage(
                    format!("stores at `{scheme}://` are not read"),
                    "start `mlflow server` on the store and import from its http:// address",
                ));
            }
            None => uri,
        };
        let path = PathBuf::from(path);
        if path.is_dir() {
            return Ok(Self::Files(path));
        }
        if path.is_file() {
            return Ok(Self::Sqlite(path));
        }
        Err(MigrationError::usage(
            format!("there is no `{}`", path.display()),
            "name a folder such as ./mlruns, sqlite:///PATH, or http://HOST:PORT",
        ))
    }
}

/// The file that a SQLite URI names: three slashes before a relative path, four before an absolute one.
pub(crate) fn sqlite_path(uri: &str) -> Option<PathBuf> {
    uri.strip_prefix("sqlite:///").map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::Location;
    use std::path::Path;

    #[test]
    fn uris_name_stores() {
        let parse = |uri: &str| Location::parse(uri).unwrap();
        assert!(matches!(parse("sqlite:////x/m.db"), Location::Sqlite(path) if path == Path::new("/x/m.db")));
        assert!(matches!(parse("sqlite:///m.db"), Location::Sqlite(path) if path == Path::new("m.db")));
        assert!(matches!(parse("http://h:1/"), Location::Server(url) if url == "http://h:1"));
        assert!(matches!(parse("file:///"), Location::Files(path) if path == Path::new("/")));
        let address = parse("postgresql+psycopg2://u:p@h/d");
        assert!(matches!(address, Location::Postgres(address) if !address.to_string().contains(":p")));
        for odd in ["mysql://h/d", "postgresql://h:x/d", "/not/there"] {
            assert!(Location::parse(odd).unwrap_err().hint().is_some(), "{odd}");
        }
    }
}
