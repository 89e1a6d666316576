//! Uploads and power cuts: what was answered is there, and what was not leaves nothing.

use std::{fs, process::Command};

use super::{form, stored, upload};
use crate::support::{
    cache::{Cache, program},
    client::Request,
    eventually,
    origin::Content,
};

/// Bytes of the upload that is killed in the middle; CI sends more.
fn large() -> u64 {
    let named = std::env::var("UPLOAD_BYTES").ok();
    named.map_or(64 << 20, |bytes| bytes.parse().unwrap())
}

#[test]
fn a_kill_in_the_middle_of_an_upload_leaves_nothing() {
    let mut cache = Cache::start();
    let content = Content::seeded(1, large());
    let length = content.length();
    let mut client = cache.client();
    let head = format!(
        "POST /files HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/gzip\r\nContent-Length: {length}\r\n\r\n"
    );
    client.send(head.as_bytes());
    let half = length / 2;
    let mut sent = 0;
    while sent < half {
        let piece = content.slice(sent, (sent + (1 << 20)).min(half));
        client.send(&piece);
        sent += piece.len() as u64;
    }
    // It has come as far as the kernel took it; some of it is written by now.
    let written = || {
        let path = format!("/proc/{}/fd", cache.id());
        let files = fs::read_dir(path)
            .unwrap()
            .filter_map(|it| fs::metadata(it.ok()?.path()).ok());
        files
            .filter(fs::Metadata::is_file)
            .map(|file| file.len())
            .max()
            .unwrap_or(0)
    };
    eventually("half of it is written", || written() > half / 2);
    cache.kill9();
    cache.restart();
    assert_eq!(stored(&cache), 0);
    assert_eq!(cache.stats()["total_blobs"], 0);
    let id = content.sha256();
    assert_eq!(cache.get(&format!("/files/{id}")).status(), 404);
    assert_eq!(cache.get(&format!("/files/{id}/info")).status(), 404);
}

#[test]
fn an_answered_upload_survives_a_kill() {
    let mut cache = Cache::start();
    let content = Content::seeded(2, 300_000);
    let id = upload(&cache, &content);
    let info = cache.get(&format!("/files/{id}/info")).json();
    cache.kill9();
    cache.restart();
    cache.get(&format!("/files/{id}")).assert_is(&content);
    assert_eq!(cache.get(&format!("/files/{id}/info")).json(), info);
}

fn fsck(cache: &Cache, flags: &[&str]) -> (i32, String) {
    let mut command: Command = program();
    command
        .args(["--data", cache.data().to_str().unwrap(), "fsck"])
        .args(flags);
    let output = command.output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

#[test]
fn files_are_sound_for_fsck_and_come_back_when_the_catalog_is_lost() {
    let mut cache = Cache::start();
    let content = Content::seeded(3, 200_000);
    let id = upload(&cache, &content);
    let gone = upload(&cache, &Content::literal("removed again"));
    let path = format!("/files/{gone}");
    let delete = Request::new("DELETE", &path);
    assert_eq!(cache.exchange(&delete).status(), 204);
    let info = cache.get(&format!("/files/{id}/info")).json();
    cache.terminate();
    let (code, report) = fsck(&cache, &["--rehash"]);
    assert_eq!(code, 0, "{report}");
    fs::remove_dir_all(cache.data().join("catalog")).unwrap();
    let (code, report) = fsck(&cache, &["--rebuild", "--repair"]);
    assert_eq!(code, 0, "{report}");
    cache.restart();
    cache.get(&format!("/files/{id}")).assert_is(&content);
    assert_eq!(cache.get(&format!("/files/{id}/info")).json(), info);
    assert_eq!(cache.get(&path).status(), 404);
    assert_eq!(
        cache.get(&format!("/cas/sha256/{id}")).status(),
        404,
        "still private"
    );
}

#[test]
fn pointers_come_back_when_the_catalog_is_lost() {
    let mut cache = Cache::start();
    let [one, two] = ["one", "two"].map(|text| upload(&cache, &Content::literal(text)));
    let set = |path: &str, id: &str| {
        let body = format!("{{\"storage\": \"data-bank\", \"file_id\": \"{id}\"}}");
        let response = cache.exchange(&Request::new("PUT", path).body(body));
        assert_eq!(response.status(), 200, "{}", response.text());
    };
    set("/runs/kept/artifact", &one);
    set("/runs/kept/artifact", &two);
    set("/tokenizers/t-%C3%BC/artifact", &one);
    set("/runs/removed/artifact", &one);
    let removed = cache.exchange(&Request::new("DELETE", "/runs/removed/artifact"));
    assert_eq!(removed.status(), 204);
    let gone = upload(&cache, &Content::literal("gone"));
    set("/runs/dangling/artifact", &gone);
    let path = format!("/files/{gone}");
    assert_eq!(cache.exchange(&Request::new("DELETE", &path)).status(), 204);
    cache.kill9();
    fs::remove_dir_all(cache.data().join("catalog")).unwrap();
    let (code, report) = fsck(&cache, &["--rebuild", "--repair"]);
    assert_eq!(code, 0, "{report}");
    cache.restart();
    let leads = |path: &str| cache.get(path).json()["file_id"].clone();
    assert_eq!(leads("/runs/kept/artifact"), *two);
    assert_eq!(leads("/tokenizers/t-%C3%BC/artifact"), *one);
    for path in ["/runs/removed/artifact", "/runs/dangling/artifact"] {
        assert_eq!(cache.get(path).status(), 404, "{path}");
    }
    // The blobs are held by their files again, and fsck finds nothing strange.
    cache.terminate();
    let (code, report) = fsck(&cache, &["--rehash"]);
    assert_eq!(code, 0, "{report}");
}

#[test]
fn a_damaged_file_is_forgotten_so_that_it_can_be_uploaded_again() {
    let cache = Cache::start();
    let content = Content::seeded(4, 200_000);
    let id = upload(&cache, &content);
    fs::remove_file(&crate::fetch::blobs(&cache)[0]).unwrap();
    assert_eq!(cache.get(&format!("/files/{id}")).status(), 404);
    cache
        .trace()
        .wait_for("an uploaded file is gone or damaged", |event| {
            event["sha256"] == *id
        });
    upload(&cache, &content);
    cache.get(&format!("/files/{id}")).assert_is(&content);
    drop(form(b"", ""));
}
