//! Tags: names that an operator gives to artifacts, to find and to purge them together. A tag keeps
//! nothing, and goes with its artifact.
//!
//! One table: the tags of an artifact, the artifacts of a tag in order of number, and how many they are.

use artifact_cache_layers::{digest::Sha256, semantics::cache_key::CacheKey};
use heed::RoTxn;

use super::{Catalog, Result, codec, environment::Tables, orders::id_of};

/// Most tags of one artifact.
pub const MAX_TAGS: usize = 64;
/// Most tags in one answer.
const MAX_LISTED: usize = 10_000;
/// URLs of one digest that are tagged at once.
const MAX_HOLDERS: usize = 10_000;

/// The letters that keys begin with.
pub(super) const OF_ARTIFACT: u8 = b'a';
const OF_NAME: u8 = b'n';
const COUNT: u8 = b'c';

/// What is tagged: a URL, or every URL that has or had some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tagged {
    /// This URL.
    Url(CacheKey),
    /// All URLs of these bytes, 10,000 at most.
    Blob(Sha256),
    /// The artifact with this number.
    Id(u64),
}

/// A change of tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagChange {
    /// Gives these names to artifacts; one keeps 64 at most, and further ones are left out.
    Give {
        /// Which artifacts.
        of: Tagged,
        /// The names.
        names: Vec<String>,
    },
    /// Takes names back; none is no error.
    Take {
        /// From which artifacts.
        of: Tagged,
        /// The names.
        names: Vec<String>,
    },
    /// Takes a name back from up to 1000 of the artifacts that have it.
    Drop {
        /// The name.
        name: String,
    },
}

/// Why a tag was not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTag {
    /// It is no name.
    #[error("a tag has 1 to 64 letters, digits and characters of `._:/@+-`")]
    Name,
}

/// A name that a tag may have.
///
/// # Errors
/// When it may not.
pub fn check(name: &str) -> Result<(), InvalidTag> {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte);
    let is_name = (1..=64).contains(&name.len()) && name.bytes().all(is_good);
    is_name.then_some(()).ok_or(InvalidTag::Name)
}

pub(super) fn tag_key(id: u64, name: &str) -> Vec<u8> {
    let mut key = tags_start(id);
    key.extend(name.as_bytes());
    key
}

pub(super) fn tags_start(id: u64) -> Vec<u8> {
    let mut key = vec![OF_ARTIFACT];
    key.extend(id.to_be_bytes());
    key
}

/// What the rows of a tag's artifacts begin with; their numbers follow.
pub(super) fn name_start(name: &str) -> Vec<u8> {
    let mut key = vec![OF_NAME];
    key.extend(name.as_bytes());
    key.push(0);
    key
}

pub(super) fn name_key(name: &str, id: u64) -> Vec<u8> {
    let mut key = name_start(name);
    key.extend(id.to_be_bytes());
    key
}

pub(super) fn count_key(name: &str) -> Vec<u8> {
    let mut key = vec![COUNT];
    key.extend(name.as_bytes());
    key
}

impl Catalog {
    /// Every tag behind `after` with the number of its artifacts, at most `limit` and 10,000, by name.
    pub fn tags(&self, after: &str, limit: usize) -> Result<Vec<(String, u64)>> {
        let txn = self.environment().read()?;
        let tags = self.environment().tables.tags;
        let from = count_key(after);
        let rows = tags.rows(&txn, Some(&from), limit.min(MAX_LISTED))?;
        let counts = rows
            .into_iter()
            .filter(|(key, _)| key.first() == Some(&COUNT));
        let named = counts.filter_map(|(key, value)| {
            let name = String::from_utf8(key[1..].to_vec()).ok()?;
            Some((name, codec::decode(&value).ok()?))
        });
        Ok(named.collect())
    }
}

impl Tables {
    /// The tags of an artifact, in order.
    pub(super) fn tags_of(&self, txn: &RoTxn<'_>, id: u64) -> Result<Vec<String>> {
        let start = tags_start(id);
        let keys = self.tags.keys(txn, &start, MAX_TAGS)?;
        let names = keys.iter().map(|key| &key[start.len()..]);
        let names = names.map(|name| String::from_utf8_lossy(name).into_owned());
        Ok(names.collect())
    }

    pub(super) fn has_tag(&self, txn: &RoTxn<'_>, id: u64, name: &str) -> Result<bool> {
        Ok(self.tags.get(txn, &tag_key(id, name))?.is_some())
    }

    pub(super) fn tag_count(&self, txn: &RoTxn<'_>, name: &str) -> Result<u64> {
        let count = self.tags.record(txn, &count_key(name), codec::decode)?;
        Ok(count.unwrap_or_default())
    }

    /// The artifacts that are meant.
    pub(super) fn tagged(&self, txn: &RoTxn<'_>, of: &Tagged) -> Result<Vec<u64>> {
        let keys = match of {
            Tagged::Id(id) => {
                let known = self.artifacts.get(txn, &id.to_be_bytes())?;
                return Ok(known.map(|_| *id).into_iter().collect());
            }
            Tagged::Url(key) => vec![*key],
            Tagged::Blob(digest) => self.holders(txn, digest, MAX_HOLDERS)?,
        };
        let mut ids = Vec::new();
        for key in keys {
            let set = self.set(txn, &key)?;
            // A URL without a version is no artifact.
            ids.extend(set.filter(|set| !set.versions.is_empty()).map(|set| set.id));
        }
        Ok(ids)
    }

    /// At most `limit` artifacts that have a tag.
    pub(super) fn ids_of_tag(&self, txn: &RoTxn<'_>, name: &str, limit: usize) -> Result<Vec<u64>> {
        let keys = self.tags.keys(txn, &name_start(name), limit)?;
        Ok(keys.iter().map(|key| id_of(key)).collect())
    }
}
