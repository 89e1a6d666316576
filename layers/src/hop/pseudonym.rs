//! [`Pseudonym`], our name in `Via`.

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use http::{HeaderMap, HeaderValue, Version, header::VIA};

/// The `received-by` of our `Via` entries (RFC 9110 §7.6.3): a token, or a host with an optional port.
///
/// By default `artifact-cache`. Caches that stand in one row need a name each: one that finds its own
/// in `Via` takes the request for a loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pseudonym(Arc<Entries>);

/// Whole entries, so that a message costs a reference count and no text.
#[derive(Debug, PartialEq, Eq)]
struct Entries {
    name: Cow<'static, str>,
    v1_0: HeaderValue,
    v1_1: HeaderValue,
    v2: HeaderValue,
}

/// The text cannot stand in `Via`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidPseudonym;

impl FromStr for Pseudonym {
    type Err = InvalidPseudonym;

    fn from_str(name: &str) -> Result<Self, InvalidPseudonym> {
        if name.is_empty() || !name.bytes().all(is_name_byte) {
            return Err(InvalidPseudonym);
        }
        let entry = |version| HeaderValue::from_str(&format!("{version} {name}"));
        let entry = |version| entry(version).map_err(|_| InvalidPseudonym);
        Ok(Self(Arc::new(Entries {
            name: Cow::Owned(name.to_owned()),
            v1_0: entry("1.0")?,
            v1_1: entry("1.1")?,
            v2: entry("2")?,
        })))
    }
}

impl Default for Pseudonym {
    fn default() -> Self {
        Self(Arc::new(Entries {
            name: Cow::Borrowed("artifact-cache"),
            v1_0: HeaderValue::from_static("1.0 artifact-cache"),
            v1_1: HeaderValue::from_static("1.1 artifact-cache"),
            v2: HeaderValue::from_static("2 artifact-cache"),
        }))
    }
}

impl AsRef<str> for Pseudonym {
    fn as_ref(&self) -> &str {
        &self.0.name
    }
}

/// Token characters and those of a host with port; neither comma nor parenthesis, which have a meaning
/// in `Via`.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:[]".contains(&byte)
}

impl Pseudonym {
    /// Adds our entry behind those of the hops before us. `received` is the version in which the
    /// message reached us.
    pub(super) fn sign(&self, fields: &mut HeaderMap, received: Version) {
        let entry = match received {
            Version::HTTP_09 | Version::HTTP_10 => &self.0.v1_0,
            Version::HTTP_11 => &self.0.v1_1,
            _ => &self.0.v2,
        };
        fields.append(VIA, entry.clone());
    }
}

impl fmt::Display for InvalidPseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a token or a host with an optional port")
    }
}

impl std::error::Error for InvalidPseudonym {}
