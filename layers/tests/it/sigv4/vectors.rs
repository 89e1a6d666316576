//! The published test suite of `SigV4`, as the crate aws-sigv4 ships it, through our signer. The suite is
//! read where cargo keeps that crate, so that no copy of it grows old.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use artifact_cache_layers::{
    digest::Sha256,
    sigv4::{Credentials, Payload, Signer},
};
use http::{HeaderName, HeaderValue, Request};
use serde_json::Value;

/// A field over several lines, which HTTP no longer has.
const OBSOLETE: [&str; 1] = ["get-header-value-multiline"];

struct Vector {
    name: String,
    folder: PathBuf,
    context: Value,
    request: Request<()>,
    body: Vec<u8>,
    /// Whether the suite signs the escaped path as it is, as S3 does, or escapes it once more.
    is_as_sent: bool,
}

fn suite() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args([
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let found = packages.iter().find(|it| it["name"] == "aws-sigv4");
    let manifest = found.unwrap()["manifest_path"].as_str().unwrap();
    Path::new(manifest)
        .with_file_name("aws-signing-test-suite")
        .join("v4")
}

/// Every case that says with what it was signed.
fn vectors() -> Vec<Vector> {
    let folders = fs::read_dir(suite()).unwrap();
    let folders = folders.map(|entry| entry.unwrap().path());
    let mut vectors: Vec<_> = folders.filter_map(vector).collect();
    vectors.sort_by(|a, b| a.name.cmp(&b.name));
    vectors
}

fn vector(folder: PathBuf) -> Option<Vector> {
    let name = folder.file_name()?.to_str()?.to_owned();
    let context = fs::read(folder.join("context.json")).ok()?;
    if OBSOLETE.contains(&name.as_str()) {
        return None;
    }
    let text = fs::read_to_string(folder.join("request.txt")).unwrap();
    let (request, body) = request(&text);
    let canonical = fs::read_to_string(folder.join("header-canonical-request.txt")).unwrap();
    let canonical_path = canonical.lines().nth(1).unwrap();
    Some(Vector {
        context: serde_json::from_slice(&context).unwrap(),
        name,
        folder,
        is_as_sent: request.uri().path().contains('%') && canonical_path == request.uri().path(),
        request,
        body,
    })
}

/// A request as the suite writes it; spaces and what is not ASCII are escaped as a client would.
fn request(text: &str) -> (Request<()>, Vec<u8>) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let line = lines.next().unwrap().strip_suffix(" HTTP/1.1").unwrap();
    let (method, target) = line.split_once(' ').unwrap();
    let mut request = Request::new(());
    *request.method_mut() = method.parse().unwrap();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap();
        let name: HeaderName = name.parse().unwrap();
        request
            .headers_mut()
            .append(name, HeaderValue::from_str(value.trim()).unwrap());
    }
    let host = request.headers()["host"].to_str().unwrap();
    let escaped: String = target.bytes().map(escaped).collect();
    *request.uri_mut() = format!("https://{host}{escaped}").parse().unwrap();
    (request, body.as_bytes().to_vec())
}

fn escaped(byte: u8) -> String {
    match byte {
        b' ' | 0x80.. => format!("%{byte:02X}"),
        _ => char::from(byte).to_string(),
    }
}

impl Vector {
    fn text(&self, key: &str) -> &str {
        self.context[key].as_str().unwrap()
    }

    fn signer(&self) -> Signer {
        let mut signer = Signer::service(self.text("service"), self.text("region"));
        if self.context["normalize"] == false {
            signer = signer.without_normalisation();
        }
        if self.is_as_sent {
            signer = signer.with_paths_as_sent();
        }
        if self.context["sign_body"] == true {
            signer = signer.with_digest_field();
        }
        signer
    }

    fn credentials(&self) -> Credentials {
        let given = &self.context["credentials"];
        let text = |key: &str| given[key].as_str();
        let keys = Credentials::new(
            text("access_key_id").unwrap(),
            text("secret_access_key").unwrap(),
        );
        // Some services want the token beside the signature, which is then that of the keys alone.
        match text("token").filter(|_| self.context["omit_session_token"] != true) {
            Some(token) => keys.with_session_token(token),
            None => keys,
        }
    }

    fn expected(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap()
    }

    fn at(&self) -> SystemTime {
        assert_eq!(self.text("timestamp"), "2015-08-30T12:36:00Z");
        SystemTime::UNIX_EPOCH + Duration::from_mins(24_015_636)
    }
}

#[test]
fn every_header_signature_of_the_suite_is_ours() {
    let vectors = vectors();
    assert!(vectors.len() >= 37, "only {} cases", vectors.len());
    for mut vector in vectors {
        let payload = if vector.body.is_empty() {
            Payload::Empty
        } else {
            Payload::Digest(Sha256::of(&vector.body))
        };
        let (credentials, signer, at) = (vector.credentials(), vector.signer(), vector.at());
        let outcome = signer.sign(&mut vector.request, &credentials, payload, at);
        outcome.unwrap();
        let authorization = vector.request.headers()["authorization"].to_str().unwrap();
        let expected = format!("Signature={}", vector.expected("header-signature.txt"));
        assert!(
            authorization.ends_with(expected.trim()),
            "{}: {authorization}, expected {expected}",
            vector.name
        );
    }
}
