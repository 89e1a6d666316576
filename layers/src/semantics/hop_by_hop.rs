//! Fields that end at this hop (RFC 9110 §7.6.1).

use http::{HeaderMap, HeaderName, header};

use super::list;

/// Fields about one connection, and those between a client and this proxy (RFC 9110 §7.6.1, §11.7;
/// RFC 9111 §3.1).
const HOP_BY_HOP: [&str; 12] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

/// Fields for every recipient, which `Connection` cannot take away: "a sender MUST NOT send a connection
/// option corresponding to a field that is intended for all recipients of the content. For example,
/// Cache-Control is never appropriate as a connection option" (RFC 9110 §7.6.1). A message that names
/// one of them would change what it is, where it goes, who asks, how long it lives, or its way here.
const END_TO_END: [HeaderName; 27] = [
    header::AGE,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::DATE,
    header::ETAG,
    header::EXPIRES,
    header::FORWARDED,
    header::HOST,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::LAST_MODIFIED,
    header::LOCATION,
    header::MAX_FORWARDS,
    header::PRAGMA,
    header::RANGE,
    header::SET_COOKIE,
    header::VARY,
    header::VIA,
    HeaderName::from_static("cdn-loop"),
];

/// Removes the fields that concern one connection only: "Intermediaries MUST parse a received
/// Connection header field before a message is forwarded and, for each connection-option in this field,
/// remove any header or trailer field(s) from the message with the same name as the connection-option,
/// and then remove the Connection header field itself".
pub fn remove_hop_by_hop(fields: &mut HeaderMap) {
    if fields.contains_key(header::CONNECTION) {
        for name in connection_options(fields) {
            fields.remove(name);
        }
    }
    for name in HOP_BY_HOP {
        fields.remove(name);
    }
}

fn connection_options(fields: &HeaderMap) -> Vec<HeaderName> {
    let lines = fields.get_all(header::CONNECTION).into_iter();
    let options = lines.flat_map(|line| list::members(line.as_bytes()));
    let names = options.filter_map(|option| HeaderName::from_bytes(option).ok());
    names.filter(|name| !END_TO_END.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(lines: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut fields: HeaderMap = lines
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        remove_hop_by_hop(&mut fields);
        let mut names: Vec<_> = fields.keys().map(ToString::to_string).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn fields_of_the_connection_are_removed() {
        let lines: Vec<_> = HOP_BY_HOP.into_iter().map(|name| (name, "x")).collect();
        assert_eq!(left(&lines), [] as [&str; 0]);
    }

    #[test]
    fn fields_that_connection_names_are_removed() {
        let lines = [
            ("connection", "A, close"),
            ("connection", "b"),
            ("a", "1"),
            ("b", "2"),
            ("c", "3"),
        ];
        assert_eq!(left(&lines), ["c"]);
    }

    #[test]
    fn connection_cannot_remove_what_all_recipients_need() {
        let lines = [
            (
                "connection",
                "cache-control, Authorization, vary, via, host, x-any",
            ),
            ("cache-control", "no-store"),
            ("authorization", "Basic a"),
            ("vary", "accept"),
            ("via", "1.1 a"),
            ("host", "example.com"),
            ("x-any", "1"),
        ];
        assert_eq!(
            left(&lines),
            ["authorization", "cache-control", "host", "vary", "via"]
        );
    }
}
