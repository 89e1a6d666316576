//! Uploads in several parts: they go on where they ended, whatever ended them, and nothing is seen of them
//! before they are whole.

use super::{assert_code, stored};
use crate::support::{
    cache::Cache,
    client::{Request, Response},
    eventually, eventually_some,
    origin::Content,
};

const KIND: &str = "application/partial-upload";

fn begin(cache: &Cache, fields: &[(&str, &str)], body: &[u8]) -> Response {
    let request = Request::new("POST", "/files")
        .field("Upload-Complete", "?0")
        .field("Content-Type", "application/gzip")
        .fields(fields);
    cache.exchange(&request.body(body))
}

/// Begins an upload of nothing yet and returns its path.
#[track_caller]
fn begun(cache: &Cache, fields: &[(&str, &str)]) -> String {
    let response = begin(cache, fields, b"");
    assert_eq!(response.status(), 201, "{}", response.text());
    assert_eq!(response.value("upload-offset"), Some("0"));
    response.value("location").unwrap().to_owned()
}

fn patch(path: &str, offset: u64, is_last: bool, body: &[u8]) -> Request {
    Request::new("PATCH", path)
        .field("Content-Type", KIND)
        .field("Upload-Offset", &offset.to_string())
        .field("Upload-Complete", if is_last { "?1" } else { "?0" })
        .body(body)
}

/// How much there is.
#[track_caller]
fn offset(cache: &Cache, path: &str) -> u64 {
    let response = cache.exchange(&Request::new("HEAD", path));
    assert_eq!(response.status(), 204);
    assert_eq!(response.value("upload-complete"), Some("?0"));
    assert_eq!(response.value("cache-control"), Some("no-store"));
    response.value("upload-offset").unwrap().parse().unwrap()
}

#[track_caller]
fn assert_finished(cache: &Cache, response: &Response, content: &Content) {
    assert_eq!(response.status(), 201, "{}", response.text());
    let id = content.sha256().to_string();
    assert_eq!(response.json()["file_id"], *id);
    assert_eq!(response.json()["size"], content.length());
    assert_eq!(response.value("upload-complete"), Some("?1"));
    assert_eq!(response.value("location"), Some(&*format!("/files/{id}")));
    cache.get(&format!("/files/{id}")).assert_is(content);
}

#[test]
fn parts_become_one_file_and_nothing_is_seen_of_it_before() {
    let cache = Cache::start();
    let content = Content::seeded(50, 3_000_000);
    let first = begin(
        &cache,
        &[("Upload-Length", "3000000")],
        &content.slice(0, 1000),
    );
    assert_eq!(first.status(), 201);
    assert_eq!(first.value("upload-offset"), Some("1000"));
    assert_eq!(first.value("upload-complete"), Some("?0"));
    assert!(first.value("upload-limit").unwrap().starts_with("max-age="));
    let path = first.value("location").unwrap().to_owned();
    let second = cache.exchange(&patch(&path, 1000, false, &content.slice(1000, 2_000_000)));
    assert_eq!(second.status(), 204);
    assert_eq!(second.value("upload-offset"), Some("2000000"));
    assert_eq!(offset(&cache, &path), 2_000_000);
    let id = content.sha256();
    assert_code(&cache.get(&format!("/files/{id}")), 404, "NOT_FOUND");
    assert_eq!(cache.stats()["total_blobs"], 0);

    let last = cache.exchange(&patch(
        &path,
        2_000_000,
        true,
        &content.slice(2_000_000, 3_000_000),
    ));
    assert_finished(&cache, &last, &content);
    assert_eq!(last.json()["content_type"], "application/gzip");
    assert_eq!(stored(&cache), 1, "nothing but the file is left");
    let over = cache.exchange(&Request::new("HEAD", &path));
    assert_eq!(
        over.value("upload-complete"),
        Some("?1"),
        "for whoever missed it"
    );
    assert_eq!(over.value("location"), Some(&*format!("/files/{id}")));
}

/// Length of the one unfinished file.
fn written(cache: &Cache) -> u64 {
    let files = cache.data().join("tmp").read_dir().unwrap().flatten();
    let part = files.filter(|file| file.path().extension().is_some_and(|it| it == "part"));
    part.map(|file| file.metadata().unwrap().len()).sum()
}

/// Temporary files, also of a cache that does not run.
fn left(cache: &Cache) -> usize {
    cache.data().join("tmp").read_dir().unwrap().count()
}

/// Sends the beginning of a part and closes; how much of it arrived.
fn broken_off(cache: &Cache, path: &str, content: &Content, until: u64) -> u64 {
    let mut client = cache.client();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {KIND}\r\nUpload-Offset: 0\r\n\
         Upload-Complete: ?1\r\nContent-Length: {}\r\n\r\n",
        content.length()
    );
    client.send(head.as_bytes());
    client.send(&content.slice(0, until));
    client.end(crate::support::Ending::Fin);
    drop(client);
    // A look over HTTP would end the part.
    eventually("what came is written", || written(cache) == until);
    offset(cache, path)
}

#[test]
fn an_upload_goes_on_where_its_connection_broke() {
    let cache = Cache::start();
    let content = Content::seeded(51, 2_000_000);
    let path = begun(&cache, &[]);
    let there = broken_off(&cache, &path, &content, 1_234_567);
    let rest = content.slice(there, content.length());
    let last = cache.exchange(&patch(&path, there, true, &rest));
    assert_finished(&cache, &last, &content);
}

#[test]
fn an_upload_goes_on_after_a_kill_and_after_a_stop() {
    let mut cache = Cache::start();
    let content = Content::seeded(52, 2_000_000);
    let path = begun(&cache, &[("Upload-Length", "2000000")]);
    let first = cache.exchange(&patch(&path, 0, false, &content.slice(0, 700_000)));
    assert_eq!(first.status(), 204);
    cache.kill9();
    cache.restart();
    assert_eq!(offset(&cache, &path), 700_000);
    let second = cache.exchange(&patch(
        &path,
        700_000,
        false,
        &content.slice(700_000, 900_000),
    ));
    assert_eq!(second.status(), 204);
    cache.terminate();
    cache.restart();
    assert_eq!(offset(&cache, &path), 900_000);
    let rest = content.slice(900_000, 2_000_000);
    let last = cache.exchange(&patch(&path, 900_000, true, &rest));
    assert_finished(&cache, &last, &content);
}

#[test]
fn a_look_at_an_upload_ends_the_part_that_hangs() {
    let cache = Cache::start();
    let content = Content::seeded(53, 500_000);
    let path = begun(&cache, &[]);
    let mut hanging = cache.client();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {KIND}\r\nUpload-Offset: 0\r\n\
         Upload-Complete: ?1\r\nContent-Length: 500000\r\n\r\n"
    );
    hanging.send(head.as_bytes());
    hanging.send(&content.slice(0, 100_000));
    // The first look may come before the part that is to hang, whose bytes then come before ours.
    let last = eventually_some("an end of the part that hangs", || {
        let there = offset(&cache, &path);
        assert!(there <= 100_000);
        let rest = content.slice(there, 500_000);
        let last = cache.exchange(&patch(&path, there, true, &rest));
        (last.status() != 409).then_some(last)
    });
    assert_finished(&cache, &last, &content);
    drop(hanging);
}

#[test]
fn an_upload_that_is_given_up_or_too_old_leaves_nothing() {
    let mut cache = Cache::start();
    let part = cache.exchange(&patch(&begun(&cache, &[]), 0, false, b"something"));
    assert_eq!(part.status(), 204);
    cache.kill9();
    assert_eq!(left(&cache), 2, "the part and what is known of it");
    let later = Cache::setup()
        .data(cache.data())
        .environment("ARTIFACT_CACHE__STORAGE__KEEP_PARTIAL", "0s")
        .start();
    assert_eq!(left(&later), 0, "no orphan survives the sweep");
    drop(later);

    let cache = Cache::start();
    let path = begun(&cache, &[]);
    assert_eq!(
        cache
            .exchange(&patch(&path, 0, false, b"something"))
            .status(),
        204
    );
    assert_eq!(cache.exchange(&Request::new("DELETE", &path)).status(), 204);
    assert_eq!(cache.exchange(&Request::new("HEAD", &path)).status(), 404);
    assert_code(
        &cache.exchange(&patch(&path, 9, true, b"")),
        404,
        "NOT_FOUND",
    );
    assert_eq!(stored(&cache), 0);
}

/// Parts that do not fit an upload of 10 bytes of which 5 are there, and what each is answered with.
fn misfits(path: &str) -> Vec<(Request, u16, &'static str)> {
    let other = |name: &str, value: &str| {
        patch(path, 5, true, b"56789")
            .without(name)
            .field(name, value)
    };
    vec![
        (patch(path, 0, false, b"01234"), 409, "CONFLICT"),
        (patch(path, 6, true, b"6789"), 409, "CONFLICT"),
        (patch(path, 5, true, b"56789a"), 413, "PAYLOAD_TOO_LARGE"),
        (other("Content-Type", "text/plain"), 400, "INVALID_INPUT"),
        (other("Upload-Offset", "-1"), 400, "INVALID_INPUT"),
        (other("Upload-Offset", "5.0"), 400, "INVALID_INPUT"),
        (other("Upload-Complete", "1"), 400, "INVALID_INPUT"),
        (
            other(
                "X-Checksum-Sha1",
                "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            ),
            400,
            "INVALID_INPUT",
        ),
        (
            patch(path, 5, true, b"56789").without("Upload-Complete"),
            400,
            "INVALID_INPUT",
        ),
        (
            patch("/files/uploads/0123", 5, true, b"56789"),
            404,
            "NOT_FOUND",
        ),
        (
            Request::new("POST", path).body("x"),
            405,
            "METHOD_NOT_ALLOWED",
        ),
        (patch(path, 5, true, b"567"), 400, "INVALID_INPUT"),
    ]
}

#[test]
fn a_part_that_does_not_fit_changes_nothing() {
    let cache = Cache::start();
    let path = begun(&cache, &[("Upload-Length", "10")]);
    assert_eq!(
        cache.exchange(&patch(&path, 0, false, b"01234")).status(),
        204
    );
    for (request, status, code) in misfits(&path) {
        assert_code(&cache.exchange(&request), status, code);
    }
    // Three bytes of the short last part had arrived.
    let there = offset(&cache, &path);
    assert_eq!(there, 8);
    let content = Content::literal("0123456789");
    let last = cache.exchange(&patch(&path, there, true, &content.slice(there, 10)));
    assert_eq!(last.json()["size"], 10);
}

#[test]
fn what_cannot_be_begun_is_not() {
    let cache = Cache::setup().environment("MAX_FILE_BYTES", "1000").start();
    for (fields, status, code) in [
        (&[("Upload-Length", "1001")][..], 413, "PAYLOAD_TOO_LARGE"),
        (&[("Upload-Length", "many")], 400, "INVALID_INPUT"),
        (
            &[("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==")],
            400,
            "INVALID_INPUT",
        ),
        (&[("Upload-Complete", "?1")], 400, "INVALID_INPUT"),
    ] {
        assert_code(&begin(&cache, fields, b""), status, code);
    }
    let wrong = Request::new("POST", "/files")
        .field("Upload-Complete", "no")
        .body("x");
    assert_code(&cache.exchange(&wrong), 400, "INVALID_INPUT");
    assert_eq!(stored(&cache), 0);
    let at_once = Request::new("POST", "/files")
        .field("Upload-Complete", "?1")
        .body("whole");
    assert_eq!(
        cache.exchange(&at_once).json()["size"],
        5,
        "an upload like any"
    );
}

#[test]
fn a_digest_that_was_announced_is_that_of_the_whole() {
    let cache = Cache::start();
    let content = Content::literal("the whole of it");
    let begin = |sha256: &str| {
        let target = format!("/files?sha256={sha256}");
        let request = Request::new("POST", &target)
            .field("Upload-Complete", "?0")
            .body("the ");
        cache
            .exchange(&request)
            .value("location")
            .unwrap()
            .to_owned()
    };
    let path = begin(&"0".repeat(64));
    let wrong = cache.exchange(&patch(&path, 4, true, b"whole of it"));
    assert_eq!(wrong.status(), 409, "{}", wrong.text());
    assert_eq!(stored(&cache), 0);
    let path = begin(&content.sha256().to_string());
    let right = cache.exchange(&patch(&path, 4, true, b"whole of it"));
    assert_finished(&cache, &right, &content);
}

#[test]
fn only_whoever_may_upload_goes_on_and_a_signed_url_reaches_to_the_end() {
    let cache = Cache::setup()
        .environment("API_UPLOAD_KEYS", "up")
        .environment("API_READ_KEYS", "read")
        .start();
    assert_code(&begin(&cache, &[], b""), 401, "UNAUTHORIZED");
    let path = begun(&cache, &[("X-API-Key", "up")]);
    let part = || patch(&path, 0, true, b"guarded");
    assert_code(&cache.exchange(&part()), 401, "UNAUTHORIZED");
    for method in ["HEAD", "DELETE"] {
        let request = Request::new(method, &path).field("X-API-Key", "read");
        assert_eq!(cache.exchange(&request).status(), 403, "{method}");
    }
    let done = cache.exchange(&part().field("X-API-Key", "up"));
    assert_eq!(done.status(), 201);

    let wanted = r#"{"scope": "upload", "size": 6}"#;
    let sign = Request::new("POST", "/files:sign")
        .field("X-API-Key", "up")
        .body(wanted);
    let target = cache.exchange(&sign).json()["path"]
        .as_str()
        .unwrap()
        .to_owned();
    let begin = Request::new("POST", &target)
        .field("Upload-Complete", "?0")
        .body("sig");
    let path = cache.exchange(&begin).value("location").unwrap().to_owned();
    assert_eq!(offset(&cache, &path), 3);
    assert_code(
        &cache.exchange(&patch(&path, 3, true, b"ned!")),
        413,
        "PAYLOAD_TOO_LARGE",
    );
    let done = cache.exchange(&patch(&path, 3, true, b"ned"));
    assert_eq!(done.status(), 201, "{}", done.text());
}
