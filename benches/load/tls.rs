//! A certificate for the servers under test, and a client that trusts it.

use std::{fs, io, path::Path, sync::Arc};

use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use tokio_rustls::TlsConnector;

/// Names of the files below a server's data directory.
pub(super) const CERTIFICATE: &str = "tls.crt";
pub(super) const KEY: &str = "tls.key";

/// Writes a P-256 certificate for `localhost` and its key, and returns a client that trusts it.
pub(super) fn prepare(directory: &Path) -> io::Result<TlsConnector> {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let issued = issued.map_err(io::Error::other)?;
    fs::write(directory.join(CERTIFICATE), issued.cert.pem())?;
    fs::write(directory.join(KEY), issued.signing_key.serialize_pem())?;
    let mut roots = RootCertStore::empty();
    roots
        .add(issued.cert.der().clone())
        .map_err(io::Error::other)?;
    let client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(client)))
}
