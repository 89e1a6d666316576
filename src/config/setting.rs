//! What a section says about itself: `section!` writes a settings struct, its defaults and the table
//! of its keys from one text, so that documentation, environment and checks cannot drift from it.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};

use figment::Figment;
use ipnet::IpNet;

/// A type that can be the value of a setting.
pub trait Setting {
    /// How the value is written.
    const KIND: Kind;
}

/// How a value is written in the file, in the environment and in the documentation.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// Text that is never shown again.
    Secret,
    /// A whole number, up to a greatest one.
    Number(u64),
    /// A boolean, written in any of the usual words.
    Switch,
    /// A span of time with its unit.
    Span,
    /// A number of bytes, with or without a unit.
    Size,
    /// A path of the file system.
    Path,
    /// An IP address.
    Address,
    /// A range of IP addresses.
    Network,
    /// One of a few words, each with its meaning.
    Choice(&'static [(&'static str, &'static str)]),
    /// Several values.
    List(&'static Kind),
    /// A value that may be absent.
    Optional(&'static Kind),
    /// A group of further settings.
    Section(&'static Section),
    /// Any number of such groups, each under a name of the operator's choice.
    Named(&'static Section),
}

/// A group of settings.
#[derive(Debug)]
pub struct Section {
    /// What the group is for.
    pub about: &'static str,
    /// Its settings, in the order of the documentation.
    pub keys: &'static [Key],
}

/// One setting of a section.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Name within the section.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// How its value is written.
    pub kind: Kind,
    /// Why the merged value at a path is not one of this setting, if so.
    pub(super) mismatch: fn(&Figment, &str) -> Option<figment::error::Kind>,
}

/// A setting with its whole path, such as `server.port`.
#[derive(Clone, Debug)]
pub struct Located {
    /// Sections and name, joined by dots.
    pub path: String,
    /// The setting itself.
    pub key: Key,
}

impl Section {
    /// Every setting below this section, in the order of the documentation.
    #[must_use]
    pub fn settings(&self) -> Vec<Located> {
        let mut found = Vec::new();
        self.collect("", &mut found);
        found
    }

    fn collect(&self, prefix: &str, found: &mut Vec<Located>) {
        for key in self.keys {
            let path = format!("{prefix}{}", key.name);
            match key.kind {
                Kind::Section(section) => section.collect(&format!("{path}."), found),
                _ => found.push(Located { path, key: *key }),
            }
        }
    }
}

impl Located {
    /// The setting at `path` below a named group, where this is one: `s3.endpoints.lab.url`.
    pub(super) fn below(&self, path: &str) -> Option<Self> {
        let Kind::Named(section) = self.key.kind else {
            return None;
        };
        let rest = path.strip_prefix(&self.path)?.strip_prefix('.')?;
        let (_, name) = rest.split_once('.')?;
        let key = section.keys.iter().find(|key| key.name == name)?;
        Some(Self {
            path: path.to_owned(),
            key: *key,
        })
    }

    /// The variable of the environment that sets it.
    #[must_use]
    pub fn variable(&self) -> String {
        format!(
            "{}{}",
            super::environment::PREFIX,
            self.path.replace('.', "__").to_uppercase()
        )
    }
}

macro_rules! kinds {
    ($($type:ty => $kind:expr),* $(,)?) => {
        $(impl Setting for $type { const KIND: Kind = $kind; })*
    };
}

kinds! {
    String => Kind::Text,
    bool => Kind::Switch,
    u16 => Kind::Number(u16::MAX as u64),
    u32 => Kind::Number(u32::MAX as u64),
    u64 => Kind::Number(u64::MAX),
    usize => Kind::Number(usize::MAX as u64),
    PathBuf => Kind::Path,
    IpAddr => Kind::Address,
    IpNet => Kind::Network,
}

/// Groups of settings by the names that the operator gave them.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Named<T>(pub BTreeMap<String, T>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Setting> Setting for Named<T> {
    const KIND: Kind = match T::KIND {
        Kind::Section(section) => Kind::Named(section),
        _ => panic!("only sections have names"),
    };
}

impl<T: Setting> Setting for Vec<T> {
    const KIND: Kind = Kind::List(&T::KIND);
}

impl<T: Setting> Setting for Option<T> {
    const KIND: Kind = Kind::Optional(&T::KIND);
}

/// Writes a settings struct in which every key stands once, as `name: type = default`.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident {
            $($(#[doc = $doc:literal])+ pub $key:ident: $type:ty = $default:expr,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $key: $type,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl $crate::config::setting::Setting for $name {
            const KIND: $crate::config::setting::Kind =
                $crate::config::setting::Kind::Section(&$crate::config::setting::Section {
                    about: concat!($($about),+),
                    keys: &[$($crate::config::setting::Key {
                        name: stringify!($key),
                        about: concat!($($doc),+),
                        kind: <$type as $crate::config::setting::Setting>::KIND,
                        mismatch: |figment, path| {
                            figment.extract_inner::<$type>(path).err().map(|error| error.kind)
                        },
                    }),+],
                });
        }
    };
}

/// Writes an enum of words, as `Variant = "word"`.
macro_rules! choice {
    (
        $(#[doc = $about:literal])+
        pub enum $name:ident { $($(#[doc = $doc:literal])+ $variant:ident = $word:literal,)+ }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $variant,)+
        }

        impl $crate::config::setting::Setting for $name {
            const KIND: $crate::config::setting::Kind =
                $crate::config::setting::Kind::Choice(&[$(($word, concat!($($doc),+))),+]);
        }

        impl $name {
            /// How configuration writes it.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::config::setting::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::config::setting::UnknownWord(&[$($word),+])),
                }
            }
        }
    };
}

pub(super) use {choice, section};

/// The text is none of the words of a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {0:?}")]
pub struct UnknownWord(pub &'static [&'static str]);
