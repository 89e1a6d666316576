//! The cache key (RFC 9111 §2): a primary key from the target URI, and the request fields that a
//! stored response's `Vary` nominates (§4.1).

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{
    cache_control::CacheControl, list, nominated_value::normalised, target_uri::TargetUri,
};
use crate::digest::Sha256;

/// The primary key: the SHA-256 of the normalised target URI. Fixed length, so any URI fits an index.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CacheKey(pub Sha256);

impl CacheKey {
    /// The key of `uri`.
    #[must_use]
    pub fn of(uri: &TargetUri) -> Self {
        Self(Sha256::of(uri.as_str().as_bytes()))
    }

    /// The key as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

/// The request fields a stored response nominates, as the request that it answered had them: name and
/// normalised value, `None` where the field was absent. Sorted by name, each name once.
pub type Nominated = Vec<(HeaderName, Option<Vec<u8>>)>;

/// The request fields that the `Vary` of `response_fields` nominates, with their normalised values;
/// `None` when it is `*` or cannot be read, so that no request will ever match.
///
/// `Authorization` counts as nominated where the response does not allow that it is shared (§3.5):
/// should it be stored all the same, then no request without the same credentials finds it. The values
/// of credentials and cookies are digests, so that no secret is stored.
#[must_use]
pub fn nominated(response_fields: &HeaderMap, request_fields: &HeaderMap) -> Option<Nominated> {
    let mut names = nominated_names(response_fields)?;
    if request_fields.contains_key(header::AUTHORIZATION)
        && !CacheControl::from_fields(response_fields).allows_sharing()
    {
        names.push(header::AUTHORIZATION);
    }
    names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    let with_value = |name| {
        let value = normalised(&name, request_fields);
        (name, value)
    };
    Some(names.into_iter().map(with_value).collect())
}

/// Whether a request selects the stored response that `nominated` these fields.
///
/// "If (after any normalization that might take place) a header field is absent from a request, it can
/// only match another request if it is also absent there." (§4.1)
#[must_use]
pub fn matches(nominated: &Nominated, request_fields: &HeaderMap) -> bool {
    nominated.iter().all(
        |(name, value)| match (value, single(request_fields, name)) {
            // The same bytes on one line need no normalising: the usual case of a hit.
            (Some(value), Some(line)) if value == line.as_bytes() => !is_digested(name),
            _ => normalised(name, request_fields) == *value,
        },
    )
}

/// Whether the request behind `nominated` carried credentials.
pub(super) fn was_authorised(nominated: &Nominated) -> bool {
    nominated
        .iter()
        .any(|(name, value)| name == header::AUTHORIZATION && value.is_some())
}

/// The names that `Vary` lists; `None` for `*` and for what is no field name.
pub(super) fn nominated_names(response_fields: &HeaderMap) -> Option<Vec<HeaderName>> {
    let lines = response_fields.get_all(header::VARY).into_iter();
    let members = lines.flat_map(|line| list::members(line.as_bytes()));
    let names = members.map(|member| match member {
        b"*" => None,
        name => HeaderName::from_bytes(name).ok(),
    });
    names.collect()
}

/// Fields whose values are secrets.
pub(super) fn is_digested(name: &HeaderName) -> bool {
    [
        header::AUTHORIZATION,
        header::PROXY_AUTHORIZATION,
        header::COOKIE,
    ]
    .contains(name)
}

fn single<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut lines = fields.get_all(name).into_iter();
    lines.next().filter(|_| lines.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn another_query_is_another_key() {
        let key = |uri: &str| CacheKey::of(&uri.parse().unwrap());
        assert_ne!(
            key("http://example.com/?test=1"),
            key("http://example.com/?test=2")
        );
        assert_ne!(key("http://example.com/?"), key("http://example.com/"));
        assert_ne!(key("http://example.com/%7e"), key("http://example.com/~"));
    }

    #[test]
    fn equal_uris_have_one_key() {
        let key = |uri: &str| CacheKey::of(&uri.parse().unwrap());
        assert_eq!(
            key("HTTP://EXAMPLE.com:80/a/../?test=1#b"),
            key("http://example.com/?test=1")
        );
    }

    #[test]
    fn names_are_sorted_and_unique() {
        let response = fields(&[("vary", "Foo, bar"), ("vary", "foo")]);
        let request = fields(&[("foo", "1")]);
        let nominated = nominated(&response, &request).unwrap();
        let names: Vec<_> = nominated.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["bar", "foo"]);
    }

    #[test]
    fn no_credentials_are_kept() {
        let response = fields(&[("vary", "authorization, cookie")]);
        let request = fields(&[("authorization", "Basic secret"), ("cookie", "secret")]);
        let stored = nominated(&response, &request).unwrap();
        assert!(!format!("{stored:?}").contains("secret"));
        let bytes: Vec<u8> = stored
            .iter()
            .flat_map(|(_, value)| value.clone().unwrap())
            .collect();
        assert!(!bytes.windows(6).any(|window| window == b"secret"));
        assert!(matches(&stored, &request));
    }

    #[test]
    fn the_digest_of_a_secret_is_not_the_secret() {
        let response = fields(&[("vary", "cookie")]);
        let stored = nominated(&response, &fields(&[("cookie", "secret")])).unwrap();
        let digest = String::from_utf8(stored[0].1.clone().unwrap()).unwrap();
        let mut forged = HeaderMap::new();
        forged.insert(header::COOKIE, digest.parse().unwrap());
        assert!(!matches(&stored, &forged));
    }

    #[test]
    fn an_unshared_answer_is_found_only_with_the_same_credentials() {
        let response = fields(&[("cache-control", "max-age=60")]);
        let request = fields(&[("authorization", "Basic a")]);
        let stored = nominated(&response, &request).unwrap();
        assert!(was_authorised(&stored));
        assert!(matches(&stored, &request));
        assert!(!matches(&stored, &HeaderMap::new()));
        assert!(!matches(&stored, &fields(&[("authorization", "Basic b")])));
    }

    #[test]
    fn a_shared_answer_is_found_without_credentials() {
        let response = fields(&[("cache-control", "public")]);
        let request = fields(&[("authorization", "Basic a")]);
        let stored = nominated(&response, &request).unwrap();
        assert!(!was_authorised(&stored) && matches(&stored, &HeaderMap::new()));
    }
}
