//! A certificate made on the spot, for a first try: nobody vouches for it.

use std::time::Duration;

use artifact_cache_layers::body::BoxError;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::{crypto::aws_lc_rs, pki_types::PrivateKeyDer, sign::CertifiedKey};

use super::InvalidTls;
use crate::clock::Clock;

/// How long it is good for; the next start makes another one.
const LIFETIME: Duration = Duration::from_hours(30 * 24);
/// How far the clock of a client may be behind ours.
const SKEW: Duration = Duration::from_hours(24);

/// For this machine's loopback names.
pub(super) fn certificate(clock: &Clock) -> Result<CertifiedKey, InvalidTls> {
    make(clock).map_err(InvalidTls::Setup)
}

fn make(clock: &Clock) -> Result<CertifiedKey, BoxError> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut parameters = CertificateParams::new(names)?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, "artifact-cache, self-signed");
    parameters.distinguished_name = subject;
    parameters.not_before = (clock.now() - SKEW).into();
    parameters.not_after = (clock.now() + LIFETIME).into();
    let key = KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let chain = vec![certificate.der().clone()];
    Ok(CertifiedKey::from_der(
        chain,
        key,
        &aws_lc_rs::default_provider(),
    )?)
}
