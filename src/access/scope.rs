//! [`Scope`]: one kind of thing that a token allows; [`Scopes`]: a set of them.

use std::{fmt, str::FromStr};

/// One kind of thing that can be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Scope {
    /// Artifacts of origins: `/fetch`, `/cas`, the forward proxy.
    Fetch,
    /// Uploaded files: download.
    FilesRead,
    /// Uploaded files: upload.
    FilesUpload,
    /// Uploaded files: delete.
    FilesDelete,
    /// Models: read.
    RegistryRead,
    /// Models: register and change.
    RegistryWrite,
    /// Models: promote.
    RegistryPromote,
    /// Policies: read.
    PolicyRead,
    /// Policies: change.
    PolicyWrite,
    /// The management API: lists, statistics, metrics.
    AdminRead,
    /// The management API: remove artifacts, make tokens.
    AdminWrite,
}

const NAMES: [(Scope, &str); 11] = [
    (Scope::Fetch, "fetch"),
    (Scope::FilesRead, "files:read"),
    (Scope::FilesUpload, "files:upload"),
    (Scope::FilesDelete, "files:delete"),
    (Scope::RegistryRead, "registry:read"),
    (Scope::RegistryWrite, "registry:write"),
    (Scope::RegistryPromote, "registry:promote"),
    (Scope::PolicyRead, "policy:read"),
    (Scope::PolicyWrite, "policy:write"),
    (Scope::AdminRead, "admin:read"),
    (Scope::AdminWrite, "admin:write"),
];

impl Scope {
    /// As tokens and messages write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u16);

/// The text names no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no scope; there are {known}, a family as in `files:*`, and `*`", known = known())]
pub struct UnknownScope(pub String);

fn known() -> String {
    NAMES.map(|(_, name)| name).join(", ")
}

impl Scopes {
    /// Everything.
    pub const ALL: Self = Self((1 << NAMES.len()) - 1);
    /// What reads and is asked for by everybody: for clients without a token, where they are let in.
    pub const ANONYMOUS: Self =
        Self(Scope::Fetch.bit() | Scope::FilesRead.bit() | Scope::RegistryRead.bit());

    /// Whether `scope` is among them. Who may change the cache may look at it.
    #[must_use]
    pub const fn contain(self, scope: Scope) -> bool {
        let implied = matches!(scope, Scope::AdminRead) && self.0 & Scope::AdminWrite.bit() != 0;
        implied || self.0 & scope.bit() != 0
    }

    /// The set that `names` stand for together.
    ///
    /// # Errors
    /// For the first name that is no scope.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownScope> {
        let mut sets = names.into_iter().map(str::parse::<Self>);
        sets.try_fold(Self::default(), |sum, set| Ok(Self(sum.0 | set?.0)))
    }

    /// The names of all of them.
    #[must_use]
    pub fn names(self) -> Vec<String> {
        let held = NAMES.iter().filter(|(scope, _)| self.0 & scope.bit() != 0);
        held.map(|(_, name)| (*name).to_owned()).collect()
    }
}

impl FromStr for Scopes {
    type Err = UnknownScope;

    /// One name, a family such as `files:*`, or `*`.
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let family = text.strip_suffix('*');
        let is_meant = |name: &str| match family {
            Some(family) => family.is_empty() || family.ends_with(':') && name.starts_with(family),
            None => name == text,
        };
        let meant = NAMES.iter().filter(|(_, name)| is_meant(name));
        match meant.fold(0, |sum, (scope, _)| sum | scope.bit()) {
            0 => Err(UnknownScope(text.chars().take(64).collect())),
            bits => Ok(Self(bits)),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_the_order_of_the_variants() {
        for (scope, name) in NAMES {
            assert_eq!(scope.name(), name);
            assert!(name.parse::<Scopes>().unwrap().contain(scope));
        }
    }

    #[test]
    fn families_and_stars_stand_for_all_of_them() {
        let files: Scopes = "files:*".parse().unwrap();
        assert_eq!(
            files.names(),
            ["files:read", "files:upload", "files:delete"]
        );
        assert_eq!("*".parse(), Ok(Scopes::ALL));
        assert_eq!(Scopes::ALL.names().len(), NAMES.len());
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        for text in ["", "f*", "files", "files:", "Fetch", "admin:*:", "fetch "] {
            assert!(text.parse::<Scopes>().is_err(), "{text}");
        }
    }

    #[test]
    fn who_may_change_may_look_and_not_the_other_way_round() {
        assert!(
            Scopes::named(["admin:write"])
                .unwrap()
                .contain(Scope::AdminRead)
        );
        assert!(
            !Scopes::named(["admin:read"])
                .unwrap()
                .contain(Scope::AdminWrite)
        );
        assert!(!Scopes::ANONYMOUS.contain(Scope::AdminRead));
    }
}
