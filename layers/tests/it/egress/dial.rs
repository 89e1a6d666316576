//! The three places that ask the policy: the resolver, a redirect, the layer.

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use artifact_cache_layers::{
    body::Body,
    cause::cause_of,
    egress::{
        Denied, EgressLayer, EgressPolicy, GuardedResolver, RefusedRedirect, ResolveError,
        check_redirect,
    },
    extensions::{Delivery, Mode, Target},
};
use http::Request;

use super::{address, uri};
use crate::support::{get, reached};

async fn resolve(
    host: &str,
    addresses: &'static [&'static str],
) -> Result<Vec<SocketAddr>, ResolveError> {
    let resolver = |_: &str, port| {
        let addresses = addresses
            .iter()
            .map(|text| SocketAddr::new(address(text), port));
        std::future::ready(Ok(addresses.collect()))
    };
    GuardedResolver::new(resolver, EgressPolicy::default())
        .resolve(host, 443)
        .await
}

fn denied(resolved: Result<Vec<SocketAddr>, ResolveError>) -> Option<&'static str> {
    let error = resolved.expect_err("a refusal");
    cause_of::<Denied>(&error).map(|denied| denied.rule)
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused() {
    for (addresses, expected) in [
        (&["127.0.0.1"][..], "loopback"),
        (&["::ffff:10.0.0.1"], "private"),
        (&["1.1.1.1", "169.254.169.254"], "metadata"),
        (&["10.0.0.1", "1.1.1.1"], "private"),
    ] {
        assert_eq!(
            denied(resolve("example.com", addresses).await),
            Some(expected)
        );
    }
    let resolved = resolve("example.com", &["1.1.1.1", "2606:4700::1"])
        .await
        .unwrap();
    assert_eq!(
        resolved,
        ["1.1.1.1:443", "[2606:4700::1]:443"].map(|text| text.parse().unwrap())
    );
}

#[tokio::test]
async fn a_host_that_is_denied_is_not_even_looked_up() {
    let asked = AtomicUsize::new(0);
    let resolver = |_: &str, _| {
        asked.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(vec![]))
    };
    let guarded = GuardedResolver::new(resolver, EgressPolicy::default());
    for host in ["127.0.0.1", "[::1]", "::1", "0x7f.1"] {
        assert_eq!(
            denied(guarded.resolve(host, 443).await),
            Some("loopback"),
            "{host}"
        );
    }
    assert_eq!(
        denied(guarded.resolve("example.com", 22).await),
        Some("allow_ports")
    );
    assert_eq!(asked.into_inner(), 0);
}

#[tokio::test]
async fn what_was_checked_is_what_is_dialled_although_the_name_rebinds() {
    let asked = AtomicUsize::new(0);
    let resolver = |_: &str, port| {
        let ip = match asked.fetch_add(1, Ordering::Relaxed) {
            0 => "1.1.1.1",
            _ => "127.0.0.1",
        };
        std::future::ready(Ok(vec![SocketAddr::new(address(ip), port)]))
    };
    let guarded = GuardedResolver::new(resolver, EgressPolicy::default());
    let first = guarded.resolve("rebind.example", 443).await.unwrap();
    assert_eq!(first, ["1.1.1.1:443".parse().unwrap()]);
    assert_eq!(
        denied(guarded.resolve("rebind.example", 443).await),
        Some("loopback")
    );
}

#[tokio::test]
async fn a_name_without_address_is_an_error() {
    assert!(matches!(
        resolve("example.com", &[]).await,
        Err(ResolveError::NoAddress)
    ));
    let fails = |_: &str, _| std::future::ready(Err(io::ErrorKind::NotFound.into()));
    let resolved = GuardedResolver::new(fails, EgressPolicy::default())
        .resolve("example.com", 80)
        .await;
    assert!(matches!(resolved, Err(ResolveError::Unresolved(_))));
}

#[test]
fn each_redirect_is_checked() {
    let policy = EgressPolicy::default();
    let from = uri("https://example.com/a/b?c");
    let follow = |location| check_redirect(&policy, &from, location);
    for (location, to) in [
        ("https://cdn.example.com/x", "https://cdn.example.com/x"),
        ("../y?z", "https://example.com/y?z"),
        ("//other.example/x", "https://other.example/x"),
        ("/x#fragment", "https://example.com/x"),
    ] {
        assert_eq!(follow(location), Ok(uri(to)), "{location}");
    }
    for (location, rule) in [
        ("https://169.254.169.254/latest/", "metadata"),
        ("//[::ffff:127.0.0.1]/", "loopback"),
        ("https://example.com:22/", "allow_ports"),
        ("ftp://example.com/", "scheme"),
    ] {
        match follow(location) {
            Err(RefusedRedirect::Denied(denied)) => assert_eq!(denied.rule, rule, "{location}"),
            other => panic!("{location}: {other:?}"),
        }
    }
}

#[test]
fn a_redirect_never_leaves_https() {
    let policy = EgressPolicy::default();
    let to = uri("http://example.com/x");
    let secure = check_redirect(
        &policy,
        &uri("https://example.com/"),
        "http://example.com/x",
    );
    assert_eq!(secure, Err(RefusedRedirect::Downgrade { to: to.clone() }));
    let plain = check_redirect(&policy, &uri("http://example.com/"), "http://example.com/x");
    assert_eq!(plain, Ok(to));
}

#[test]
fn a_redirect_to_nowhere_or_with_credentials_is_refused() {
    let policy = EgressPolicy::default();
    for location in [
        "https://",
        "https://user:pass@example.com/",
        "mailto:a@example.com",
    ] {
        let refused = check_redirect(&policy, &uri("https://example.com/"), location);
        assert!(
            matches!(refused, Err(RefusedRedirect::Location(_))),
            "{location}: {refused:?}"
        );
    }
}

fn targeted(request_uri: &str, target: &str) -> Request<Body> {
    let mut request = get(request_uri);
    request.extensions_mut().insert(Target {
        signed: None,
        uri: uri(target),
        mode: Mode::Explicit,
        expect: None,
        delivery: Delivery::Hold,
    });
    request
}

async fn refused_by(request: Request<Body>) -> Option<&'static str> {
    let layer = EgressLayer::new(EgressPolicy::default());
    let error = reached(layer, request).await.err()?;
    Some(cause_of::<Denied>(&*error).expect("a typed refusal").rule)
}

#[tokio::test]
async fn the_layer_checks_the_target_and_not_the_request_line() {
    let inside = targeted("http://example.com/", "http://10.0.0.1/");
    assert_eq!(refused_by(inside).await, Some("private"));
    let outside = targeted("/fetch?url=http://example.com/", "http://example.com/");
    assert_eq!(refused_by(outside).await, None);
}

#[tokio::test]
async fn without_a_target_the_layer_checks_the_request_and_lets_nothing_else_pass() {
    assert_eq!(refused_by(get("http://example.com/")).await, None);
    assert_eq!(refused_by(get("http://127.0.0.1/")).await, Some("loopback"));
    assert_eq!(refused_by(get("/local")).await, Some("host"));
}
