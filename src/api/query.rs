//! The query of a list: filters, order, page size, cursor. Unknown names and bad values are refused, since a
//! filter that is dropped silently shows (or lets a script delete) more than was asked for.

mod values;

use std::time::SystemTime;

use url::form_urlencoded;

use super::ApiError;
use crate::{
    artifact::{
        Filter, Place,
        listing::{By, Order},
    },
    catalog::tags,
};

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
    /// Whether all of it is wanted, a line for each.
    pub(super) is_export: bool,
    order: Option<Order>,
    cursor: Option<String>,
}

impl ListQuery {
    /// Reads a query string. An empty value is the same as none. Spans of time end at `now`.
    pub(super) fn parse(query: &str, now: SystemTime) -> Result<Self, ApiError> {
        let mut list = Self::default();
        list.filter.limit = DEFAULT_LIMIT;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let is_known = match &*value {
                "" => Self::is_known(&name),
                value => list.set(&name, value)? || list.set_span(&name, value, now)?,
            };
            if !is_known {
                return Err(ApiError::UnknownParameter(name.into_owned()));
            }
        }
        list.put_in_order()?;
        Ok(list)
    }

    /// By URL where the filter is about URLs: that way leads straight there.
    fn put_in_order(&mut self) -> Result<(), ApiError> {
        let filter = &mut self.filter;
        let is_of_urls = (filter.prefix.is_some() || filter.host.is_some())
            && filter.digest.is_none()
            && filter.tag.is_none();
        let by_url = Order {
            by: By::Url,
            ..Order::default()
        };
        let natural = if is_of_urls { by_url } else { Order::default() };
        filter.order = self.order.unwrap_or(natural);
        if let Some(cursor) = &self.cursor {
            filter.after = values::place(filter.order.by, cursor)?;
        }
        Ok(())
    }

    /// Whether a value that is empty has a name that is known.
    fn is_known(name: &str) -> bool {
        let mut scratch = Self::default();
        // Whether the value suits does not matter.
        !matches!(
            (
                scratch.set(name, "x"),
                scratch.set_span(name, "x", SystemTime::UNIX_EPOCH)
            ),
            (Ok(false), Ok(false))
        )
    }

    fn set(&mut self, name: &str, value: &str) -> Result<bool, ApiError> {
        let filter = &mut self.filter;
        match name {
            "host" => filter.host = Some(value.to_ascii_lowercase()),
            "prefix" => filter.prefix = Some(value.to_owned()),
            "q" => filter.contains = Some(value.to_owned()),
            "sha256" => filter.digest = Some(digest_of(value)?),
            "content_type" => filter.content_type = Some(value.to_owned()),
            "tag" => filter.tag = Some(tag(value)?),
            "pinned" => filter.pinned = Some(values::flag("pinned", value)?),
            "state" => filter.state = Some(values::state(value)?),
            "sort" => self.order = Some(values::order(value)?),
            "limit" => (filter.limit, self.is_limited) = (limit_of(value)?, true),
            "cursor" => self.cursor = Some(value.to_owned()),
            "count" => self.count = values::flag("count", value)?,
            "format" => self.is_export = format(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The filters from one value to another.
    fn set_span(&mut self, name: &str, value: &str, now: SystemTime) -> Result<bool, ApiError> {
        let filter = &mut self.filter;
        match name {
            "min_size" => filter.size_bytes.from = Some(values::size("min_size", value)?),
            "max_size" => filter.size_bytes.to = Some(values::size("max_size", value)?),
            "used_after" => filter.used.from = Some(values::time("used_after", value)?),
            "used_before" => filter.used.to = Some(values::time("used_before", value)?),
            "unused_for" => filter.used.to = Some(values::ago("unused_for", value, now)?),
            "created_after" => filter.created.from = Some(values::time("created_after", value)?),
            "created_before" => filter.created.to = Some(values::time("created_before", value)?),
            "older_than" => filter.created.to = Some(values::ago("older_than", value, now)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The cursor of the page behind `place`.
pub(super) fn cursor(filter: &Filter, place: &Place) -> String {
    values::cursor(filter.order.by, place)
}

/// The query of the next page: the same one with another cursor.
pub(super) fn with_cursor(query: &str, cursor: &str) -> String {
    let mut next = form_urlencoded::Serializer::new(String::new());
    next.extend_pairs(
        form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "cursor"),
    );
    next.append_pair("cursor", cursor).finish()
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

fn tag(text: &str) -> Result<String, ApiError> {
    let reason = "must have 1 to 64 letters, digits and characters of ._:/@+-";
    tags::check(text).map_err(|_| invalid("tag", reason))?;
    Ok(text.to_owned())
}

fn format(text: &str) -> Result<bool, ApiError> {
    match text {
        "json" => Ok(false),
        "ndjson" => Ok(true),
        _ => Err(invalid("format", "must be json or ndjson")),
    }
}

const fn invalid(parameter: &'static str, reason: &'static str) -> ApiError {
    ApiError::InvalidParameter { parameter, reason }
}

#[cfg(test)]
mod tests {
    use artifact_cache_layers::digest::Sha256;

    use super::*;
    use crate::artifact::listing::State;

    fn parse(query: &str) -> ListQuery {
        ListQuery::parse(query, SystemTime::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn filters_are_plain_fields() {
        let digest = Sha256::of(b"x");
        let list = parse(&format!(
            "host=Example.COM&prefix=https%3A%2F%2Fexample.com%2Fa&q=b&sha256={digest}&limit=7&count=true\
             &tag=v1.2&pinned=yes&state=stale&min_size=1KiB&max_size=4096&content_type=text/plain&format=ndjson"
        ));
        assert_eq!(list.filter.host.as_deref(), Some("example.com"));
        assert_eq!(list.filter.prefix.as_deref(), Some("https://example.com/a"));
        assert_eq!(list.filter.contains.as_deref(), Some("b"));
        assert_eq!(list.filter.digest, Some(digest));
        assert_eq!(list.filter.tag.as_deref(), Some("v1.2"));
        assert_eq!(
            (list.filter.pinned, list.filter.state),
            (Some(true), Some(State::Stale))
        );
        assert_eq!(list.filter.size_bytes.from, Some(1024));
        assert_eq!(list.filter.size_bytes.to, Some(4096));
        assert_eq!(list.filter.content_type.as_deref(), Some("text/plain"));
        assert_eq!(list.filter.limit, 7);
        assert!(list.count && list.is_export);
    }

    #[test]
    fn the_order_is_that_of_the_shortest_way_unless_it_is_named() {
        assert_eq!(parse("q=a").filter.order.by, By::Id);
        assert_eq!(parse("host=a").filter.order.by, By::Url);
        assert_eq!(parse("host=a&tag=b").filter.order.by, By::Id);
        let named = parse("host=a&sort=-last_accessed_at,id").filter.order;
        assert_eq!((named.by, named.is_descending), (By::Used, true));
    }

    #[test]
    fn an_empty_value_is_the_same_as_none() {
        let empty = parse(
            "host=&prefix=&q=&sha256=&limit=&cursor=&count=&sort=&tag=&min_size=&older_than=",
        );
        assert_eq!(empty, parse(""));
        assert_eq!(empty.filter.limit, 50);
    }

    #[test]
    fn the_next_page_keeps_the_filters_and_changes_the_cursor() {
        let next = with_cursor("q=a%26b&cursor=a1&limit=2", "a9");
        let list = parse(&next);
        assert_eq!(list.filter.contains.as_deref(), Some("a&b"));
        assert_eq!((list.filter.limit, list.filter.after), (2, 9.into()));
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
            "tag=a%20b",
            "pinned=2",
            "state=new",
            "sort=size",
            "sort=--id",
            "min_size=big",
            "used_after=yesterday",
            "older_than=long",
            "format=xml",
        ] {
            let error = ListQuery::parse(query, SystemTime::UNIX_EPOCH).unwrap_err();
            assert_eq!(error.status(), 422, "{query}");
            assert!(query.starts_with(error.parameter().unwrap()), "{query}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused() {
        for query in ["hots=example.com", "hots="] {
            let error = ListQuery::parse(query, SystemTime::UNIX_EPOCH).unwrap_err();
            assert_eq!(
                (error.status().as_u16(), error.parameter()),
                (400, Some("hots"))
            );
        }
    }
}
