//! Exports of one cache taken into another, and archives that try to be something else.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    process::Stdio,
};

use tempfile::TempDir;

use super::{Ran, fetch_all, filled, routes};
use crate::support::{
    cache::{Cache, program},
    client::Request,
    origin::{Content, Origin, Reply},
};

fn export(cache: &Cache, arguments: &[&str], to: &Path) -> Ran {
    let mut command = program();
    command.args(["export", "--json", "--url"]);
    command.arg(format!("http://{}", cache.address()));
    let output = command.args(arguments).arg("-o").arg(to).output();
    Ran::of(&output.unwrap())
}

fn import(cache: &Cache, from: &Path) -> Ran {
    let mut command = program();
    command
        .args(["import", "-", "--json", "--data"])
        .arg(cache.data());
    let output = command
        .stdin(File::open(from).unwrap())
        .stderr(Stdio::piped());
    Ran::of(&output.output().unwrap())
}

#[test]
fn what_is_exported_is_served_by_another_cache_with_the_origin_gone() {
    let mut origin = Origin::start();
    let (cache, contents) = filled(&origin, 12, 40_000);
    origin.route(
        "/same",
        Reply::ok(contents[0].clone()).field("X-Of", "same"),
    );
    cache.fetch(&origin.url("/same")).assert_is(&contents[0]);
    cache.stats();
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("some.tar");
    let digest = contents[0].sha256().to_string();
    let (one, two) = (origin.url("/1"), origin.url("/2"));
    export(&cache, &[&one, &two, "--sha256", &digest], &path).done();
    origin.stop();
    let other = Cache::start();
    let imported = import(&other, &path).done();
    assert_eq!(
        (&imported["artifacts"], &imported["blobs"]),
        (&4.into(), &3.into())
    );
    for (path, content) in [("/1", 1), ("/2", 2), ("/0", 0), ("/same", 0)] {
        let hit = other.fetch(&origin.url(path));
        hit.assert_is(&contents[content]);
        assert_eq!(hit.value("X-Cache-Status"), Some("HIT"), "{path}");
    }
    let same = other.fetch(&origin.url("/same"));
    assert_eq!(same.value("X-Of"), Some("same"));
    assert_eq!(other.fetch(&origin.url("/5")).status(), 503);
    let again = import(&other, &path).done();
    assert_eq!(again["known"], 3, "{again}");
    assert_eq!(other.stats()["total_items"], 4);
}

#[test]
fn a_prefix_takes_everything_below_it_and_what_is_newer_stays() {
    let origin = Origin::start();
    let (cache, _) = filled(&origin, 5, 3000);
    cache.stats();
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("all.tar");
    export(&cache, &["--prefix", &origin.url("/")], &path).done();
    let other = Cache::start();
    let newer = Content::seeded(77, 3000);
    origin.route("/0", Reply::ok(newer.clone()));
    other.fetch(&origin.url("/0")).assert_is(&newer);
    other.stats();
    assert_eq!(import(&other, &path).done()["artifacts"], 5);
    other.fetch(&origin.url("/0")).assert_is(&newer);
    let rest = routes(&origin, 5, 3000);
    origin.forget_requests();
    fetch_all(&cache, &origin, &rest);
    assert_eq!(origin.hits("/3"), 0);
}

#[test]
fn nobody_imports_without_a_token_and_nothing_is_exported_by_accident() {
    let cache = Cache::start();
    let import = Request::new("POST", "/api/v1/import").body("x");
    assert_eq!(cache.exchange(&import).status(), 401);
    for body in ["{}", "{\"urls\": [\"nonsense\"]}", "{\"every\": 1}", "["] {
        let export = Request::new("POST", "/api/v1/export").body(body);
        assert_eq!(cache.exchange(&export).status(), 422, "{body}");
    }
}

/// An archive of one artifact with parts that can be exchanged.
struct Forged {
    manifest: String,
    record: String,
    name: String,
    kind: tar::EntryType,
    length: u64,
    bytes: Vec<u8>,
    has_end: bool,
}

const URL: &str = "http://origin.example.com/forged";

impl Forged {
    fn good() -> Self {
        let bytes = b"forged".to_vec();
        let digest = artifact_cache_layers::digest::Sha256::of(&bytes);
        let time = serde_json::json!({"secs": 1_700_000_000, "nanos": 0});
        let record = serde_json::json!({
            "url": URL, "digest": digest.to_string(), "length": 6, "status": 200,
            "fields": [["content-type", "text/plain"], ["set-cookie", "a=b"], ["content-length", "9"]],
            "request_time": time, "response_time": time,
        });
        let manifest = serde_json::json!({
            "format": 1, "program": "p", "created_at": "", "artifacts": 1, "blobs": 1, "bytes": 6,
        });
        Self {
            manifest: manifest.to_string(),
            record: format!("{record}\n"),
            name: format!("blobs/{digest}"),
            kind: tar::EntryType::Regular,
            length: 6,
            bytes,
            has_end: true,
        }
    }

    fn write(&self, path: &Path) {
        let mut file = File::create(path).unwrap();
        let regular = tar::EntryType::Regular;
        let (manifest, record) = (self.manifest.as_bytes(), self.record.as_bytes());
        entry(
            &mut file,
            "manifest.json",
            regular,
            manifest.len() as u64,
            manifest,
        );
        entry(
            &mut file,
            "artifacts.jsonl",
            regular,
            record.len() as u64,
            record,
        );
        entry(&mut file, &self.name, self.kind, self.length, &self.bytes);
        if self.has_end {
            entry(&mut file, "end.json", regular, 2, b"{}");
            file.write_all(&[0; 1024]).unwrap();
        }
    }
}

fn entry(file: &mut File, name: &str, kind: tar::EntryType, length: u64, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(length);
    header.set_mode(0o644);
    header.set_cksum();
    file.write_all(header.as_bytes()).unwrap();
    file.write_all(bytes).unwrap();
    let padding = bytes.len().next_multiple_of(512) - bytes.len();
    file.write_all(&vec![0; padding]).unwrap();
}

#[test]
fn an_archive_that_is_made_by_hand_is_good_when_it_is_right() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("good.tar");
    Forged::good().write(&path);
    let cache = Cache::start();
    import(&cache, &path).done();
    let hit = cache.fetch(URL);
    assert_eq!((hit.status(), hit.text().as_str()), (200, "forged"));
    assert_eq!(hit.value("set-cookie"), None);
    assert_eq!(hit.value("content-length"), Some("6"));
}

/// Such an archive is refused, and nothing of it is there.
#[track_caller]
fn refuse(cache: &Cache, change: &dyn Fn(&mut Forged)) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("forged.tar");
    let mut forged = Forged::good();
    change(&mut forged);
    forged.write(&path);
    let refused = import(cache, &path);
    assert_eq!(refused.code, 1, "{} {}", refused.json, refused.error);
    assert!(refused.error.contains("archive"), "{}", refused.error);
    assert_eq!(cache.stats()["total_items"], 0);
    let left = fs::read_dir(cache.data().join("tmp")).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn an_archive_that_lies_is_refused_and_nothing_of_it_is_there() {
    let cache = Cache::start();
    let refuse = |change: &dyn Fn(&mut Forged)| refuse(&cache, change);
    refuse(&|forged| forged.bytes = b"f0rged".to_vec());
    refuse(&|forged| forged.name = "../escape".into());
    refuse(&|forged| forged.name = "/tmp/escape".into());
    refuse(&|forged| forged.name = forged.name.to_uppercase());
    refuse(&|forged| forged.kind = tar::EntryType::Symlink);
    refuse(&|forged| forged.kind = tar::EntryType::Link);
    refuse(&|forged| forged.kind = tar::EntryType::Directory);
    refuse(&|forged| forged.kind = tar::EntryType::GNULongName);
    refuse(&|forged| forged.kind = tar::EntryType::XHeader);
    refuse(&|forged| forged.length = 5);
    refuse(&|forged| forged.length = 1 << 42);
    refuse(&|forged| forged.record = forged.record.replace("\"length\":6", "\"length\":7"));
    refuse(&|forged| forged.record = forged.record.replace(URL, "nonsense"));
    refuse(&|forged| forged.record = "{\n".into());
    refuse(&|forged| forged.record = "x".repeat(1 << 20));
    refuse(&|forged| forged.record = String::new());
    refuse(&|forged| forged.manifest = "{}".into());
    refuse(&|forged| forged.manifest = forged.manifest.replace("\"format\":1", "\"format\":2"));
    refuse(&|forged| forged.manifest = format!("\"{}\"", "x".repeat(1 << 20)));
}

#[test]
fn an_archive_that_is_cut_says_so() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("cut.tar");
    let cache = Cache::start();
    let forged = Forged {
        has_end: false,
        ..Forged::good()
    };
    forged.write(&path);
    let cut = import(&cache, &path);
    assert_eq!(cut.code, 1);
    assert!(cut.error.contains("cut"), "{}", cut.error);
    let whole = fs::read(&path).unwrap();
    for length in [0, 300, 700, 1600, whole.len() - 512] {
        fs::write(&path, &whole[..length]).unwrap();
        let cut = import(&Cache::start(), &path);
        assert_eq!(cut.code, 1, "{length}: {}", cut.json);
    }
}
