//! What an upload answers, in whichever form it comes.

use std::fmt::Write as _;

use super::{assert_code, form, post_form, post_raw, stored, upload};
use crate::support::{cache::Cache, client::Request, origin::Content};

#[test]
fn a_form_becomes_a_file_with_the_documented_fields() {
    let cache = Cache::start();
    let content = Content::seeded(1, 700_001);
    let request = post_form(&[], form(&content.bytes(), "application/gzip"));
    let response = cache.exchange(&request);
    assert_eq!(response.status(), 201, "{}", response.text());
    let answer = response.json();
    let id = content.sha256().to_string();
    assert_eq!(answer.as_object().unwrap().len(), 5);
    assert_eq!(answer["file_id"], *id);
    assert_eq!(answer["sha256"], *id);
    assert_eq!(answer["size"], 700_001);
    assert_eq!(answer["content_type"], "application/gzip");
    let created_at = answer["created_at"].as_str().unwrap();
    assert!(
        created_at.ends_with('Z') && created_at.len() == 20,
        "{created_at}"
    );
    assert_eq!(response.value("location"), Some(&*format!("/files/{id}")));
    assert_eq!(cache.get(&format!("/files/{id}/info")).json(), answer);
    cache.get(&format!("/files/{id}")).assert_is(&content);
}

#[test]
fn the_same_bytes_are_the_same_file_and_their_first_record_stays() {
    let cache = Cache::start();
    let first = cache
        .exchange(&post_form(&[], form(b"twice", "text/plain")))
        .json();
    let again = cache.exchange(&post_raw(
        "/files",
        &[("Content-Type", "text/html")],
        b"twice",
    ));
    assert_eq!(again.status(), 201);
    assert_eq!(again.json(), first);
    assert_eq!(stored(&cache), 1);
}

#[test]
fn a_body_that_is_no_form_is_the_file_itself() {
    let cache = Cache::start();
    for (content_type, expected) in [
        (Some("application/gzip"), "application/gzip"),
        (
            Some("application/x-www-form-urlencoded"),
            "application/octet-stream",
        ),
        (Some("nonsense"), "application/octet-stream"),
        (None, "application/octet-stream"),
    ] {
        let fields: Vec<_> = content_type
            .map(|it| ("Content-Type", it))
            .into_iter()
            .collect();
        let body = format!("raw {content_type:?}");
        let response = cache.exchange(&post_raw("/files", &fields, body.as_bytes()));
        assert_eq!(response.status(), 201, "{}", response.text());
        assert_eq!(response.json()["content_type"], expected);
        let id = response.json()["file_id"].as_str().unwrap().to_owned();
        assert_eq!(cache.get(&format!("/files/{id}")).text(), body);
    }
}

#[test]
fn a_body_of_unknown_length_is_taken_in_by_chunks() {
    let cache = Cache::start();
    let content = Content::seeded(2, 300_000);
    let mut message =
        b"POST /files HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for piece in content.bytes().chunks(70_000) {
        let mut size = String::new();
        write!(size, "{:x}\r\n", piece.len()).unwrap();
        message.extend([size.as_bytes(), piece, b"\r\n"].concat());
    }
    message.extend(b"0\r\n\r\n");
    let mut client = cache.client();
    client.send(&message);
    let response = client.response("POST");
    assert_eq!(response.status(), 201, "{}", response.text());
    assert_eq!(response.json()["file_id"], *content.sha256().to_string());
}

#[test]
fn an_empty_file_is_a_file() {
    let cache = Cache::start();
    let empty = Content::literal("");
    let id = upload(&cache, &empty);
    let response = cache.get(&format!("/files/{id}"));
    assert_eq!((response.status(), response.length), (200, 0));
    let ranged = Request::get(&format!("/files/{id}")).field("Range", "bytes=0-");
    let response = cache.exchange(&ranged);
    assert_code(&response, 416, "RANGE_NOT_SATISFIABLE");
    assert_eq!(response.value("content-range"), Some("bytes */0"));
}

#[test]
fn other_fields_of_a_form_are_passed_over() {
    let cache = Cache::start();
    let mut body =
        b"--X-form\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nx\r\n".to_vec();
    body.extend(form(b"the file", "text/plain"));
    let response = cache.exchange(&post_form(&[], body));
    assert_eq!(response.json()["size"], 8, "{}", response.text());
}

#[test]
fn forms_that_cannot_be_read_are_refused_and_leave_nothing() {
    let cache = Cache::start();
    let whole = form(b"content", "text/plain");
    let twice = [&whole[..whole.len() - b"--X-form--\r\n".len()], &whole].concat();
    let nameless =
        b"--X-form\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nx\r\n--X-form--\r\n";
    for body in [
        &whole[..whole.len() - 6],
        &whole[..60],
        b"",
        b"not a form at all",
        b"--X-form--\r\n",
        nameless,
        &twice,
        b"--X-form\r\nno head\r\n\r\nx\r\n--X-form--\r\n",
    ] {
        let response = cache.exchange(&post_form(&[], body.to_vec()));
        assert_code(&response, 400, "INVALID_INPUT");
        assert_eq!(stored(&cache), 0, "{}", String::from_utf8_lossy(body));
    }
    let fields = [("Content-Type", "multipart/form-data")];
    let response = cache.exchange(&post_raw("/files", &fields, &whole));
    assert_code(&response, 400, "INVALID_INPUT");
}

#[test]
fn names_in_a_form_lead_nowhere() {
    let cache = Cache::start();
    for name in [
        "../../../../tmp/evil",
        "/etc/passwd",
        "..\\\\evil",
        "a\u{0}b",
        "%2e%2e%2f",
    ] {
        let body = String::from_utf8(form(name.as_bytes(), "text/plain")).unwrap();
        let body = body.replace("a.bin", name).into_bytes();
        let response = cache.exchange(&post_form(&[], body));
        let is_good = response.status() == 201 || name.contains('\u{0}');
        assert!(is_good, "{name:?}: {}", response.text());
    }
    let names = crate::fetch::blobs(&cache);
    assert!(
        names
            .iter()
            .all(|path| path.file_name().unwrap().len() == 64),
        "{names:?}"
    );
    assert!(!std::path::Path::new("/tmp/evil").exists());
}

#[test]
fn other_methods_and_parameters_are_refused() {
    let cache = Cache::start();
    for (method, path, allow) in [
        ("GET", "/files", "POST"),
        ("PUT", "/files", "POST"),
        ("GET", "/files:sign", "POST"),
        ("POST", "/files/abcd", "GET, HEAD, DELETE"),
        ("DELETE", "/files/abcd/info", "GET, HEAD"),
        ("POST", "/runs/r/artifact", "GET, HEAD, PUT, DELETE"),
    ] {
        let response = cache.exchange(&Request::new(method, path));
        assert_eq!(response.status(), 405, "{method} {path}");
        assert_eq!(response.value("allow"), Some(allow), "{method} {path}");
    }
    let response = cache.exchange(&post_raw("/files?shasum=1", &[], b"x"));
    assert_code(&response, 400, "UNKNOWN_PARAMETER");
    assert_eq!(stored(&cache), 0);
}

#[test]
fn a_request_id_is_echoed_and_made_where_there_is_none() {
    let cache = Cache::start();
    let named = Request::get("/files/0000").field("X-Request-ID", "mine-1");
    let response = cache.exchange(&named);
    assert_eq!(response.value("x-request-id"), Some("mine-1"));
    assert_eq!(response.json()["request_id"], "mine-1");
    let made = cache
        .get("/files/0000")
        .value("x-request-id")
        .unwrap()
        .to_owned();
    let groups: Vec<_> = made.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12], "{made}");
    assert_eq!(made.as_bytes()[14], b'4', "version 4: {made}");
    assert!(b"89ab".contains(&made.as_bytes()[19]), "{made}");
}
