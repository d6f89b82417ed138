//! Encrypted connections.

use super::address::AddressError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Which certificates a server may show.
pub(super) enum Trust<'a> {
    /// None: connections are not encrypted.
    Nothing,
    /// Those that this machine trusts.
    Machine,
    /// Those below the authorities of a PEM file.
    File(&'a str),
}

/// What makes connections. The server's certificate is always checked, with its name.
pub(super) fn connector(trust: &Trust<'_>) -> Result<MakeRustlsConnect, AddressError> {
    let bad = |reason: String| AddressError::Certificates(reason);
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::Nothing => {}
        Trust::Machine => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err(bad("this machine trusts no authority".to_owned()));
            }
        }
        Trust::File(path) => {
            let certificates = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| bad(format!("`{path}`: {error}")))?;
            for certificate in certificates {
                roots.add(certificate).map_err(|error| bad(format!("`{path}`: {error}")))?;
            }
            if roots.is_empty() {
                return Err(bad(format!("`{path}` holds no certificate")));
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
