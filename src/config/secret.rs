//! A setting that must not be seen: tokens, passwords, keys.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use super::setting::{Kind, Setting};

/// What stands in place of a secret.
pub const STARS: &str = "***";

/// A text that prints as stars, in logs, in `config show` and in error messages.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself. The caller answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Setting for Secret {
    const KIND: Kind = Kind::Secret;
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STARS)
    }
}

impl Serialize for Secret {
    /// An unset secret is empty, so that one can see that it is unset.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.0.is_empty() { "" } else { STARS })
    }
}

#[cfg(test)]
mod tests {
    #![allow(unreachable_pub, reason = "sections are public")]

    use figment::{Figment, providers::Serialized, value::Value};

    use super::*;
    use crate::config::{setting::section, typed::typed};

    section! {
        /// A section with a secret.
        pub struct Credentials {
            /// The token.
            pub token: Secret = Secret::default(),
        }
    }

    #[test]
    fn a_secret_is_read_but_neither_printed_nor_written() {
        let token = typed(Secret::KIND, Value::from(12345)).unwrap();
        let credentials: Credentials = Figment::from(Serialized::defaults(Credentials::default()))
            .merge(("token", token))
            .extract()
            .unwrap();
        assert_eq!(credentials.token.expose(), "12345");
        assert_eq!(format!("{credentials:?}"), "Credentials { token: *** }");
        assert_eq!(
            serde_json::to_string(&credentials).unwrap(),
            r#"{"token":"***"}"#
        );
        assert_eq!(
            serde_json::to_string(&Credentials::default()).unwrap(),
            r#"{"token":""}"#
        );
    }
}
