//! Databases that metrics of A/B tests are asked of: `[warehouse.NAME]`.

use mainspring_metadata_store::{AddressError, ForeignDatabase, PostgresAddress};
use serde::Deserialize;
use std::fmt;
use std::path::{Component, Path, PathBuf};

/// `[warehouse.NAME]`: one of both keys.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warehouse {
    /// Where the database is.
    #[serde(default)]
    uri: Option<String>,
    /// The variable of the server's environment that says where it is.
    #[serde(default)]
    uri_env: Option<String>,
}

/// An address may hold a password, and is never shown.
impl fmt::Debug for Warehouse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warehouse").field("uri_env", &self.uri_env).finish_non_exhaustive()
    }
}

/// What to write in place of a URI that is not understood.
const URIS: &str = "write \"sqlite:///orders.db\" for a file of the project, or \
                    \"postgresql://USER:PASSWORD@HOST:PORT/DATABASE\" with signs such as @ in a password as %40";

enum Address {
    Sqlite(PathBuf),
    Postgres(PostgresAddress),
}

impl Address {
    /// Reads a URI. What is wrong with it is said without showing it.
    fn parse(uri: &str) -> Result<Self, String> {
        if let Some(path) = uri.strip_prefix("sqlite:///") {
            let path = PathBuf::from(path);
            let inside = path.is_absolute()
                || path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
            return match inside && path.file_name().is_some() {
                true => Ok(Self::Sqlite(path)),
                false => Err("it does not name a file inside the project".to_owned()),
            };
        }
        match PostgresAddress::parse(uri) {
            Ok(address) => Ok(Self::Postgres(address)),
            Err(error @ AddressError::Certificates(_)) => Err(error.to_string()),
            Err(AddressError::Scheme(_)) => {
                Err("it is not the URI of a SQLite file or of a PostgreSQL database".to_owned())
            }
            Err(AddressError::Form(_)) => {
                Err("this URI of a PostgreSQL database is not understood".to_owned())
            }
        }
    }
}

impl Warehouse {
    /// What is wrong with the section: the key, what, and what to write.
    pub(crate) fn mistake(&self) -> Option<(&'static str, String, &'static str)> {
        match (&self.uri, &self.uri_env) {
            (Some(uri), None) => Address::parse(uri).err().map(|why| ("uri", why, URIS)),
            (None, Some(name)) => (name.is_empty() || name.contains(['=', '\0'])).then(|| {
                let why = "this is no name of a variable";
                ("uri_env", why.to_owned(), "write the name alone, as uri_env = \"WAREHOUSE_URI\"")
            }),
            (None, None) => Some(("uri", "there is neither `uri` nor `uri_env`".to_owned(), URIS)),
            (Some(_), Some(_)) => {
                let hint = "keep `uri_env` when the URI holds a password";
                Some(("uri_env", "there is both `uri` and `uri_env`".to_owned(), hint))
            }
        }
    }

    /// Where it is, as far as this can be said without asking it.
    fn address(&self) -> Result<Address, String> {
        if let Some(uri) = &self.uri {
            return Address::parse(uri);
        }
        let name = self.uri_env.as_deref().unwrap_or_default();
        let uri = std::env::var(name)
            .map_err(|_| format!("the variable `{name}` of the server's environment is not set"))?;
        Address::parse(&uri).map_err(|why| format!("the variable `{name}`: {why}"))
    }

    /// What stands in the way of asking it, as far as this is known beforehand.
    pub(crate) fn unusable(&self) -> Option<String> {
        self.address().err()
    }

    /// Opens it for queries only. Not where others wait asynchronously.
    ///
    /// # Errors
    /// Why it cannot be asked, without its address.
    pub(crate) fn open(&self, project: &Path) -> Result<ForeignDatabase, String> {
        match self.address()? {
            Address::Postgres(address) => {
                ForeignDatabase::open_postgres(&address).map_err(|error| error.to_string())
            }
            Address::Sqlite(path) => {
                let cannot = |error: std::io::Error| format!("its file cannot be opened: {error}");
                let path = project.join(path).canonicalize().map_err(cannot)?;
                if !path.starts_with(project.canonicalize().map_err(cannot)?) {
                    return Err("its file lies outside the project".to_owned());
                }
                // What the driver says names the file.
                ForeignDatabase::open_sqlite(&path)
                    .map_err(|_| "its file cannot be opened for reading".to_owned())
            }
        }
    }
}
