//! What a parent proxy knows us by. It is read from a file, once, and never shown.

use std::{fmt, fs, path::Path};

use artifact_cache_layers::body::BoxError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;

/// A user and a password.
#[derive(Clone)]
pub(in crate::upstream) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

/// A file that does not hold what it should.
#[derive(Debug, thiserror::Error)]
#[error("{path} does not hold {what}")]
struct Unusable {
    path: String,
    what: &'static str,
}

impl Credentials {
    /// `user:password` on the first line of a file.
    pub(super) fn read(path: &Path) -> Result<Self, BoxError> {
        let text = secret(path)?;
        let unusable = || Unusable {
            path: path.display().to_string(),
            what: "`user:password`",
        };
        let (user, password) = text.split_once(':').ok_or_else(unusable)?;
        let fits = |text: &str| text.len() < 256 && !text.contains(char::is_control);
        if !fits(user) || !fits(password) {
            return Err(unusable().into());
        }
        Ok(Self {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }

    /// As Basic (RFC 7617).
    pub(super) fn basic(&self) -> HeaderValue {
        let pair = STANDARD.encode(format!("{}:{}", self.user, self.password));
        let value = HeaderValue::try_from(format!("Basic {pair}"));
        let mut value = value.unwrap_or(HeaderValue::from_static("Basic"));
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The secret in a file, without the end of its line.
pub(in crate::upstream) fn secret(path: &Path) -> Result<String, BoxError> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let text = text.trim();
    if text.is_empty() {
        let what = "anything";
        return Err(Unusable { path: name, what }.into());
    }
    Ok(text.to_owned())
}
