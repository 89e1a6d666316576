//! `/fetch/https/host/path?query`: the URL byte for byte, for clients that cannot encode.

use super::{assert_error, assert_served, small};
use crate::support::{
    cache::Cache,
    client::Request,
    origin::{Origin, Reply},
};

fn path_form(url: &str) -> String {
    format!("/fetch/{}", url.replacen("://", "/", 1))
}

#[test]
fn the_path_form_is_the_same_door() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("*", Reply::ok(small()));
    let url = origin.url("/a%20b/c+d?x=1&y=%26&url=z&sha256=");
    assert_served(&cache.get(&path_form(&url)), "MISS", &small());
    assert_eq!(
        origin.requests()[0].target,
        "/a%20b/c+d?x=1&y=%26&url=z&sha256="
    );
    assert_served(&cache.fetch(&url), "HIT", &small());
    let head = cache.exchange(&Request::new("HEAD", &path_form(&url)));
    assert_eq!(head.value("x-cache-status"), Some("HIT"));
}

#[test]
fn a_path_that_is_no_url_is_refused() {
    let cache = Cache::start();
    for path in [
        "/fetch/ftp/example.com/a",
        "/fetch/file/etc/passwd",
        "/fetch/http",
        "/fetch/http//etc/passwd",
        "/fetch/http/user:secret@example.com/a",
        "/fetch/http/example.com:99999/a",
    ] {
        let response = cache.get(path);
        let error = assert_error(&response, 400, "invalid_parameter");
        assert_eq!(error["parameter"], "url", "{path}");
        assert!(!response.text().contains("secret"));
    }
}
