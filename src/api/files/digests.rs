//! The digests that a client announces of what it uploads, in every form in use, and whether they are
//! those of what came.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName};

use super::invalid;
use crate::{
    error::Error,
    store::upload::{Algorithm, Received, WantedDigests, hex},
};

/// Announced digests in lower case hex.
#[derive(Clone, Debug, Default)]
pub(super) struct Announced {
    /// Of the file.
    of_file: Vec<(Algorithm, String)>,
    /// Of the file or of the whole message: both are meant by clients that send a form.
    of_either: Vec<(Algorithm, String)>,
}

impl Announced {
    /// What the fields of a request announce, and its query. In a form, fields of the message may mean
    /// the file.
    pub(super) fn of_request(
        fields: &HeaderMap,
        pin: Option<&str>,
        is_form: bool,
    ) -> Result<Self, Error> {
        let mut announced = Self::default();
        if let Some(pin) = pin {
            let digest = pin.parse::<artifact_cache_layers::digest::Sha256>();
            let digest = digest.map_err(|_| invalid("sha256 must be 64 hex characters"))?;
            announced
                .of_file
                .push((Algorithm::Sha256, digest.to_string()));
        }
        announced.of_file.extend(of_names(fields)?);
        let of_message = of_message(fields)?;
        if is_form {
            announced.of_either.extend(of_message);
        } else {
            announced.of_file.extend(of_message);
        }
        Ok(announced)
    }

    /// Whether nothing is announced.
    pub(super) fn is_empty(&self) -> bool {
        self.of_file.is_empty() && self.of_either.is_empty()
    }

    /// Adds what the fields of a form's part announce of it.
    pub(super) fn add_part(&mut self, fields: &HeaderMap) -> Result<(), Error> {
        self.of_file.extend(of_names(fields)?);
        self.of_file.extend(of_message(fields)?);
        Ok(())
    }

    /// Adds a digest that was agreed on.
    pub(super) fn add_sha256(&mut self, hex: String) {
        self.of_file.push((Algorithm::Sha256, hex));
    }

    /// What has to be computed to judge them.
    pub(super) fn wanted(&self) -> WantedDigests {
        let algorithms = |announced: &[(Algorithm, String)]| {
            let mut algorithms: Vec<_> =
                announced.iter().map(|(algorithm, _)| *algorithm).collect();
            algorithms.sort_unstable_by_key(|algorithm| algorithm.length());
            algorithms.dedup();
            algorithms
        };
        let of_message = algorithms(&self.of_either);
        let mut of_file = algorithms(&[&self.of_file[..], &self.of_either].concat());
        // That one is computed in any case.
        of_file.retain(|algorithm| *algorithm != Algorithm::Sha256);
        WantedDigests {
            of_file,
            of_message,
        }
    }

    /// Compares everything announced with what came.
    pub(super) fn check(&self, received: &Received) -> Result<(), Error> {
        let sha256 = (Algorithm::Sha256, received.digest.to_string());
        let of_file = [&received.of_file[..], &[sha256]].concat();
        for announced in &self.of_file {
            if !of_file.contains(announced) {
                return Err(mismatch(announced, &of_file));
            }
        }
        for announced in &self.of_either {
            if !of_file.contains(announced) && !received.of_message.contains(announced) {
                return Err(mismatch(announced, &of_file));
            }
        }
        Ok(())
    }
}

fn mismatch((algorithm, expected): &(Algorithm, String), of_file: &[(Algorithm, String)]) -> Error {
    let actual = of_file.iter().find(|(known, _)| known == algorithm);
    Error::DigestMismatch {
        algorithm: algorithm.name(),
        expected: expected.clone(),
        actual: actual.map(|(_, actual)| actual.clone()).unwrap_or_default(),
    }
}

/// Fields that name the digest of a file by their own name.
fn of_names(fields: &HeaderMap) -> Result<Vec<(Algorithm, String)>, Error> {
    let mut found = Vec::new();
    for (name, value) in fields {
        let text = || value.to_str().map(str::trim).map_err(|_| malformed(name));
        let digest = match name.as_str() {
            "x-checksum-sha256" => from_hex(Algorithm::Sha256, text()?),
            "x-checksum-sha1" => from_hex(Algorithm::Sha1, text()?),
            "x-checksum-md5" => from_hex(Algorithm::Md5, text()?),
            "x-amz-checksum-sha256" => from_base64(Algorithm::Sha256, text()?),
            "x-amz-checksum-sha1" => from_base64(Algorithm::Sha1, text()?),
            "x-amz-checksum-algorithm" | "x-amz-checksum-type" | "x-amz-checksum-mode" => continue,
            // A check that was asked for and not made would be a false promise.
            other if other.starts_with("x-amz-checksum-") => {
                return Err(invalid(format!("{other} cannot be checked; use sha256")));
            }
            _ => continue,
        };
        found.push(digest.ok_or_else(|| malformed(name))?);
    }
    Ok(found)
}

/// Fields that name digests of a message or of what it represents (RFC 9530, RFC 3230, RFC 1864).
fn of_message(fields: &HeaderMap) -> Result<Vec<(Algorithm, String)>, Error> {
    let mut found = Vec::new();
    for (name, value) in fields {
        let text = || value.to_str().map(str::trim).map_err(|_| malformed(name));
        match name.as_str() {
            "content-md5" => {
                let digest = from_base64(Algorithm::Md5, text()?);
                found.push(digest.ok_or_else(|| malformed(name))?);
            }
            "content-digest" | "repr-digest" => {
                for member in text()?.split(',') {
                    found.extend(dictionary_member(member).map_err(|Malformed| malformed(name))?);
                }
            }
            "digest" => {
                for member in text()?.split(',') {
                    found.extend(instance_digest(member).map_err(|Malformed| malformed(name))?);
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// A member of a list that does not have the form of one.
struct Malformed;

type Member = Result<Option<(Algorithm, String)>, Malformed>;

/// `sha-256=:<base64>:`; nothing for an algorithm that is not known, which RFC 9530 §2 has ignored.
fn dictionary_member(member: &str) -> Member {
    let (name, value) = member.trim().split_once('=').ok_or(Malformed)?;
    let encoded = value
        .strip_prefix(':')
        .and_then(|value| value.split_once(':'));
    digest_of(name, encoded.ok_or(Malformed)?.0)
}

/// `SHA-256=<base64>` (RFC 3230 §4.3.2).
fn instance_digest(member: &str) -> Member {
    let (name, value) = member.trim().split_once('=').ok_or(Malformed)?;
    digest_of(name, value)
}

fn digest_of(name: &str, encoded: &str) -> Member {
    match algorithm(name) {
        Some(algorithm) => from_base64(algorithm, encoded).map(Some).ok_or(Malformed),
        None => Ok(None),
    }
}

fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name.to_ascii_lowercase().as_str() {
        "sha-256" => Algorithm::Sha256,
        "sha-512" => Algorithm::Sha512,
        "sha" => Algorithm::Sha1,
        "md5" => Algorithm::Md5,
        _ => return None,
    })
}

fn from_hex(algorithm: Algorithm, text: &str) -> Option<(Algorithm, String)> {
    let is_digest =
        text.len() == 2 * algorithm.length() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| (algorithm, text.to_ascii_lowercase()))
}

fn from_base64(algorithm: Algorithm, text: &str) -> Option<(Algorithm, String)> {
    let bytes = STANDARD.decode(text.trim()).ok()?;
    (bytes.len() == algorithm.length()).then(|| (algorithm, hex(&bytes)))
}

fn malformed(name: &HeaderName) -> Error {
    invalid(format!("{name} is not a digest of its algorithm"))
}
