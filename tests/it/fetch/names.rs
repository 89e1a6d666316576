//! `Content-Disposition` and `Content-Type`: what a file is called and what it is, as clients that save
//! into a directory want to know.

use super::small;
use crate::support::{
    cache::Cache,
    origin::{Origin, Reply},
};

#[test]
fn the_file_is_named_after_the_url() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("*", Reply::ok(small()));
    for (path, disposition) in [
        (
            "/d/tool-1.2.tar.gz?x=/y",
            "attachment; filename=\"tool-1.2.tar.gz\"",
        ),
        (
            "/with%20space.txt",
            "attachment; filename=\"with space.txt\"",
        ),
        (
            "/%C3%BCber.txt",
            "attachment; filename*=UTF-8''%C3%BCber.txt",
        ),
        ("/a%22b%5C.txt", "attachment"),
        ("/quo%22te", "attachment; filename*=UTF-8''quo%22te"),
        ("/d/", "attachment"),
        ("/..%2f..%2fetc%2fpasswd", "attachment"),
        ("/line%0d%0aX-Evil:%201", "attachment"),
    ] {
        for _ in 0..2 {
            let response = cache.fetch(&origin.url(path));
            response.assert_is(&small());
            assert_eq!(
                response.value("content-disposition"),
                Some(disposition),
                "{path}"
            );
            assert_eq!(response.value("x-evil"), None);
        }
    }
}

#[test]
fn the_origins_own_name_is_kept() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let own = "attachment; filename=\"other.bin\"";
    origin.route("/a", Reply::ok(small()).field("Content-Disposition", own));
    for _ in 0..2 {
        let response = cache.fetch(&origin.url("/a"));
        assert_eq!(response.value("content-disposition"), Some(own));
    }
}

#[test]
fn a_missing_media_type_is_told_by_the_name() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("*", Reply::ok(small()));
    for (path, media_type) in [
        ("/a.zip", "application/zip"),
        ("/a.json", "application/json"),
        ("/a", "application/octet-stream"),
        ("/a.nobody-knows", "application/octet-stream"),
    ] {
        for _ in 0..2 {
            let response = cache.fetch(&origin.url(path));
            assert_eq!(response.value("content-type"), Some(media_type), "{path}");
        }
    }
}
