//! HTTP/2 (RFC 9113): hyper's settings against floods, and a request as the rest of the program knows it.

use std::{net::SocketAddr, pin::Pin, time::Duration};

use artifact_cache_layers::body::BoxError;
use http::{
    HeaderValue, Method, Request, Uri, Version,
    header::{COOKIE, HOST},
    uri::{Authority, PathAndQuery},
};
use hyper::{
    body::Incoming,
    rt::{Read, Write, bounds::Http2ServerConnExec},
    server::conn::http2::{Builder, Connection},
    service::HttpService,
};
use hyper_util::rt::TokioTimer;

use super::{Limits, streams::Executor};

/// Bytes of a request body that a client may send ahead, per stream and per connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
/// Bytes that wait to be written, per stream.
const SEND_BUFFER: usize = 256 << 10;
/// Requests that a client took back before we looked at them; with more the connection ends (rapid
/// reset, CVE-2023-44487).
const PENDING_RESETS: usize = 20;
/// Streams that we reset for a client's errors before the connection ends.
const OWN_RESETS: usize = 64;
/// After this much silence a client is asked whether it is still there, and how long it may take.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(20);

/// A connection's settings. Floods of CONTINUATION, empty frames and settings are counted by the
/// library, which ends the connection.
pub(super) fn settings(limits: &Limits, executor: Executor) -> Builder<Executor> {
    let mut builder = Builder::new(executor);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.max_streams)
        .max_header_list_size(u32::try_from(limits.max_head).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(OWN_RESETS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG);
    builder
}

/// A connection that can be asked to end in good order.
pub(super) trait Drain {
    /// Takes no further requests, and ends when those that are open have ended.
    fn drain(self: Pin<&mut Self>);
}

impl<I, S> Drain for Connection<I, S, Executor>
where
    I: Read + Write + Unpin,
    S: HttpService<Incoming, Error: Into<BoxError>>,
    S::ResBody: http_body::Body<Error: Into<BoxError>> + 'static,
    Executor: Http2ServerConnExec<S::Future, S::ResBody>,
{
    fn drain(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Under which names a connection's requests are for ourselves and not for a proxy: HTTP/2 writes both
/// alike.
#[derive(Clone, Debug)]
pub(super) struct Own {
    /// The name that the client asked for in the handshake.
    pub(super) server_name: Option<String>,
    /// The address that it connected to.
    pub(super) address: Option<SocketAddr>,
}

impl Own {
    /// No request is for ourselves.
    pub(super) const fn nothing() -> Self {
        Self {
            server_name: None,
            address: None,
        }
    }

    fn is(&self, authority: &Authority) -> bool {
        let named = self.server_name.as_deref();
        let port = self.address.map(|address| address.port());
        let is_port = authority.port_u16().is_none_or(|named| Some(named) == port);
        let address = self.address.map(|address| address.ip().to_canonical());
        let host = authority.host().trim_matches(['[', ']']);
        let is_address = || host.parse().is_ok_and(|host| Some(host) == address);
        is_port && (named.is_some_and(|name| name.eq_ignore_ascii_case(host)) || is_address())
    }
}

/// The request as HTTP/1.1 would have brought it: in origin form with `Host` when it is for ourselves,
/// and with one `Cookie` ("these MUST be concatenated into a single octet string", RFC 9113 §8.2.3).
pub(super) fn as_http1<B>(mut request: Request<B>, own: &Own) -> Request<B> {
    join_cookies(&mut request);
    let authority = request.uri().authority().cloned();
    let Some(authority) = authority.filter(|authority| own.is(authority)) else {
        return request;
    };
    if request.method() == Method::CONNECT || request.version() != Version::HTTP_2 {
        return request;
    }
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        request.headers_mut().entry(HOST).or_insert(host);
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    request
}

fn join_cookies<B>(request: &mut Request<B>) {
    let cookies: Vec<_> = request.headers().get_all(COOKIE).iter().cloned().collect();
    if cookies.len() < 2 {
        return;
    }
    let pieces: Vec<&[u8]> = cookies.iter().map(HeaderValue::as_bytes).collect();
    if let Ok(mut joined) = HeaderValue::from_bytes(&pieces.join(&b"; "[..])) {
        joined.set_sensitive(true);
        request.headers_mut().insert(COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Own {
        Own {
            server_name: Some("cache.example.com".into()),
            address: Some("127.0.0.1:8443".parse().unwrap()),
        }
    }

    fn seen(uri: &str) -> String {
        let request = Request::get(uri).version(Version::HTTP_2).body(()).unwrap();
        as_http1(request, &own()).uri().to_string()
    }

    #[test]
    fn a_request_for_ourselves_is_in_origin_form_and_one_for_others_is_not() {
        assert_eq!(
            seen("https://Cache.example.com:8443/fetch?url=x"),
            "/fetch?url=x"
        );
        assert_eq!(seen("https://127.0.0.1:8443"), "/");
        for other in [
            "https://cache.example.com:1/a",
            "http://example.com/a",
            "https://127.0.0.2:8443/",
        ] {
            assert_eq!(seen(other), other);
        }
    }

    #[test]
    fn cookies_in_pieces_become_one() {
        let request = Request::get("http://example.com/").header("cookie", "a=1");
        let request = request.header("cookie", "b=2").body(()).unwrap();
        let request = as_http1(request, &own());
        assert_eq!(request.headers()["cookie"], "a=1; b=2");
        assert_eq!(request.headers().get_all("cookie").iter().count(), 1);
    }
}
