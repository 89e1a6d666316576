//! Section `tls`: certificates and rules of the listeners that speak TLS.

use std::path::PathBuf;

use super::{
    problem::Problems,
    server::Server,
    setting::{choice, section},
    units::Span,
};

choice! {
    /// The oldest version of TLS that is spoken.
    pub enum Version {
        /// TLS 1.2 and 1.3.
        Tls12 = "1.2",
        /// TLS 1.3 only.
        Tls13 = "1.3",
    }
}

section! {
    /// Certificates of the listeners that speak TLS (`server.tls`, `https://` in `server.listeners`).
    /// Changed files are taken up within seconds and on SIGHUP; connections go on.
    pub struct Tls {
        /// PEM file of the certificate and its chain; also the one for names that no other has.
        pub certificate: Option<PathBuf> = None,
        /// PEM file of its private key; not needed when the key is in the file of the certificate.
        pub key: Option<PathBuf> = None,
        /// Directory of further certificates, chosen by the name that a client asks for: `NAME.pem` or
        /// `NAME.crt` with its key inside or in `NAME.key`, or directories with `tls.crt` and `tls.key`,
        /// or `fullchain.pem` and `privkey.pem`.
        pub directory: Option<PathBuf> = None,
        /// A certificate made at each start, for a first try. Clients do not trust it.
        pub self_signed: bool = false,
        /// The oldest version of TLS that is spoken.
        pub min_version: Version = Version::Tls12,
        /// PEM file of certificate authorities. When it is set, only clients with a certificate of one
        /// of them are served.
        pub client_ca: Option<PathBuf> = None,
        /// How long a client may take for the handshake.
        pub handshake_timeout: Span = Span::seconds(10),
    }
}

impl Tls {
    pub(super) fn check(&self, server: &Server, problems: &mut Problems) {
        problems.positive(
            "tls.handshake_timeout",
            self.handshake_timeout.0.as_millis(),
        );
        if self.key.is_some() && self.certificate.is_none() {
            problems.add("tls.key", "has no certificate; set `tls.certificate`");
        }
        if server.speaks_tls()
            && !self.self_signed
            && self.certificate.is_none()
            && self.directory.is_none()
        {
            problems.add(
                "tls.certificate",
                "a listener speaks TLS, but there is no certificate; set this, `tls.directory` or `tls.self_signed`",
            );
        }
    }
}
