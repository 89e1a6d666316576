//! The path of a fetch, the absolute form, and the inside of a tunnel.

use artifact_cache_layers::{
    body::Body,
    extensions::{Mode, Target},
    target::{Intercepted, InvalidTarget},
};
use http::{Request, header::HOST};

use super::{fetched, layer, refused, refused_request, target};
use crate::support::{get, reached};

#[tokio::test]
async fn the_path_form_keeps_every_byte_and_the_query() {
    for (path, uri) in [
        (
            "/fetch/https/example.com/a%2Fb+c?url=x&y=%20",
            "https://example.com/a%2Fb+c?url=x&y=%20",
        ),
        (
            "/fetch/http/example.com:8000/a//b",
            "http://example.com:8000/a//b",
        ),
        ("/fetch/HTTPS/Example.com:443", "https://example.com/"),
        ("/fetch/http/[::1]:81/", "http://[::1]:81/"),
    ] {
        assert_eq!(fetched(path).await.uri.as_str(), uri);
    }
}

#[tokio::test]
async fn the_path_form_needs_scheme_and_host() {
    for path in [
        "/fetch/ftp/example.com/a",
        "/fetch/example.com/a",
        "/fetch/https",
        "/fetch/https/",
        "/fetch/https//example.com/a",
        "/fetch/https/user@example.com/a",
    ] {
        let refusal = refused(path).await;
        let is_url = matches!(
            refusal,
            InvalidTarget::InvalidParameter {
                parameter: "url",
                ..
            }
        );
        assert!(is_url, "{path}: {refusal}");
    }
}

#[tokio::test]
async fn other_paths_are_local() {
    for path in [
        "/",
        "/health",
        "/fetcher?url=http://example.com/",
        "/cas/sha256/00",
        "/a/fetch",
    ] {
        assert_eq!(target(get(path)).await.unwrap(), None, "{path}");
    }
    let connect = Request::connect("example.com:443")
        .body(Body::empty())
        .unwrap();
    assert_eq!(target(connect).await.unwrap(), None);
    let options = Request::options("*").body(Body::empty()).unwrap();
    assert_eq!(target(options).await.unwrap(), None);
}

#[tokio::test]
async fn an_absolute_form_is_forwarded() {
    for (form, uri) in [
        (
            "http://Example.com:80/fetch?url=x",
            "http://example.com/fetch?url=x",
        ),
        ("https://example.com", "https://example.com/"),
        (
            "http://cache.example.com/health",
            "http://cache.example.com/health",
        ),
    ] {
        let target = fetched(form).await;
        assert_eq!((target.uri.as_str(), target.mode), (uri, Mode::Forward));
    }
}

#[tokio::test]
async fn an_absolute_form_of_our_own_is_local() {
    for form in [
        "http://CACHE.example.com:8080/health?x=1",
        "http://2130706433:8080/health?x=1",
    ] {
        let mut request = get(form);
        request
            .headers_mut()
            .insert(HOST, "evil.example".parse().unwrap());
        let request = reached(layer(), request).await.unwrap();
        assert!(request.extensions().get::<Target>().is_none());
        assert_eq!(request.uri(), "/health?x=1", "{form}");
        assert_ne!(request.headers()[HOST], "evil.example");
    }
    let own_fetch = fetched("http://cache.example.com:8080/fetch?url=http://example.com/a").await;
    assert_eq!(own_fetch.mode, Mode::Explicit);
    assert_eq!(own_fetch.uri.as_str(), "http://example.com/a");
}

#[tokio::test]
async fn an_absolute_form_that_cannot_be_fetched_is_refused() {
    for form in ["ftp://example.com/a", "http://user@example.com/a"] {
        let refusal = refused(form).await;
        assert!(
            matches!(refusal, InvalidTarget::AbsoluteForm { .. }),
            "{form}: {refusal}"
        );
    }
}

fn tunnelled(uri: &str, host: &str) -> Request<Body> {
    let mut request = get(uri);
    request.headers_mut().insert(HOST, host.parse().unwrap());
    let tunnel = Intercepted("example.com:443".parse().unwrap());
    request.extensions_mut().insert(tunnel);
    request
}

#[tokio::test]
async fn inside_a_tunnel_the_tunnel_says_where_to() {
    for (uri, host) in [
        ("/fetch?url=http://other.example/", "example.com"),
        ("/fetch?url=http://other.example/", "EXAMPLE.com:443"),
        (
            "https://example.com/fetch?url=http://other.example/",
            "example.com",
        ),
    ] {
        let target = target(tunnelled(uri, host)).await.unwrap().unwrap();
        assert_eq!(target.mode, Mode::Intercepted);
        let uri = "https://example.com/fetch?url=http://other.example/";
        assert_eq!(target.uri.as_str(), uri);
    }
}

#[tokio::test]
async fn inside_a_tunnel_another_host_is_misdirected() {
    for (uri, host) in [
        ("/", "other.example"),
        ("/", "example.com:8443"),
        ("https://other.example/", "example.com"),
    ] {
        let refusal = refused_request(tunnelled(uri, host)).await;
        assert!(
            matches!(refusal, InvalidTarget::Misdirected { .. }),
            "{uri} {host}"
        );
    }
}
