//! [`Keyring`]: every token in memory, kept in step with the catalog. Requests are judged by this copy,
//! so that none waits for a read or a write; when a token was used last is written now and then.

mod entry;
mod wanted;

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::SystemTime,
};

use arc_swap::ArcSwap;

pub use self::wanted::{NotKept, Wanted};
use self::{
    entry::{Entry, time},
    wanted::expiry,
};
use super::{Caller, Minted, Reach, Scopes, TokenId, token::Presented};
use crate::catalog::{Catalog, CatalogError, Change, MAX_TOKENS, TokenRecord};

/// All tokens.
pub struct Keyring {
    catalog: Catalog,
    entries: ArcSwap<Entries>,
}

type Entries = HashMap<TokenId, Arc<Entry>>;

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
