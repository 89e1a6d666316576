//! Tests of `target_uri`.

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<TargetUri, InvalidTargetUri> {
    text.parse()
}

fn kept(text: &str) -> String {
    parse(text).unwrap().to_string()
}

#[test]
fn path_and_query_are_kept_byte_for_byte() {
    for text in [
        "http://example.com/%7Euser/~user/%7euser/%C3%a9",
        "http://example.com//a///b/",
        "http://example.com/a;b=c,d/@:!$&()*+=",
        "http://example.com/a?",
        "http://example.com/?b=2&a=1&&c=%20+%2B",
        "http://example.com/a%2Fb%00",
        "http://example.com/a?x=[1]|{2}^`\\",
        "http://example.com/a|b[c]",
    ] {
        assert_eq!(kept(text), text);
    }
}

#[test]
fn what_is_normalised_is_what_the_module_says() {
    for (text, normal) in [
        ("HTTP://EXAMPLE.com", "http://example.com/"),
        ("http://example.com:80/", "http://example.com/"),
        ("https://example.com:443/", "https://example.com/"),
        ("http://example.com:/", "http://example.com/"),
        ("https://example.com:80/", "https://example.com:80/"),
        (
            "http://example.com/a/./b/../c/%2e%2E/d",
            "http://example.com/a/d",
        ),
        ("http://example.com\\a\\b", "http://example.com/a/b"),
        (
            "http://example.com/a b\"<>`{}é^",
            "http://example.com/a%20b%22%3C%3E%60%7B%7D%C3%A9^",
        ),
        (
            "http://example.com/?a b\"<>'é",
            "http://example.com/?a%20b%22%3C%3E%27%C3%A9",
        ),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://[::FFFF:127.0.0.1]/", "http://[::ffff:7f00:1]/"),
        ("http://ex%61mple.com/", "http://example.com/"),
        ("http://example.com/a#sha256=b", "http://example.com/a"),
    ] {
        assert_eq!(kept(text), normal, "{text}");
    }
}

#[test]
fn other_schemes_keep_their_host_and_path() {
    let uri = parse("gs://Bucket/Key?versionId=1").unwrap();
    assert_eq!((uri.scheme(), uri.host(), uri.port()), ("gs", "Bucket", 0));
    assert_eq!(uri.path_and_query(), "/Key?versionId=1");
    assert_eq!(parse("gs://bucket").unwrap().path_and_query(), "/");
}

#[test]
fn what_another_parser_might_read_differently_is_refused() {
    for text in [
        "http://example.com/a\tb",
        "http://example.com/\r\nHost: other",
        "http://exa\nmple.com/",
        " http://example.com/",
        "http://example.com/ ",
        "http://example.com/\u{7f}",
        "http://exa mple.com/",
        "http://example.com:99999/",
        "http://[::1/",
        "/a",
        "a",
        "",
    ] {
        assert!(
            matches!(parse(text), Err(InvalidTargetUri::Syntax(_))),
            "{text:?}"
        );
    }
}

#[test]
fn credentials_and_missing_hosts_are_refused() {
    assert_eq!(
        parse("http://user@example.com/"),
        Err(InvalidTargetUri::Credentials)
    );
    assert_eq!(
        parse("http://:secret@example.com/"),
        Err(InvalidTargetUri::Credentials)
    );
    assert_eq!(
        parse("http://example.com\\@other.example/"),
        parse("http://example.com/@other.example/")
    );
    assert_eq!(parse("data:text/plain,a"), Err(InvalidTargetUri::NoHost));
    assert_eq!(parse("file:///etc/passwd"), Err(InvalidTargetUri::NoHost));
    assert!(parse("http://").is_err());
    // `url` would find a host in each of them.
    for text in [
        "http:example.com/a",
        "http:/example.com/a",
        "http:///example.com/a",
        "http://\\example.com/a",
        "http:\\\\example.com/a",
    ] {
        assert_eq!(parse(text), Err(InvalidTargetUri::NoHost), "{text}");
    }
}

#[test]
fn a_fragment_is_given_back() {
    let (uri, fragment) = TargetUri::parse_with_fragment("http://example.com/a#sha256=00").unwrap();
    assert_eq!(
        (uri.as_str(), fragment.as_deref()),
        ("http://example.com/a", Some("sha256=00"))
    );
    assert_eq!(
        TargetUri::parse_with_fragment("http://example.com/a")
            .unwrap()
            .1,
        None
    );
}

#[test]
fn a_location_is_resolved_against_the_target() {
    let base = parse("https://example.com/a/b?c").unwrap();
    for (reference, joined) in [
        ("d", "https://example.com/a/d"),
        ("/d", "https://example.com/d"),
        ("?d", "https://example.com/a/b?d"),
        ("//other.example/d", "https://other.example/d"),
        ("http://other.example", "http://other.example/"),
        ("", "https://example.com/a/b?c"),
        ("../../../d#e", "https://example.com/d"),
    ] {
        assert_eq!(base.join(reference).unwrap().as_str(), joined);
    }
    assert!(base.join("//user@other.example/").is_err());
    assert!(base.join("/a\r\nb").is_err());
}

#[test]
fn a_file_name_is_decoded_and_safe() {
    let name = |path: &str| {
        parse(&format!("http://example.com{path}"))
            .unwrap()
            .file_name()
    };
    assert_eq!(name("/a/b%20c.whl?q").as_deref(), Some("b c.whl"));
    assert_eq!(name("/%C3%A9").as_deref(), Some("é"));
    assert_eq!(name("/100%").as_deref(), Some("100%"));
    for path in [
        "/", "", "/a/", "/a%2Fb", "/a%5Cb", "/%00", "/a%0Ab", "/%FF", "/%20", "/..%2f",
    ] {
        assert_eq!(name(path), None, "{path}");
    }
}

#[test]
fn origins_are_scheme_host_and_port() {
    let origin =
        |one: &str, other: &str| parse(one).unwrap().is_same_origin(&parse(other).unwrap());
    assert!(origin("http://example.com/a", "http://EXAMPLE.com:80/b"));
    assert!(!origin("http://example.com/", "https://example.com/"));
    assert!(!origin("http://example.com/", "http://example.com:81/"));
    assert!(!origin("http://example.com/", "http://www.example.com/"));
}

proptest! {
    #[test]
    fn a_normal_form_is_its_own_normal_form(path in "[ -~é]{0,24}") {
        let Ok(uri) = parse(format!("http://example.com/{path}").trim()) else { return Ok(()) };
        prop_assert_eq!(kept(uri.as_str()), uri.as_str());
        prop_assert_eq!(uri.to_uri().to_string(), uri.as_str());
        prop_assert_eq!(uri.host(), "example.com");
    }

    #[test]
    fn no_text_panics(text: String) {
        let _ = parse(&text).map(|uri| (uri.file_name(), uri.join(&text)));
    }
}

#[test]
fn the_uri_of_an_object_escapes_its_key_and_reads_back_the_same() {
    for (text, canonical, key) in [
        ("s3://b/dir/key.pt", "s3://b/dir/key.pt", "dir/key.pt"),
        ("S3://Bucket_1/K", "s3://Bucket_1/K", "K"),
        ("minio://b/k", "s3://b/k", "k"),
        ("s3+lab://b/k", "s3+lab://b/k", "k"),
        ("s3://b//a//b/", "s3://b//a//b/", "/a//b/"),
        (
            "s3://b/a b+ü=&%?",
            "s3://b/a%20b%2B%C3%BC%3D%26%25%3F",
            "a b+ü=&%?",
        ),
        ("s3://b/a%20b", "s3://b/a%20b", "a b"),
        ("s3://b/a/../b", "s3://b/?key=a/../b", "a/../b"),
        ("s3://b/%2e/%2E%2e", "s3://b/?key=./..", "./.."),
        ("s3://b/?key=x", "s3://b/x", "x"),
        ("s3://b/%3Fkey=x", "s3://b/%3Fkey%3Dx", "?key=x"),
    ] {
        let text = text.replace("%?", "%25?");
        let uri = parse(&text).unwrap();
        assert_eq!(uri.as_str(), canonical, "{text}");
        assert_eq!(uri.object().unwrap().key, key, "{text}");
        assert_eq!(kept(canonical), canonical);
    }
}

#[test]
fn the_uri_of_an_object_has_a_bucket_a_key_and_nothing_to_hide() {
    for (text, error) in [
        ("s3://", InvalidTargetUri::NoHost),
        ("s3:///key", InvalidTargetUri::NoHost),
        ("s3://user:secret@bucket/key", InvalidTargetUri::Credentials),
    ] {
        assert_eq!(parse(text).unwrap_err(), error, "{text}");
    }
    let long = format!("s3://bucket/{}", "k".repeat(1025));
    for text in [
        "s3://bucket",
        "s3://bucket/",
        "s3://bu cket/k",
        "s3://bucket:80/k",
        "s3://../k",
        "s3://bucket/%zz",
        "s3://bucket/%ff",
        "s3+://bucket/k",
        "s3+a_b://bucket/k",
        &long,
    ] {
        let error = parse(text).unwrap_err();
        assert!(
            matches!(error, InvalidTargetUri::Syntax(_)),
            "{text}: {error}"
        );
    }
}

#[test]
fn an_object_may_be_pinned_by_a_fragment_and_is_named_by_its_key() {
    let parsed = TargetUri::parse_with_fragment("s3://b/dir/ü.pt#sha256=00");
    let (uri, fragment) = parsed.unwrap();
    assert_eq!(fragment.as_deref(), Some("sha256=00"));
    assert_eq!(uri.file_name().as_deref(), Some("ü.pt"));
    assert_eq!(parse("s3://b/a/..").unwrap().file_name(), None);
}

proptest! {
    #[test]
    fn every_key_survives_its_uri(key in "\\PC{1,40}") {
        let (store, bucket) = (None, "bucket".to_owned());
        let object = ObjectName { store, bucket, key };
        let uri = TargetUri::of_object(object.clone()).unwrap();
        prop_assert_eq!(parse(uri.as_str()).unwrap().object().cloned(), Some(object));
    }
}
