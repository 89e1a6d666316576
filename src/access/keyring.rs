//! [`Keyring`]: every token in memory, kept in step with the catalog. Requests are judged by this copy,
//! so that none waits for a read or a write; when a token was used last is written now and then.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;

use super::{
    Caller, InvalidReach, Minted, NoRandomness, Reach, Scopes, TokenId, UnknownScope,
    token::Presented,
};
use crate::catalog::{Catalog, CatalogError, Change, MAX_TOKENS, TokenRecord};

/// The longest name of a token, in characters.
const LONGEST_NAME: usize = 200;
/// Most hosts and prefixes of one token.
const MOST_TARGETS: usize = 100;

/// All tokens.
pub struct Keyring {
    catalog: Catalog,
    entries: ArcSwap<Entries>,
}

type Entries = HashMap<TokenId, Arc<Entry>>;

struct Entry {
    /// Nothing for the operator's own, which lives as long as the process.
    record: Option<TokenRecord>,
    digest: [u8; 32],
    expires_at: Option<SystemTime>,
    caller: Caller,
    /// When it was accepted last, in seconds since 1970; 0 for never.
    used: AtomicU64,
    /// The same as far as it is written.
    written: AtomicU64,
}

/// A token that somebody wants to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What it is for.
    pub name: String,
    /// What it is to allow.
    pub scopes: Vec<String>,
    /// What it is to be limited to; empty for no limit.
    pub targets: Vec<String>,
    /// How long it is to last; for ever when absent.
    pub expires_in: Option<Duration>,
}

/// Why a token was not made or not removed.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// It names a scope that there is not.
    #[error(transparent)]
    Scope(#[from] UnknownScope),
    /// It is to be limited to something that is neither host nor URL.
    #[error(transparent)]
    Reach(#[from] InvalidReach),
    /// It would allow nothing.
    #[error("a token needs at least one scope")]
    NoScope,
    /// A name or a list is too long.
    #[error("{0}")]
    TooLong(&'static str),
    /// It would expire before anybody could use it, or later than time is counted.
    #[error("a token must last between one second and a thousand years")]
    Expiry,
    /// There are as many as there may be.
    #[error("there are {MAX_TOKENS} tokens, which is the most; revoke some first")]
    TooMany,
    /// The machine gives no randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// The catalog failed.
    #[error("the catalog could not be written")]
    Catalog(#[from] CatalogError),
}

/// Why a token was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is none like it.
    Unknown,
    /// It has expired.
    Expired,
}

impl Keyring {
    /// The tokens of a catalog.
    ///
    /// # Errors
    /// When they cannot be read. One that means nothing to this program is left out.
    pub fn open(catalog: Catalog) -> Result<Self, CatalogError> {
        let entries = catalog.tokens()?.into_iter().filter_map(Entry::of);
        let entries = entries.map(|(id, entry)| (id, Arc::new(entry))).collect();
        Ok(Self {
            catalog,
            entries: ArcSwap::from_pointee(entries),
        })
    }

    /// Accepts a token for everything until the process ends: the operator's, which is never listed.
    pub fn admit_operator(&self, token: &Minted) {
        let caller = Caller::new(Some(token.id), Scopes::ALL, Reach::default());
        let entry = Entry::new(None, token.digest, None, caller);
        self.insert(token.id, entry);
    }

    /// Whether a caller is the operator of this machine.
    #[must_use]
    pub fn is_operator(&self, caller: &Caller) -> bool {
        let entries = self.entries.load();
        let entry = caller.token().and_then(|token| entries.get(&token));
        entry.is_some_and(|entry| entry.record.is_none())
    }

    /// Whose token it is.
    pub(super) fn verify(&self, token: &Presented, now: SystemTime) -> Result<Caller, Refused> {
        let entries = self.entries.load();
        let entry = entries
            .get(&token.id)
            .filter(|entry| token.is(&entry.digest));
        entry.ok_or(Refused::Unknown)?.accept(now)
    }

    /// The same for a token that was verified before, when what it opened is used again.
    pub(super) fn recheck(&self, id: TokenId, now: SystemTime) -> Result<Caller, Refused> {
        let entries = self.entries.load();
        entries.get(&id).ok_or(Refused::Unknown)?.accept(now)
    }

    /// Makes a token; it is valid when this returns.
    ///
    /// # Errors
    /// When it is not possible, or the catalog cannot keep it.
    pub async fn create(
        &self,
        wanted: Wanted,
        now: SystemTime,
    ) -> Result<(Minted, TokenRecord), NotKept> {
        let (scopes, reach) = wanted.checked()?;
        if self.entries.load().len() >= MAX_TOKENS {
            return Err(NotKept::TooMany);
        }
        let expires_at = wanted
            .expires_in
            .map(|span| expiry(now, span))
            .transpose()?;
        let minted = Minted::new()?;
        let record = TokenRecord {
            id: minted.id.to_string(),
            name: wanted.name,
            digest: minted.digest,
            scopes: scopes.names(),
            targets: wanted.targets,
            created_at: now,
            expires_at,
            last_used_at: None,
        };
        self.catalog.write(Change::PutToken(record.clone())).await?;
        let caller = Caller::new(Some(minted.id), scopes, reach);
        let entry = Entry::new(Some(record.clone()), minted.digest, expires_at, caller);
        self.insert(minted.id, entry);
        Ok((minted, record))
    }

    /// Every token, in order of its making.
    #[must_use]
    pub fn list(&self) -> Vec<TokenRecord> {
        let entries = self.entries.load();
        let mut records: Vec<_> = entries.values().filter_map(|entry| entry.now()).collect();
        records.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        records
    }

    /// Ends a token; whether there was one. It is refused from before this returns.
    ///
    /// # Errors
    /// When the catalog fails; the token is refused all the same until the next start.
    pub async fn revoke(&self, id: &str) -> Result<bool, NotKept> {
        let Ok(token) = id.parse::<TokenId>() else {
            return Ok(false);
        };
        let is_listed = |entry: &Arc<Entry>| entry.record.is_some();
        if !self.entries.load().get(&token).is_some_and(is_listed) {
            return Ok(false);
        }
        self.entries.rcu(|entries| {
            let mut entries = Entries::clone(entries);
            entries.remove(&token);
            entries
        });
        let id = id.to_owned();
        self.catalog.write(Change::RemoveToken { id }).await?;
        Ok(true)
    }

    /// Writes when tokens were used last, of those that were used since it was written.
    ///
    /// # Errors
    /// When the catalog fails; the times are kept for the next call.
    pub async fn flush(&self) -> Result<(), CatalogError> {
        let (mut uses, mut marks) = (Vec::new(), Vec::new());
        for (id, entry) in self
            .entries
            .load()
            .iter()
            .filter(|(_, entry)| entry.record.is_some())
        {
            let last = entry.used.load(Ordering::Relaxed);
            if last > entry.written.load(Ordering::Relaxed) {
                uses.push((id.to_string(), time(last)));
                marks.push((Arc::clone(entry), last));
            }
        }
        if uses.is_empty() {
            return Ok(());
        }
        self.catalog.write(Change::UseTokens { uses }).await?;
        for (entry, last) in marks {
            entry.written.fetch_max(last, Ordering::Relaxed);
        }
        Ok(())
    }

    fn insert(&self, id: TokenId, entry: Entry) {
        let entry = Arc::new(entry);
        self.entries.rcu(|entries| {
            let mut entries = Entries::clone(entries);
            entries.insert(id, Arc::clone(&entry));
            entries
        });
    }
}

impl Wanted {
    fn checked(&self) -> Result<(Scopes, Reach), NotKept> {
        if self.name.chars().count() > LONGEST_NAME {
            return Err(NotKept::TooLong(
                "the name of a token has at most 200 characters",
            ));
        }
        if self.targets.len() > MOST_TARGETS {
            return Err(NotKept::TooLong("a token has at most 100 targets"));
        }
        if self.scopes.is_empty() {
            return Err(NotKept::NoScope);
        }
        let scopes = Scopes::named(self.scopes.iter().map(String::as_str))?;
        let reach = Reach::new(self.targets.iter().map(String::as_str))?;
        Ok((scopes, reach))
    }
}

impl Entry {
    fn accept(&self, now: SystemTime) -> Result<Caller, Refused> {
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(Refused::Expired);
        }
        // The number stands alone: no other memory depends on its order.
        self.used.fetch_max(seconds(now), Ordering::Relaxed);
        Ok(self.caller.clone())
    }

    fn new(
        record: Option<TokenRecord>,
        digest: [u8; 32],
        expires_at: Option<SystemTime>,
        caller: Caller,
    ) -> Self {
        let last = record.as_ref().and_then(|record| record.last_used_at);
        let last = last.map_or(0, seconds);
        Self {
            record,
            digest,
            expires_at,
            caller,
            used: AtomicU64::new(last),
            written: AtomicU64::new(last),
        }
    }

    /// The entry of a record; none for one that this program does not understand.
    fn of(record: TokenRecord) -> Option<(TokenId, Self)> {
        let id: TokenId = record.id.parse().ok()?;
        // A scope of a newer program allows nothing here; the others stay what they are.
        let known = |name: &String| name.parse::<Scopes>().is_ok();
        let names = record.scopes.iter().filter(|name| known(name));
        let scopes = Scopes::named(names.map(String::as_str)).ok()?;
        let reach = Reach::new(record.targets.iter().map(String::as_str)).ok()?;
        let caller = Caller::new(Some(id), scopes, reach);
        let (digest, expires_at) = (record.digest, record.expires_at);
        Some((id, Self::new(Some(record), digest, expires_at, caller)))
    }

    /// The record with the latest use.
    fn now(&self) -> Option<TokenRecord> {
        let used = self.used.load(Ordering::Relaxed);
        self.record.clone().map(|record| TokenRecord {
            last_used_at: (used > 0).then(|| time(used)),
            ..record
        })
    }
}

fn expiry(now: SystemTime, span: Duration) -> Result<SystemTime, NotKept> {
    const LONGEST: Duration = Duration::from_hours(1000 * 366 * 24);
    let fits = span >= Duration::from_secs(1) && span <= LONGEST;
    let end = now.checked_add(span).filter(|_| fits);
    end.ok_or(NotKept::Expiry)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}
