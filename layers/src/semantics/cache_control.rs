//! `CacheControl`: the directives of a message (RFC 9111 §5.2), read once and asked by name.
//!
//! What cannot be read is taken in its restrictive sense, because "caches are encouraged to consider
//! responses that have invalid freshness information […] to be stale" (§4.2.1).

use std::time::Duration;

use http::{HeaderMap, HeaderName, header};

use super::list;

#[path = "cache_control_display.rs"]
mod display;

/// The cache directives of one request or response. Reading one allocates only for the field names
/// of `no-cache="…"` and `private="…"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheControl {
    flags: u16,
    max_age: Option<u32>,
    s_maxage: Option<u32>,
    stale_while_revalidate: Option<u32>,
    stale_if_error: Option<u32>,
    min_fresh: Option<u32>,
    #[expect(
        clippy::option_option,
        reason = "absent, any staleness, or a limit: as the directive is written"
    )]
    max_stale: Option<Option<u32>>,
    no_cache_fields: Vec<HeaderName>,
    private_fields: Vec<HeaderName>,
}

/// Directives without argument, in the order of their bits.
const FLAGS: [&str; 10] = [
    "no-store",
    "no-cache",
    "private",
    "must-revalidate",
    "proxy-revalidate",
    "no-transform",
    "only-if-cached",
    "public",
    "must-understand",
    "immutable",
];
const NO_CACHE: usize = 1;
const PRIVATE: usize = 2;
/// From here on the directives permit rather than forbid: "no argument is defined (nor allowed)", so
/// one that has an argument is not the directive that permits.
const FIRST_PERMISSION: usize = 7;

macro_rules! accessors {
    ($($bit:literal $name:ident $doc:literal)*) => { $(
        #[doc = $doc]
        #[must_use]
        pub const fn $name(&self) -> bool {
            self.flags & (1 << $bit) != 0
        }
    )* };
    ($($name:ident $doc:literal)*) => { $(
        #[doc = $doc]
        #[must_use]
        pub fn $name(&self) -> Option<Duration> {
            self.$name.map(seconds)
        }
    )* };
}

impl CacheControl {
    /// The directives of all `Cache-Control` lines of `fields`.
    #[must_use]
    pub fn from_fields(fields: &HeaderMap) -> Self {
        let mut directives = Self::default();
        for line in fields.get_all(header::CACHE_CONTROL) {
            for member in list::members(line.as_bytes()) {
                directives.add(member);
            }
        }
        directives
    }

    /// The directives of a request: `Pragma: no-cache` counts where `Cache-Control` is absent, for
    /// the clients of HTTP/1.0 it was made for (§5.4).
    #[must_use]
    pub fn of_request(fields: &HeaderMap) -> Self {
        let mut directives = Self::from_fields(fields);
        if !fields.contains_key(header::CACHE_CONTROL) && has_pragma_no_cache(fields) {
            directives.flags |= 1 << NO_CACHE;
        }
        directives
    }

    accessors! {
        0 no_store "`no-store` (§5.2.1.5, §5.2.2.5)."
        1 no_cache "`no-cache` for the whole message (§5.2.1.4, §5.2.2.4)."
        2 private "`private` for the whole response (§5.2.2.7)."
        3 must_revalidate "`must-revalidate` (§5.2.2.2)."
        4 proxy_revalidate "`proxy-revalidate` (§5.2.2.8)."
        5 no_transform "`no-transform` (§5.2.1.6, §5.2.2.6)."
        6 only_if_cached "`only-if-cached` (§5.2.1.7)."
        7 public "`public` (§5.2.2.9)."
        8 must_understand "`must-understand` (§5.2.2.3)."
        9 immutable "`immutable` (RFC 8246)."
    }

    accessors! {
        max_age "`max-age` (§5.2.1.1, §5.2.2.1)."
        s_maxage "`s-maxage` (§5.2.2.10)."
        stale_while_revalidate "`stale-while-revalidate` (RFC 5861 §3)."
        stale_if_error "`stale-if-error` (RFC 5861 §4)."
        min_fresh "`min-fresh` (§5.2.1.3)."
    }

    /// `max-stale` (§5.2.1.2); the inner `None` accepts any staleness.
    #[must_use]
    pub fn max_stale(&self) -> Option<Option<Duration>> {
        self.max_stale.map(|limit| limit.map(seconds))
    }

    /// The fields that `no-cache="…"` names: not to be sent without validation (§5.2.2.4).
    #[must_use]
    pub fn no_cache_fields(&self) -> &[HeaderName] {
        &self.no_cache_fields
    }

    /// The fields that `private="…"` names: not for a shared cache (§5.2.2.7).
    #[must_use]
    pub fn private_fields(&self) -> &[HeaderName] {
        &self.private_fields
    }

    /// Whether a shared cache may serve the response only as long as it is fresh: "A cache MUST NOT
    /// generate a stale response if it is prohibited by an explicit in-protocol directive (e.g., by a
    /// no-cache response directive, a must-revalidate response directive, or an applicable s-maxage
    /// or proxy-revalidate response directive)." (§4.2.4)
    #[must_use]
    pub const fn forbids_stale(&self) -> bool {
        self.no_cache()
            || self.must_revalidate()
            || self.proxy_revalidate()
            || self.s_maxage.is_some()
    }

    /// Whether a response to an authorised request may be shared (§3.5).
    #[must_use]
    pub const fn allows_sharing(&self) -> bool {
        self.public() || self.must_revalidate() || self.s_maxage.is_some()
    }

    fn add(&mut self, member: &[u8]) {
        let (name, argument) = match member.iter().position(|byte| *byte == b'=') {
            Some(at) => (&member[..at], Some(&member[at + 1..])),
            None => (member, None),
        };
        // A space beside the equals sign is not allowed. Read on as if it were not there: whether
        // the value is then taken or found invalid, the directive restricts.
        let name = list::trim(name);
        match FLAGS
            .iter()
            .position(|flag| flag.as_bytes().eq_ignore_ascii_case(name))
        {
            Some(flag) => self.add_flag(flag, argument),
            None => self.add_seconds(name, argument),
        }
    }

    fn add_flag(&mut self, flag: usize, argument: Option<&[u8]>) {
        match (flag, argument) {
            (NO_CACHE, Some(names)) if add_names(&mut self.no_cache_fields, names) => {}
            (PRIVATE, Some(names)) if add_names(&mut self.private_fields, names) => {}
            (FIRST_PERMISSION.., Some(_)) => {}
            _ => self.flags |= 1 << flag,
        }
    }

    fn add_seconds(&mut self, name: &[u8], argument: Option<&[u8]>) {
        let value = argument.and_then(delta_seconds);
        let is = |directive: &str| directive.as_bytes().eq_ignore_ascii_case(name);
        if is("max-age") {
            restrict(&mut self.max_age, value);
        } else if is("s-maxage") {
            restrict(&mut self.s_maxage, value);
        } else if is("stale-while-revalidate") {
            restrict(&mut self.stale_while_revalidate, value);
        } else if is("stale-if-error") {
            restrict(&mut self.stale_if_error, value);
        } else if is("min-fresh") {
            self.min_fresh = self.min_fresh.max(value);
        } else if is("max-stale") {
            self.add_max_stale(argument.is_some(), value);
        }
    }

    /// An invalid `max-stale` permits nothing.
    fn add_max_stale(&mut self, has_argument: bool, value: Option<u32>) {
        self.max_stale = match (self.max_stale, has_argument) {
            (_, true) if value.is_none() => return,
            (Some(Some(earlier)), _) => {
                Some(Some(value.map_or(earlier, |value| earlier.min(value))))
            }
            _ => Some(value),
        };
    }
}

/// Of several values the smallest counts, and an invalid one is zero: never fresher than the RFC's
/// "either the first occurrence should be used or the response should be considered stale" (§4.2.1).
fn restrict(directive: &mut Option<u32>, value: Option<u32>) {
    let value = value.unwrap_or(0);
    *directive = Some(directive.map_or(value, |earlier| earlier.min(value)));
}

/// "If a cache receives a delta-seconds value greater than the greatest integer it can represent […]
/// the cache MUST consider the value to be 2147483648 (2^31) or the greatest positive integer it can
/// conveniently represent." (§1.2.2) "Recipients ought to accept both forms", token and
/// quoted-string (§5.2).
fn delta_seconds(argument: &[u8]) -> Option<u32> {
    let digits = list::digits(unquoted(list::trim(argument)))?;
    Some(u32::try_from(digits).unwrap_or(u32::MAX))
}

fn unquoted(argument: &[u8]) -> &[u8] {
    argument
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
        .unwrap_or(argument)
}

/// Adds the field names of a qualified directive. False when there is none, or one that is no name:
/// "many caches […] handle the qualified form as if it were the unqualified", which is the safe side.
fn add_names(fields: &mut Vec<HeaderName>, argument: &[u8]) -> bool {
    let names: Result<Vec<_>, _> = list::members(unquoted(list::trim(argument)))
        .map(HeaderName::from_bytes)
        .collect();
    match names {
        Ok(names) if !names.is_empty() => {
            fields.extend(names);
            true
        }
        _ => false,
    }
}

fn has_pragma_no_cache(fields: &HeaderMap) -> bool {
    let lines = fields.get_all(header::PRAGMA).into_iter();
    lines
        .flat_map(|line| list::members(line.as_bytes()))
        .any(|member| member.eq_ignore_ascii_case(b"no-cache"))
}

fn seconds(delta: u32) -> Duration {
    Duration::from_secs(delta.into())
}

#[cfg(test)]
#[path = "cache_control_tests.rs"]
mod tests;
