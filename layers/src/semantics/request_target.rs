//! `RequestTarget`: the four forms of a request target (RFC 9112 §3.2).

use std::fmt;

use http::{Method, Uri, uri::Authority};

use super::target_uri::{InvalidTargetUri, TargetUri};

/// The form in which a request names its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestTarget {
    /// A path and a query: the request is for this server itself (§3.2.1).
    Origin,
    /// A whole `http` or `https` URI: the request is for a proxy (§3.2.2).
    Absolute(TargetUri),
    /// Host and port of a tunnel's far end, with `CONNECT` only (§3.2.3).
    Authority(Authority),
    /// `*`, the server as a whole, with `OPTIONS` only (§3.2.4).
    Asterisk,
}

/// Why a request target is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRequestTarget {
    /// The form does not belong to the method.
    Form,
    /// The scheme is neither `http` nor `https`.
    Scheme,
    /// `CONNECT` without a port, or with user information.
    Authority,
    /// An absolute form that is no target URI.
    Uri(InvalidTargetUri),
}

/// The form of the target of a request with `method`.
///
/// `uri` is what an HTTP/1.1 server made of the target: scheme and authority are there only where the
/// client wrote them. HTTP/2 always has them, except for `CONNECT`, so that its requests are absolute.
pub fn request_target(method: &Method, uri: &Uri) -> Result<RequestTarget, InvalidRequestTarget> {
    match (uri.scheme_str(), uri.authority()) {
        (None, Some(authority)) if method == Method::CONNECT => tunnel(authority),
        (None, Some(_)) => Err(InvalidRequestTarget::Form),
        _ if method == Method::CONNECT => Err(InvalidRequestTarget::Form),
        (Some("http" | "https"), _) => absolute(uri),
        (Some(_), _) => Err(InvalidRequestTarget::Scheme),
        (None, None) => local(method, uri),
    }
}

/// "There is no default port; a client MUST send the port number even if the CONNECT request is based
/// on a URI reference that contains an authority component with an elided port" (RFC 9110 §9.3.6).
fn tunnel(authority: &Authority) -> Result<RequestTarget, InvalidRequestTarget> {
    let has_port = authority.port_u16().is_some_and(|port| port > 0);
    let is_plain = !authority.as_str().contains('@') && !authority.host().is_empty();
    if has_port && is_plain {
        Ok(RequestTarget::Authority(authority.clone()))
    } else {
        Err(InvalidRequestTarget::Authority)
    }
}

fn absolute(uri: &Uri) -> Result<RequestTarget, InvalidRequestTarget> {
    uri.to_string()
        .parse()
        .map(RequestTarget::Absolute)
        .map_err(InvalidRequestTarget::Uri)
}

/// Origin form starts with a slash; the asterisk asks about the server (§3.2.4).
fn local(method: &Method, uri: &Uri) -> Result<RequestTarget, InvalidRequestTarget> {
    match uri.path() {
        "*" if method == Method::OPTIONS => Ok(RequestTarget::Asterisk),
        path if path.starts_with('/') => Ok(RequestTarget::Origin),
        _ => Err(InvalidRequestTarget::Form),
    }
}

impl fmt::Display for InvalidRequestTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "the form of the request target does not belong to the method",
            Self::Scheme => "only http and https URLs are served",
            Self::Authority => "CONNECT needs a host and a port and nothing else",
            Self::Uri(_) => "the request target is not a URL that can be asked for",
        })
    }
}

impl std::error::Error for InvalidRequestTarget {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Uri(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(method: &str, uri: &str) -> Result<RequestTarget, InvalidRequestTarget> {
        request_target(&method.parse().unwrap(), &uri.parse().unwrap())
    }

    #[test]
    fn each_form_is_told_by_what_it_consists_of() {
        assert_eq!(target("GET", "/a?b"), Ok(RequestTarget::Origin));
        assert_eq!(target("OPTIONS", "*"), Ok(RequestTarget::Asterisk));
        let uri = "http://example.com/a".parse().unwrap();
        assert_eq!(
            target("GET", "HTTP://EXAMPLE.com:80/a"),
            Ok(RequestTarget::Absolute(uri))
        );
        let authority = "example.com:443".parse().unwrap();
        assert_eq!(
            target("CONNECT", "example.com:443"),
            Ok(RequestTarget::Authority(authority))
        );
    }

    #[test]
    fn a_form_that_does_not_belong_to_the_method_is_refused() {
        for (method, uri) in [
            ("GET", "*"),
            ("GET", "example.com:80"),
            ("GET", "example.com"),
            ("CONNECT", "/a"),
            ("CONNECT", "http://example.com/"),
        ] {
            assert_eq!(
                target(method, uri),
                Err(InvalidRequestTarget::Form),
                "{method} {uri}"
            );
        }
    }

    #[test]
    fn only_http_is_proxied() {
        assert_eq!(
            target("GET", "ftp://example.com/a"),
            Err(InvalidRequestTarget::Scheme)
        );
        assert!(target("GET", "https://example.com").is_ok());
    }

    #[test]
    fn a_tunnel_needs_a_host_and_a_port_and_nothing_else() {
        for uri in [
            "example.com",
            "example.com:0",
            "user@example.com:443",
            "example.com:99999",
        ] {
            assert_eq!(
                target("CONNECT", uri),
                Err(InvalidRequestTarget::Authority),
                "{uri}"
            );
        }
        assert!(target("CONNECT", "[2001:db8::1]:443").is_ok());
    }

    #[test]
    fn credentials_in_the_target_are_refused() {
        let refused = Err(InvalidRequestTarget::Uri(InvalidTargetUri::Credentials));
        assert_eq!(target("GET", "http://user:secret@example.com/"), refused);
    }
}
