//! [`ObjectName`]: an object of a store that speaks the protocol of S3, and its URI `s3://bucket/key`.
//!
//! No standard defines such URIs. Here they are read as URIs: `%xx` stands for a byte, `#` begins the
//! fragment; everything else, `?`, `+` and spaces among it, belongs to the key. `minio://` is the same.
//! `s3+name://` names one of several configured stores.
//!
//! The canonical form escapes every byte of a key but `A-Za-z0-9-._~/`. A key with a segment `.` or `..`
//! is `s3://bucket/?key=…`, because every URL parser would resolve such segments in a path.

use std::fmt::Write as _;

use super::target_uri::InvalidTargetUri;

/// The longest name of a bucket that any store has.
const LONGEST_BUCKET: usize = 255;
/// "The key name is a sequence of Unicode characters with UTF-8 encoding of up to 1,024 bytes long."
const LONGEST_KEY: usize = 1024;

/// An object: the bucket, and the key within it as the store knows it, without any escaping.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectName {
    /// The configured store, `None` for whichever has the bucket.
    pub store: Option<String>,
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
}

impl ObjectName {
    /// Reads the scheme, `None` where it is not that of an object: the store it names, and the rest.
    pub(super) fn scheme(text: &str) -> Option<(Option<String>, &str)> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "s3" | "minio" => Some((None, rest)),
            named => Some((Some(named.strip_prefix("s3+")?.to_owned()), rest)),
        }
    }

    /// Reads what stands behind the scheme, up to the fragment.
    pub(super) fn parse(store: Option<String>, rest: &str) -> Result<Self, InvalidTargetUri> {
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        let key = path.strip_prefix("?key=").unwrap_or(path);
        let object = Self {
            store,
            bucket: bucket.to_owned(),
            key: decoded(key)?,
        };
        object.check()?;
        Ok(object)
    }

    /// Whether bucket and key can be those of an object.
    pub fn check(&self) -> Result<(), InvalidTargetUri> {
        if self.bucket.is_empty() {
            return Err(InvalidTargetUri::NoHost);
        }
        if self.bucket.contains('@') {
            return Err(InvalidTargetUri::Credentials);
        }
        if !is_bucket(&self.bucket) {
            return Err(syntax("not the name of a bucket"));
        }
        if self.key.is_empty() {
            return Err(syntax("it names a bucket but no key in it"));
        }
        if self.key.len() > LONGEST_KEY {
            return Err(syntax("the key is longer than 1024 bytes"));
        }
        let named = self.store.as_deref().is_none_or(is_store);
        named
            .then_some(())
            .ok_or_else(|| syntax("not the name of a store"))
    }

    /// The canonical URI.
    #[must_use]
    pub fn to_uri_text(&self) -> String {
        let scheme = match &self.store {
            Some(store) => format!("s3+{store}"),
            None => "s3".into(),
        };
        let (bucket, key) = (&self.bucket, escaped(&self.key));
        let resolves = |segment| matches!(segment, "." | "..");
        if self.key.split('/').any(resolves) {
            format!("{scheme}://{bucket}/?key={key}")
        } else {
            format!("{scheme}://{bucket}/{key}")
        }
    }
}

/// `key` as it stands in a path: every byte escaped but `A-Za-z0-9-._~/`.
#[must_use]
pub fn escaped(key: &str) -> String {
    let mut text = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn is_bucket(text: &str) -> bool {
    let first = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    first && text.len() <= LONGEST_BUCKET && text.bytes().all(known) && !text.contains("..")
}

fn is_store(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(known)
}

/// Decodes `%xx` once.
fn decoded(text: &str) -> Result<String, InvalidTargetUri> {
    let bad = || syntax("a percent sign needs two hexadecimal digits (a literal one is %25)");
    let mut bytes = Vec::with_capacity(text.len());
    let mut pieces = text.split('%');
    bytes.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).ok_or_else(bad)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(bad());
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| bad())?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| syntax("the key is not UTF-8"))
}

fn syntax(reason: &str) -> InvalidTargetUri {
    InvalidTargetUri::Syntax(reason.to_owned())
}
