//! [`Filter`]: which artifacts a list shows, in which order, and where it goes on.

use std::time::SystemTime;

use artifact_cache_layers::digest::Sha256;

use super::Artifact;

/// Which artifacts a list shows. All that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Where it begins: behind this place.
    pub after: Place,
    /// Most artifacts returned.
    pub limit: usize,
    /// In which order.
    pub order: Order,
    /// Only URLs of this host.
    pub host: Option<String>,
    /// Only URLs that start with this.
    pub prefix: Option<String>,
    /// Only URLs that contain this.
    pub contains: Option<String>,
    /// Only artifacts with a version of this digest.
    pub digest: Option<Sha256>,
    /// Only this media type, without parameters; `image/*` stands for a whole type.
    pub content_type: Option<String>,
    /// Only artifacts with this tag.
    pub tag: Option<String>,
    /// Only those that an operator pinned, or those that none did.
    pub pinned: Option<bool>,
    /// Only those in this state.
    pub state: Option<State>,
    /// Bytes of the newest version, both ends included.
    pub size_bytes: Span<u64>,
    /// When it was served from the store last.
    pub used: Span<SystemTime>,
    /// When it was stored first.
    pub created: Span<SystemTime>,
}

/// From one value to another, both included; open where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<T> {
    /// The least.
    pub from: Option<T>,
    /// The most.
    pub to: Option<T>,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub by: By,
    /// Whether the largest comes first.
    pub is_descending: bool,
}

/// What a list is ordered by; equal ones are in order of number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// The number, which is the order in which artifacts were stored first.
    #[default]
    Id,
    /// The first 480 bytes of the URL.
    Url,
    /// Bytes of the newest version.
    Size,
    /// When it was served from the store last; hits count here when they have been written, every 5 s.
    Used,
    /// How often it was served from the store; as above.
    Hits,
}

/// What can be served of an artifact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Its newest version.
    #[default]
    Current,
    /// The same, but it was marked stale.
    Stale,
    /// Only past versions, and only by their digests.
    Past,
}

/// A place in a list: the next page begins behind it. It stays good whatever is written: what does not
/// move in the order is on exactly one page. The default is the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place(pub Vec<u8>);

/// Part of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The artifacts found, in order.
    pub artifacts: Vec<Artifact>,
    /// Where the next page begins; `None` when there is no more. A page may be short, or empty, and have
    /// a next one all the same: a filter looks at so many artifacts and no more at a time.
    pub next: Option<Place>,
}

impl From<u64> for Place {
    /// The place of an artifact in the order of numbers.
    fn from(id: u64) -> Self {
        Self(id.to_be_bytes().to_vec())
    }
}

impl<T> Default for Span<T> {
    fn default() -> Self {
        let (from, to) = (None, None);
        Self { from, to }
    }
}

impl<T: PartialOrd> Span<T> {
    /// Whether it is open at both ends.
    pub const fn is_open(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// Whether `value` lies within.
    pub fn contains(&self, value: &T) -> bool {
        let is_from = self.from.as_ref().is_none_or(|from| value >= from);
        is_from && self.to.as_ref().is_none_or(|to| value <= to)
    }
}

impl State {
    /// The states by their words.
    pub const WORDS: [(&'static str, Self); 3] = [
        ("current", Self::Current),
        ("stale", Self::Stale),
        ("past", Self::Past),
    ];

    /// The state as one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        let mut words = Self::WORDS.iter();
        words
            .find(|(_, state)| *state == self)
            .map_or("current", |(word, _)| word)
    }
}
