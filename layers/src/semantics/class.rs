//! Classes of resources: what a cache may take for granted of a URL beyond what its responses say.

/// What kind of resource a URL names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Class {
    /// Its bytes never change: fresh for as long as it is stored, whatever a request's directives are.
    /// What a response forbids (`no-store`, `private`, `no-cache`) stays forbidden.
    Immutable,
    /// Metadata that changes: validated unless the origin says how long it is fresh, or it has just
    /// been validated.
    Index,
    /// RFC 9111 and nothing else.
    #[default]
    Default,
    /// Never looked up and never stored.
    Bypass,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Immutable, Self::Index, Self::Default, Self::Bypass];

    /// The word for it, in configuration and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Immutable => "immutable",
            Self::Index => "index",
            Self::Default => "default",
            Self::Bypass => "bypass",
        }
    }
}
