//! Signed URLs: whoever has one may make that one request until it expires, without a key.

use std::time::{Duration, SystemTime};

use artifact_cache_layers::digest::Sha256;
use aws_lc_rs::{hmac, rand};
use http::Uri;
use url::form_urlencoded;

use super::keys::Scope;
use crate::{config::secret::Secret, store::upload::hex};

/// Signs and verifies. Clones share the key.
#[derive(Clone)]
pub(super) struct Signer(hmac::Key);

/// What a signature permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Permit {
    /// What may be done.
    pub(super) scope: Scope,
    /// Path of the request.
    pub(super) path: String,
    /// Until when, in whole seconds since 1970.
    pub(super) expires: u64,
    /// The length an upload must have.
    pub(super) size: Option<u64>,
    /// The digest an upload must have.
    pub(super) sha256: Option<Sha256>,
}

/// What became of the signature of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Signature {
    /// It has none.
    None,
    /// It is good.
    Valid(Permit),
    /// It is forged, for another request, or expired.
    Invalid,
}

impl Signer {
    /// Signs with the configured key, or with one that lives as long as the process.
    pub(super) fn new(key: &Secret) -> Self {
        let mut random = [0; 32];
        let key = match key.expose().as_bytes() {
            [] => {
                // Without randomness nothing could be signed safely, and TLS would not work either.
                if rand::fill(&mut random).is_err() {
                    tracing::error!("no random numbers: signed URLs are not safe");
                }
                &random[..]
            }
            key => key,
        };
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// Path and query of the signed request.
    pub(super) fn sign(&self, permit: &Permit) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("expires", &permit.expires.to_string());
        if let Some(size) = permit.size {
            query.append_pair("size", &size.to_string());
        }
        if let Some(sha256) = permit.sha256 {
            query.append_pair("sha256", &sha256.to_string());
        }
        let signature = hmac::sign(&self.0, permit.text().as_bytes());
        query.append_pair("signature", &hex(signature.as_ref()));
        format!("{}?{}", permit.path, query.finish())
    }

    /// Judges the signature of a request that needs `scope`.
    pub(super) fn verify(&self, scope: Scope, uri: &Uri, now: SystemTime) -> Signature {
        let Some(query) = uri.query().filter(|query| query.contains("signature=")) else {
            return Signature::None;
        };
        let permit = permit(scope, uri.path(), query)
            .filter(|(permit, signature)| {
                hmac::verify(&self.0, permit.text().as_bytes(), signature).is_ok()
            })
            .map(|(permit, _)| permit)
            .filter(|permit| now < SystemTime::UNIX_EPOCH + Duration::from_secs(permit.expires));
        permit.map_or(Signature::Invalid, Signature::Valid)
    }
}

impl Permit {
    /// What is signed: each part on a line of its own.
    fn text(&self) -> String {
        let scope = match self.scope {
            Scope::Upload => "upload",
            Scope::Read => "read",
            Scope::Delete => "delete",
        };
        let size = self.size.map_or_else(String::new, |size| size.to_string());
        let sha256 = self.sha256.map_or_else(String::new, |it| it.to_string());
        let Self { path, expires, .. } = self;
        format!("artifact-cache v1\n{scope}\n{path}\n{expires}\n{size}\n{sha256}\n")
    }
}

/// The permit that a query describes, and its signature.
fn permit(scope: Scope, path: &str, query: &str) -> Option<(Permit, Vec<u8>)> {
    let (mut expires, mut size, mut sha256, mut signature) = (None, None, None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "expires" => expires = Some(value.parse().ok()?),
            "size" => size = Some(value.parse().ok()?),
            "sha256" => sha256 = Some(value.parse().ok()?),
            "signature" => signature = Some(value.parse::<Sha256>().ok()?),
            _ => return None,
        }
    }
    let permit = Permit {
        scope,
        path: path.to_owned(),
        // More seconds than a time can have is no time.
        expires: expires.filter(|expires| *expires < 1 << 40)?,
        size,
        sha256,
    };
    Some((permit, signature?.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_signature_is_good_for_its_request_and_its_time_alone() {
        let signer = Signer::new(&Secret::from("a key of some length".to_owned()));
        let permit = Permit {
            scope: Scope::Upload,
            path: "/files".into(),
            expires: 1000,
            size: Some(7),
            sha256: Some(Sha256::of(b"x")),
        };
        let target = signer.sign(&permit);
        let verify = |signer: &Signer, scope, target: &str, now| {
            signer.verify(scope, &target.parse().unwrap(), at(now))
        };
        let upload = Scope::Upload;
        let valid = Signature::Valid(permit);
        assert_eq!(verify(&signer, upload, &target, 999), valid);
        assert_eq!(verify(&signer, upload, &target, 1000), Signature::Invalid);
        assert_eq!(verify(&signer, Scope::Read, &target, 1), Signature::Invalid);
        let other = Signer::new(&Secret::default());
        assert_eq!(verify(&other, upload, &target, 1), Signature::Invalid);
        for (from, to) in [
            ("size=7", "size=8"),
            ("size=7&", ""),
            ("expires=1000", "expires=2000"),
            ("/files?", "/files/x?"),
            ("?", "?a=b&"),
        ] {
            let forged = target.replace(from, to);
            assert_ne!(forged, target);
            assert_eq!(verify(&signer, upload, &forged, 1), Signature::Invalid);
        }
        assert_eq!(verify(&signer, upload, "/files", 1), Signature::None);
    }
}
