//! `files`, `pointer`, `upload-dir` and `pull-run` against a running cache.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    Ending,
    cache::{Cache, program},
    chaos::{Link, Passage},
    client::Request,
    origin::{Content, Origin, Reply},
};

/// The command line of an older client's environment.
fn command(url: &str, key: Option<&str>) -> Command {
    let mut command = program();
    command.env("APP__DATA_BANK_API_URL", url);
    if let Some(key) = key {
        command.env("APP__DATA_BANK_API_KEY", key);
    }
    command
}

fn run(cache: &Cache, arguments: &[&str]) -> Output {
    let url = format!("http://{}", cache.address());
    command(&url, Some("k")).args(arguments).output().unwrap()
}

#[track_caller]
fn out(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    String::from_utf8(output.stdout.clone())
        .unwrap()
        .trim()
        .to_owned()
}

fn guarded() -> Cache {
    Cache::setup()
        .environment("API_UPLOAD_KEYS", "k")
        .environment("ARTIFACT_CACHE__FILES__PROTECT_POINTED", "true")
        .start()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_directory_goes_up_and_comes_back_the_same() {
    let (cache, directory) = (guarded(), TempDir::new().unwrap());
    let source = directory.path().join("out");
    fs::create_dir_all(source.join("checkpoints/empty")).unwrap();
    fs::write(source.join("manifest.json"), "{}").unwrap();
    fs::write(source.join("checkpoints/model.bin"), vec![7; 3_000_000]).unwrap();

    let uploaded = run(
        &cache,
        &[
            "upload-dir",
            text(&source),
            "--name",
            "run-1",
            "--run",
            "run-1",
        ],
    );
    let pointer: Value = serde_json::from_str(&out(&uploaded)).unwrap();
    assert_eq!(pointer["storage"], "data-bank");
    let said = String::from_utf8(uploaded.stderr).unwrap();
    let event: Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!(event["event"], "artifact_uploaded");
    assert_eq!(
        (&event["file_id"], &event["run_id"]),
        (&pointer["file_id"], &"run-1".into())
    );
    assert!(event["category"].is_string() && event["service"].is_string());

    let id = pointer["file_id"].as_str().unwrap();
    let info = cache.exchange(&Request::get(&format!("/files/{id}/info")).field("X-API-Key", "k"));
    assert_eq!(info.json()["content_type"], "application/gzip");
    let shown = run(&cache, &["pointer", "get", "run", "run-1"]);
    assert_eq!(out(&shown), pointer.to_string());
    comes_back(&cache, directory.path());
}

/// Pulls the run into a directory of `place`, where nothing else is left, and where it stays.
fn comes_back(cache: &Cache, place: &Path) {
    let target = place.join("into");
    let pulled = run(cache, &["pull-run", "run-1", "-C", text(&target)]);
    assert_eq!(out(&pulled), text(&target.join("run-1")));
    assert_eq!(
        fs::read(target.join("run-1/checkpoints/model.bin")).unwrap(),
        vec![7; 3_000_000]
    );
    assert!(target.join("run-1/checkpoints/empty").is_dir());
    assert_eq!(
        fs::read_dir(&target).unwrap().count(),
        1,
        "nothing else is left"
    );
    let again = run(cache, &["pull-run", "run-1", "-C", text(&target)]);
    assert_eq!(again.status.code(), Some(1), "what is there stays");
}

#[test]
fn an_upload_that_fails_says_so_and_fails() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("a"), "a").unwrap();
    let origin = Origin::start();
    for (reply, code) in [
        (Reply::status(500), 1),
        (Reply::status(401), 3),
        (
            Reply::raw("HTTP/1.1 201 Created\r\nContent-Length: 8\r\n\r\nnot json"),
            1,
        ),
        (
            Reply::raw("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"),
            2,
        ),
    ] {
        origin.route("/files", reply);
        let failed = command(&origin.url(""), None)
            .args(["upload-dir", text(directory.path()), "--name", "x"])
            .output()
            .unwrap();
        let error = String::from_utf8(failed.stderr).unwrap();
        assert!(error.contains("artifact upload failed"), "{error}");
        assert_eq!(failed.status.code(), Some(code), "{error}");
        assert!(failed.stdout.is_empty());
    }
}

#[test]
fn what_cannot_be_an_archive_is_not_uploaded() {
    let (cache, directory) = (guarded(), TempDir::new().unwrap());
    let path = text(directory.path());
    for arguments in [
        &["upload-dir", path, "--name", "../x"][..],
        &["upload-dir", "/nowhere", "--name", "x"],
        &["upload-dir", path, "--name", "x", "--run", "a/b"],
    ] {
        assert_eq!(
            run(&cache, arguments).status.code(),
            Some(64),
            "{arguments:?}"
        );
    }
    std::os::unix::fs::symlink("/etc/passwd", directory.path().join("link")).unwrap();
    let failed = run(&cache, &["upload-dir", path, "--name", "x", "--run", "r"]);
    let error = String::from_utf8(failed.stderr).unwrap();
    assert!(error.contains("artifact upload failed"), "{error}");
    assert_eq!(cache.stats()["total_blobs"], 0);
    assert_eq!(run(&cache, &["pull-run", "r"]).status.code(), Some(2));
}

/// An archive with one good entry and one of this name and kind, valid or not.
fn archive_of(name: &str, kind: tar::EntryType, link: &str) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(gzip);
    for (name, kind) in [("root/good", tar::EntryType::Regular), (name, kind)] {
        let content: &[u8] = if kind.is_file() { b"evil" } else { b"" };
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn a_run_whose_archive_reaches_out_is_not_unpacked() {
    use tar::EntryType::{Fifo, Link, Regular, Symlink};
    let cache = guarded();
    for (name, kind, link) in [
        ("../evil", Regular, ""),
        ("root/../../evil", Regular, ""),
        ("/tmp/evil-of-a-run", Regular, ""),
        ("root/link", Symlink, "/etc"),
        ("root/link", Link, "../../etc/passwd"),
        ("root/pipe", Fifo, ""),
    ] {
        let keyed = |method: &str, path: &str| Request::new(method, path).field("X-API-Key", "k");
        let archive = keyed("POST", "/files").body(archive_of(name, kind, link));
        let id = cache.exchange(&archive).json()["file_id"].clone();
        let pointer = serde_json::json!({"storage": "data-bank", "file_id": id});
        let set = keyed("PUT", "/runs/evil/artifact").body(pointer.to_string());
        assert_eq!(cache.exchange(&set).status(), 200);
        let directory = TempDir::new().unwrap();
        let into = directory.path().join("into");
        let pulled = run(&cache, &["pull-run", "evil", "-C", text(&into)]);
        assert_ne!(pulled.status.code(), Some(0), "{name}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "{name}");
        assert_eq!(fs::read_dir(&into).unwrap().count(), 0, "{name}");
    }
    assert!(!Path::new("/tmp/evil-of-a-run").exists());
}

#[test]
fn files_and_pointers_have_their_verbs() {
    let (cache, directory) = (guarded(), TempDir::new().unwrap());
    let path = directory.path().join("a.bin");
    fs::write(&path, vec![3; 2_500_000]).unwrap();
    let id = out(&run(
        &cache,
        &["files", "put", text(&path), "--content-type", "text/plain"],
    ));
    let info: Value =
        serde_json::from_str(&out(&run(&cache, &["files", "info", &id, "--json"]))).unwrap();
    assert_eq!(
        (&info["size"], &info["content_type"]),
        (&2_500_000.into(), &"text/plain".into())
    );
    let copy = directory.path().join("copy");
    out(&run(&cache, &["files", "get", &id, "-o", text(&copy)]));
    assert_eq!(fs::read(&copy).unwrap(), vec![3; 2_500_000]);

    out(&run(&cache, &["pointer", "set", "tokenizer", "t-1", &id]));
    let shown = out(&run(&cache, &["pointer", "get", "tokenizer", "t-1"]));
    assert!(shown.contains(&id), "{shown}");
    let unasked = run(&cache, &["files", "rm", &id]);
    assert_eq!(unasked.status.code(), Some(64), "nobody to ask");
    let pointed = run(&cache, &["files", "rm", &id, "--yes"]);
    assert_ne!(pointed.status.code(), Some(0));
    out(&run(
        &cache,
        &["pointer", "rm", "tokenizer", "t-1", "--dry-run"],
    ));
    out(&run(
        &cache,
        &["pointer", "rm", "tokenizer", "t-1", "--yes"],
    ));
    out(&run(&cache, &["files", "rm", &id, "--yes"]));
    assert_eq!(run(&cache, &["files", "get", &id]).status.code(), Some(2));
    let wrong = format!("http://{}", cache.address());
    let refused = command(&wrong, Some("other"))
        .args(["files", "info", &id])
        .output();
    assert_eq!(refused.unwrap().status.code(), Some(3));
}

#[test]
fn a_large_file_goes_on_where_its_connection_broke() {
    let cache = guarded();
    let link = Link::to(cache.address());
    // Each connection breaks long before the whole has passed.
    link.upstream(Passage::CutAfter(9_000_000, Ending::Reset));
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("large.bin");
    let content = Content::seeded(60, 20 << 20);
    fs::write(&path, content.bytes()).unwrap();
    let arguments = ["files", "put", text(&path), "--tag", "nightly"];
    let put = command(&link.url(""), Some("k")).args(arguments).output();
    let id = out(&put.unwrap());
    assert_eq!(id, content.sha256().to_string());
    assert!(link.connections() >= 3, "{}", link.connections());
    let back = directory.path().join("back");
    out(&run(&cache, &["files", "get", &id, "-o", text(&back)]));
    assert!(fs::read(back).unwrap() == content.bytes());
    let found = out(&run(&cache, &["files", "info", &id[..10], "--json"]));
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(
        (&found["file_id"], &found["uploads"][0]["tag"]),
        (&id.into(), &"nightly".into())
    );
}

#[test]
fn an_upload_that_was_given_up_is_gone_on_with_by_its_name() {
    let cache = guarded();
    let link = Link::to(cache.address());
    // Nothing that is large passes, so that no attempt brings anything further.
    link.upstream(Passage::CutAfter(2000, Ending::Reset));
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("large.bin");
    let content = Content::seeded(61, 17 << 20);
    fs::write(&path, content.bytes()).unwrap();
    let put = command(&link.url(""), Some("k"))
        .args(["files", "put", text(&path)])
        .output();
    let put = put.unwrap();
    assert_ne!(put.status.code(), Some(0));
    let said = String::from_utf8(put.stderr).unwrap();
    let name = said
        .split("--resume ")
        .nth(1)
        .expect(&said)
        .split_whitespace()
        .next()
        .unwrap();
    let resumed = run(&cache, &["files", "put", text(&path), "--resume", name]);
    assert_eq!(out(&resumed), content.sha256().to_string());
    let unknown = run(
        &cache,
        &["files", "put", text(&path), "--resume", &"0".repeat(32)],
    );
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn files_whose_time_is_over_are_shown_and_removed() {
    let cache = Cache::setup()
        .config("files: {retention: [{tag: old, ttl: 1ms}]}")
        .start();
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("a");
    fs::write(&path, "short-lived").unwrap();
    let id = out(&run(&cache, &["files", "put", text(&path), "--tag", "old"]));
    fs::write(&path, "stays").unwrap();
    let stays = out(&run(&cache, &["files", "put", text(&path)]));
    let shown = out(&run(&cache, &["files", "expire", "--dry-run"]));
    assert!(
        shown.starts_with(&id) && shown.contains("would remove 1 files"),
        "{shown}"
    );
    let unsaid = run(&cache, &["files", "expire"]);
    assert_eq!(unsaid.status.code(), Some(64), "nobody to ask");
    let done = out(&run(&cache, &["files", "expire", "--yes", "--json"]));
    let done: Value = serde_json::from_str(&done).unwrap();
    assert_eq!(
        (&done["dry_run"], &done["count"]),
        (&false.into(), &1.into())
    );
    assert_eq!(run(&cache, &["files", "info", &id]).status.code(), Some(2));
    out(&run(&cache, &["files", "info", &stays]));
}
