//! The query of a list: filters, page size, cursor. Unknown names and bad values are refused, since a
//! filter that is dropped silently shows (or lets a script delete) more than was asked for.

use url::form_urlencoded;

use super::ApiError;
use crate::artifact::Filter;

/// Artifacts on a page when the request names no number.
const DEFAULT_LIMIT: usize = 50;
/// Most artifacts on a page.
pub(super) const MAX_LIMIT: usize = 200;

/// What a request for a list asks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ListQuery {
    /// Which artifacts; `limit` is what the request named or the default.
    pub(super) filter: Filter,
    /// Whether the request named a limit.
    pub(super) is_limited: bool,
    /// Whether the number of all that pass the filter is wanted.
    pub(super) count: bool,
}

impl ListQuery {
    /// Reads a query string. An empty value is the same as none.
    pub(super) fn parse(query: &str) -> Result<Self, ApiError> {
        let mut list = Self::default();
        list.filter.limit = DEFAULT_LIMIT;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            list.set(&name, value.into_owned())?;
        }
        Ok(list)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), ApiError> {
        let filter = &mut self.filter;
        let given = (!value.is_empty()).then_some(value);
        match (name, given) {
            ("host", host) => filter.host = host.map(|host| host.to_ascii_lowercase()),
            ("prefix", prefix) => filter.prefix = prefix,
            ("q", text) => filter.contains = text,
            ("sha256", digest) => {
                filter.digest = digest.map(|digest| digest_of(&digest)).transpose()?;
            }
            ("limit", Some(limit)) => {
                (filter.limit, self.is_limited) = (limit_of(&limit)?, true);
            }
            ("cursor", Some(cursor)) => filter.after = after(&cursor)?,
            ("count", Some(count)) => self.count = flag(&count)?,
            ("limit" | "cursor" | "count", None) => {}
            (unknown, _) => return Err(ApiError::UnknownParameter(unknown.to_owned())),
        }
        Ok(())
    }
}

/// The cursor of the page after the artifact `id`. Clients hand it back and do not look inside.
pub(super) fn cursor(id: u64) -> String {
    format!("a{id:x}")
}

/// The query of the next page: the same one with another cursor.
pub(super) fn with_cursor(query: &str, cursor: &str) -> String {
    let mut next = form_urlencoded::Serializer::new(String::new());
    next.extend_pairs(
        form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "cursor"),
    );
    next.append_pair("cursor", cursor).finish()
}

fn after(cursor: &str) -> Result<u64, ApiError> {
    cursor
        .strip_prefix('a')
        .and_then(|id| u64::from_str_radix(id, 16).ok())
        .ok_or(invalid("cursor", "is not one that this list gave out"))
}

fn limit_of(text: &str) -> Result<usize, ApiError> {
    text.parse()
        .ok()
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or(invalid("limit", "must be a number from 1 to 200"))
}

fn digest_of(text: &str) -> Result<artifact_cache_layers::digest::Sha256, ApiError> {
    text.parse()
        .map_err(|_| invalid("sha256", "must be 64 hex characters"))
}

fn flag(text: &str) -> Result<bool, ApiError> {
    match text {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(invalid("count", "must be true or false")),
    }
}

const fn invalid(parameter: &'static str, reason: &'static str) -> ApiError {
    ApiError::InvalidParameter { parameter, reason }
}

#[cfg(test)]
mod tests {
    use artifact_cache_layers::digest::Sha256;

    use super::*;

    fn parse(query: &str) -> ListQuery {
        ListQuery::parse(query).unwrap()
    }

    #[test]
    fn filters_are_plain_fields() {
        let digest = Sha256::of(b"x");
        let list = parse(&format!(
            "host=Example.COM&prefix=https%3A%2F%2Fexample.com%2Fa&q=b&sha256={digest}&limit=7&count=true"
        ));
        assert_eq!(list.filter.host.as_deref(), Some("example.com"));
        assert_eq!(list.filter.prefix.as_deref(), Some("https://example.com/a"));
        assert_eq!(list.filter.contains.as_deref(), Some("b"));
        assert_eq!(list.filter.digest, Some(digest));
        assert_eq!(list.filter.limit, 7);
        assert!(list.count);
    }

    #[test]
    fn an_empty_value_is_the_same_as_none() {
        let empty = parse("host=&prefix=&q=&sha256=&limit=&cursor=&count=");
        assert_eq!(empty, parse(""));
        assert_eq!(empty.filter.limit, 50);
    }

    #[test]
    fn a_cursor_comes_back_as_the_id_it_stands_for() {
        for id in [0, 1, 4096, u64::MAX] {
            assert_eq!(parse(&format!("cursor={}", cursor(id))).filter.after, id);
        }
    }

    #[test]
    fn the_next_page_keeps_the_filters_and_changes_the_cursor() {
        let next = with_cursor("q=a%26b&cursor=a1&limit=2", "a9");
        let list = parse(&next);
        assert_eq!(list.filter.contains.as_deref(), Some("a&b"));
        assert_eq!((list.filter.limit, list.filter.after), (2, 9));
        assert_eq!(next.matches("cursor").count(), 1);
    }

    #[test]
    fn bad_values_are_refused_not_clamped() {
        for query in [
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=ten",
            "cursor=7",
            "cursor=azz",
            "sha256=abc",
            "count=maybe",
        ] {
            let error = ListQuery::parse(query).unwrap_err();
            assert_eq!(error.status(), 422, "{query}");
            assert!(query.starts_with(error.parameter().unwrap()), "{query}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused() {
        let error = ListQuery::parse("hots=example.com").unwrap_err();
        assert_eq!(
            (error.status().as_u16(), error.parameter()),
            (400, Some("hots"))
        );
    }
}
