//! A certificate authority of the test's own.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// Signs certificates; clients that trust it are made from it.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(parameters, key).unwrap())
    }

    /// The authority's certificate, for a program's list of extra roots.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// The settings of a client that trusts this authority and nobody else.
    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        builder
            .with_root_certificates(roots)
            .with_no_client_auth()
            .into()
    }

    /// The settings of a server for `localhost` and 127.0.0.1.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        let (chain, key) = self.leaf();
        Self::showing(chain, key)
    }

    /// A certificate like this, as a chain.
    pub(crate) fn sign(
        &self,
        parameters: &CertificateParams,
        key: &KeyPair,
    ) -> Vec<CertificateDer<'static>> {
        let signed = parameters.clone().signed_by(key, &self.0).unwrap();
        vec![signed.der().clone()]
    }

    /// A certificate for these names and its key, both in PEM.
    pub(crate) fn issue(&self, names: &[&str]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let leaf = CertificateParams::new(names).unwrap();
        let leaf = leaf.signed_by(&key, &self.0).unwrap();
        (leaf.pem(), key.serialize_pem())
    }

    /// The settings of a server that shows this.
    pub(super) fn showing(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let server = builder.with_no_client_auth().with_single_cert(chain, key);
        server.unwrap().into()
    }

    fn leaf(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(names).unwrap();
        let leaf = leaf.signed_by(&key, &self.0).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        (vec![leaf.der().clone()], key.into())
    }
}
