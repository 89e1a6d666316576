//! `TargetUri`: what a request asks for, absolute and normalised (RFC 9110 §4.2.3, §7.1).
//!
//! `url` is the one parser: what it takes for the host is what every later check sees and what is
//! dialled. In `http` and `https` URLs it
//! - lower-cases scheme and host, maps international names to ASCII and IPv4 numbers in any notation to
//!   dotted decimals, and leaves out a default port;
//! - removes dot segments, `%2e` among them, and reads `\` as `/`;
//! - percent-encodes spaces, quotes, angle brackets and what is not ASCII, in the path also backquotes
//!   and braces, in the query also `'`.
//!
//! `s3://bucket/key` names an object; how it is read and written stands in [`ObjectName`].
//!
//! Nothing else changes: escapes are neither decoded nor re-cased, so `%7E`, `%7e` and `~` are three
//! targets (RFC 3986 §6.2.2 would allow one), and empty segments, empty queries and the order of
//! parameters stay. A wrong guess here would answer one resource with another.

use std::{fmt, hash, sync::Arc};

use http::Uri;
use url::{Position, Url};

use super::object_name::ObjectName;

/// An absolute URI without credentials and fragment.
///
/// ```
/// use artifact_cache_layers::semantics::target_uri::TargetUri;
/// let uri: TargetUri = "HTTPS://Example.com:443/a/../b%7e?q#part".parse().unwrap();
/// assert_eq!(uri.as_str(), "https://example.com/b%7e?q");
/// ```
#[derive(Clone)]
pub struct TargetUri(Arc<Parsed>);

struct Parsed {
    url: Url,
    uri: Uri,
    object: Option<ObjectName>,
}

/// Why a text is not a target URI.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidTargetUri {
    /// Not a URI at all, or a relative one.
    Syntax(String),
    /// It names a user or a password; credentials are configured, never sent in a URL.
    Credentials,
    /// It has no host.
    NoHost,
}

impl TargetUri {
    /// The URI as `url` parsed it.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0.url
    }

    /// The whole URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.url.as_str()
    }

    /// The scheme, lower case, without colon.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.0.url.scheme()
    }

    /// The host, an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.url.host_str().unwrap_or_default()
    }

    /// The port, explicit or the scheme's default; 0 when neither is known.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.url.port_or_known_default().unwrap_or(0)
    }

    /// Path and query as in origin form, the path never empty.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        match &self.0.url[Position::BeforePath..Position::AfterQuery] {
            "" => "/",
            path_and_query => path_and_query,
        }
    }

    /// The same URI for a client that speaks `http` types.
    #[must_use]
    pub fn to_uri(&self) -> Uri {
        self.0.uri.clone()
    }

    /// The last path segment, decoded, when it can be a file name: UTF-8, not empty, neither `.` nor
    /// `..`, without separators, control characters and leading or trailing spaces.
    #[must_use]
    pub fn file_name(&self) -> Option<String> {
        let name = if let Some(object) = &self.0.object {
            object.key.rsplit('/').next()?.to_owned()
        } else {
            let segment = self.0.url.path().rsplit('/').next()?;
            String::from_utf8(percent_decoded(segment)).ok()?
        };
        let is_safe = !matches!(name.as_str(), "" | "." | "..")
            && name.trim() == name
            && !name
                .chars()
                .any(|character| matches!(character, '/' | '\\') || character.is_control());
        is_safe.then_some(name)
    }

    /// `reference` resolved against this URI (RFC 3986 §5), for `Location` and `Content-Location`.
    pub fn join(&self, reference: &str) -> Result<Self, InvalidTargetUri> {
        refuse_control(reference)?;
        self.0
            .url
            .join(reference)
            .map_err(syntax)
            .and_then(Self::checked)
    }

    /// The URI, and the fragment that it does not keep (a `#sha256=…` pin), as written.
    pub fn parse_with_fragment(text: &str) -> Result<(Self, Option<String>), InvalidTargetUri> {
        refuse_control(text)?;
        if let Some((store, rest)) = ObjectName::scheme(text) {
            let (rest, fragment) = match rest.split_once('#') {
                Some((rest, fragment)) => (rest, Some(fragment.to_owned())),
                None => (rest, None),
            };
            let uri = Self::of_object(ObjectName::parse(store, rest)?)?;
            return Ok((uri, fragment));
        }
        let url = Url::parse(text).map_err(syntax)?;
        refuse_lenient(text, &url)?;
        let fragment = url.fragment().map(str::to_owned);
        Ok((Self::checked(url)?, fragment))
    }

    /// The URI of an object.
    pub fn of_object(object: ObjectName) -> Result<Self, InvalidTargetUri> {
        object.check()?;
        let url = Url::parse(&object.to_uri_text()).map_err(syntax)?;
        Self::of(url, Some(object))
    }

    /// The object that it names, if it is that of one.
    #[must_use]
    pub fn object(&self) -> Option<&ObjectName> {
        self.0.object.as_ref()
    }

    /// Whether scheme, host and port are the same (RFC 6454 §5).
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        (self.scheme(), self.host(), self.port()) == (other.scheme(), other.host(), other.port())
    }

    fn checked(mut url: Url) -> Result<Self, InvalidTargetUri> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidTargetUri::Credentials);
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(InvalidTargetUri::NoHost);
        }
        url.set_fragment(None);
        Self::of(url, None)
    }

    fn of(url: Url, object: Option<ObjectName>) -> Result<Self, InvalidTargetUri> {
        let uri = Uri::try_from(url.as_str())
            .map_err(|error| InvalidTargetUri::Syntax(error.to_string()))?;
        Ok(Self(Arc::new(Parsed { url, uri, object })))
    }
}

impl std::str::FromStr for TargetUri {
    type Err = InvalidTargetUri;

    fn from_str(text: &str) -> Result<Self, InvalidTargetUri> {
        Self::parse_with_fragment(text).map(|(uri, _)| uri)
    }
}

/// `url` would drop tabs and line ends anywhere and trim the ends: a text that carries them was made by
/// mistake or in bad faith, and means something else to the next parser.
fn refuse_control(text: &str) -> Result<(), InvalidTargetUri> {
    if text.bytes().any(|byte| byte.is_ascii_control()) || text.trim() != text {
        return Err(InvalidTargetUri::Syntax(
            "control character or outer space".to_owned(),
        ));
    }
    Ok(())
}

/// `url` finds a host behind any number of slashes, as browsers do; by RFC 3986 §3.2 there is none.
fn refuse_lenient(text: &str, url: &Url) -> Result<(), InvalidTargetUri> {
    let authority = text
        .get(url.scheme().len()..)
        .and_then(|rest| rest.strip_prefix("://"));
    match authority {
        Some(authority) if !authority.starts_with(['/', '\\']) => Ok(()),
        _ if url.is_special() => Err(InvalidTargetUri::NoHost),
        _ => Ok(()),
    }
}

fn syntax(error: url::ParseError) -> InvalidTargetUri {
    InvalidTargetUri::Syntax(error.to_string())
}

/// The bytes of `text`; an incomplete escape stands for itself.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        decoded.push(escaped.map_or(*first, |(high, low)| high << 4 | low));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    decoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

impl PartialEq for TargetUri {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for TargetUri {}

impl hash::Hash for TargetUri {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for TargetUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TargetUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for InvalidTargetUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(reason) => write!(f, "not an absolute URL: {reason}"),
            Self::Credentials => f.write_str("a URL must not carry a user name or password"),
            Self::NoHost => f.write_str("the URL has no host"),
        }
    }
}

impl std::error::Error for InvalidTargetUri {}

#[cfg(test)]
#[path = "target_uri_tests.rs"]
mod tests;
