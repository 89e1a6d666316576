//! `Host` (RFC 9112 §3.2): exactly one, well formed, and the same as the authority of the target.

use std::net::Ipv6Addr;

use http::{HeaderMap, HeaderValue, Request, Version, header::HOST};

use super::error::{HostFault, InvalidRequest};

/// RFC 9112 §3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request
/// message that lacks a Host header field and to any request message that contains more than one Host
/// header field line or a Host header field with an invalid field value."
pub(super) fn check<B>(request: &Request<B>) -> Result<(), InvalidRequest> {
    check_fields(request).map_err(InvalidRequest::Host)
}

fn check_fields<B>(request: &Request<B>) -> Result<(), HostFault> {
    let Some(host) = only(request.headers())? else {
        return match request.version() {
            Version::HTTP_11 => Err(HostFault::Missing),
            _ => Ok(()),
        };
    };
    if !is_host_and_port(host.as_bytes()) {
        return Err(HostFault::Invalid);
    }
    if request.version() >= Version::HTTP_2 && differs(request, host) {
        return Err(HostFault::Differs);
    }
    Ok(())
}

fn only(fields: &HeaderMap) -> Result<Option<&HeaderValue>, HostFault> {
    let mut hosts = fields.get_all(HOST).iter();
    let host = hosts.next();
    match hosts.next() {
        None => Ok(host),
        Some(_) => Err(HostFault::Repeated),
    }
}

fn differs<B>(request: &Request<B>, host: &HeaderValue) -> bool {
    let authority = request.uri().authority();
    authority.is_some_and(|name| {
        !name
            .as_str()
            .as_bytes()
            .eq_ignore_ascii_case(host.as_bytes())
    })
}

/// RFC 9112 §3.2.2: a proxy that receives an absolute form "MUST ignore the received Host header field
/// (if any) and instead replace it with the host information of the request-target."
pub(super) fn replace<B>(request: &mut Request<B>) {
    let Some(authority) = request.uri().authority() else {
        return;
    };
    // A user name before `@` is no part of the host; who builds the target refuses it.
    let name = authority.as_str().rsplit('@').next().unwrap_or_default();
    let same = request.headers().get(HOST).is_some_and(|host| host == name);
    if !same && let Ok(host) = HeaderValue::from_str(name) {
        request.headers_mut().insert(HOST, host);
    }
}

/// `uri-host [ ":" port ]` (RFC 3986 §3.2.2), the host not empty: `http` needs one (RFC 9110 §4.2.1).
fn is_host_and_port(value: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(value) else {
        return false;
    };
    let end = text.find(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match text[end..].find(':') {
        Some(colon) => (&text[..end + colon], &text[end + colon + 1..]),
        None => (text, ""),
    };
    is_host(host) && is_port(port)
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        Some(address) => address.is_some_and(|text| text.parse::<Ipv6Addr>().is_ok()),
        None => !host.is_empty() && host.bytes().all(is_name_byte),
    }
}

/// `unreserved / pct-encoded / sub-delims`, without the comma: in a `Host` it betrays two lines that
/// somebody joined.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(&byte)
}

fn is_port(digits: &str) -> bool {
    digits.is_empty()
        || digits.bytes().all(|digit| digit.is_ascii_digit()) && digits.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        for host in [
            "example.com",
            "EXAMPLE.com:80",
            "10.0.0.1:8080",
            "[::1]",
            "[::1]:8080",
            "a:",
        ] {
            assert!(is_host_and_port(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn anything_else_is_not_a_host() {
        for host in [
            "", ":80", "a:b", "a:+1", "a:65536", "a b", "a/b", "u@a", "a,b", "a:80:80", "[::1",
            "::1]", "[]", "[::1]x", "[::1]:x", "[v1.a]", "[a]b]", "é",
        ] {
            assert!(!is_host_and_port(host.as_bytes()), "{host}");
        }
    }
}
