//! Where a PostgreSQL database is.

use super::tls::{Trust, connector};
use crate::Result;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::watch;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// A database's address, from a URI as MLflow and SQLAlchemy take it.
#[derive(Clone)]
pub struct PostgresAddress {
    pub(super) config: Config,
    pub(super) connector: MakeRustlsConnect,
    shown: String,
}

/// An address that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AddressError {
    /// Another kind of database.
    #[error(
        "`{0}` is not the URI of a PostgreSQL database; it has the form postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
    )]
    Scheme(String),
    /// Text that is not understood.
    #[error("the PostgreSQL URI is not understood: {0}")]
    Form(String),
    /// The authorities that may vouch for the server.
    #[error("no certificate of an authority to check the server's with: {0}")]
    Certificates(String),
}

impl PostgresAddress {
    /// Reads a URI; a driver that is named for SQLAlchemy (`postgresql+psycopg2://`) means nothing
    /// here.
    ///
    /// # Errors
    /// When it is not understood, or asks for something that is not supported.
    pub fn parse(uri: &str) -> std::result::Result<Self, AddressError> {
        let (scheme, rest) = uri.split_once("://").ok_or_else(|| AddressError::Scheme(hidden(uri)))?;
        let base = scheme.split_once('+').map_or(scheme, |(base, _)| base);
        if !matches!(base, "postgresql" | "postgres") {
            return Err(AddressError::Scheme(hidden(uri)));
        }
        let form = |error: tokio_postgres::Error| AddressError::Form(super::error::text(&error));
        let (rest, mode, authorities) = take_encryption(rest);
        let trust = match (mode.unwrap_or("prefer"), authorities) {
            ("disable" | "allow" | "prefer", _) => Trust::Nothing,
            ("require" | "verify-ca" | "verify-full", None) => Trust::Machine,
            ("require" | "verify-ca" | "verify-full", Some(path)) => Trust::File(path),
            (other, _) => return Err(AddressError::Form(format!("sslmode `{other}` is unknown"))),
        };
        let mut config = Config::from_str(&format!("postgresql://{rest}")).map_err(form)?;
        config.ssl_mode(match trust {
            Trust::Nothing => SslMode::Disable,
            Trust::Machine | Trust::File(_) => SslMode::Require,
        });
        let connector = connector(&trust)?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        if config.get_application_name().is_none() {
            config.application_name("mainspring");
        }
        // A peer that is gone without a word is noticed.
        config.keepalives_idle(Duration::from_secs(30)).tcp_user_timeout(Duration::from_secs(30));
        Ok(Self { config, connector, shown: hidden(uri) })
    }

    /// Starts to raise the number of the newest event as commits are announced.
    pub(crate) fn follow_changes(&self, newest: Arc<watch::Sender<i64>>) -> Result<()> {
        super::changes::follow_changes(self.clone(), newest)
    }

    /// Starts to seek the lock of the leading server.
    pub(crate) fn seek_leadership(&self) -> Result<watch::Receiver<bool>> {
        super::leadership::seek_leadership(self.clone())
    }
}

/// Takes `sslmode` and `sslrootcert` out of an address: the driver knows the one in part and the
/// other not at all.
fn take_encryption(rest: &str) -> (String, Option<&str>, Option<&str>) {
    let Some((place, parameters)) = rest.split_once('?') else { return (rest.to_owned(), None, None) };
    let (mut mode, mut authorities, mut kept) = (None, None, Vec::new());
    for parameter in parameters.split('&') {
        match parameter.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value),
            Some(("sslrootcert", value)) if value != "system" => authorities = Some(value),
            Some(("sslrootcert", _)) => {}
            _ => kept.push(parameter),
        }
    }
    let rest = if kept.is_empty() { place.to_owned() } else { format!("{place}?{}", kept.join("&")) };
    (rest, mode, authorities)
}

/// An address without its password, and without parameters, which may hold one too.
fn hidden(uri: &str) -> String {
    let uri = uri.split_once('?').map_or(uri, |(before, _)| before);
    match (uri.split_once("://"), uri.rsplit_once('@')) {
        (Some((scheme, _)), Some((user, host))) => {
            let user = user[scheme.len() + 3..].split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{host}")
        }
        _ => uri.to_owned(),
    }
}

impl std::fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl std::fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PostgresAddress").field(&self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressError, PostgresAddress};

    #[test]
    fn addresses_as_other_tools_take_them() {
        for (uri, shown) in [
            ("postgresql://u:p@db:5432/name", "postgresql://u@db:5432/name"),
            ("postgresql+psycopg2://u:p@db/name", "postgresql+psycopg2://u@db/name"),
            ("postgres://u@db/name?sslmode=disable&password=p", "postgres://u@db/name"),
            ("postgresql:///name?host=/run/postgresql", "postgresql:///name"),
            (
                "postgresql://u@db/name?sslmode=prefer&application_name=x&sslrootcert=system",
                "postgresql://u@db/name",
            ),
            ("postgresql://u:p%40@db/name", "postgresql://u@db/name"),
        ] {
            assert_eq!(PostgresAddress::parse(uri).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_password() {
        let refused = |uri| PostgresAddress::parse(uri).unwrap_err();
        assert_eq!(refused("mysql://u:secret@db/x"), AddressError::Scheme("mysql://u@db/x".into()));
        assert_eq!(refused("file.db"), AddressError::Scheme("file.db".into()));
        assert!(matches!(refused("postgresql://db/x?sslmode=always"), AddressError::Form(_)));
        let nowhere = "postgresql://db/x?sslmode=verify-full&sslrootcert=/does/not/exist";
        assert!(matches!(refused(nowhere), AddressError::Certificates(_)));
        assert!(matches!(refused("postgresql://db:port/x"), AddressError::Form(_)));
    }
}
