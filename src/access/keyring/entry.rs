//! One token of the keyring: what it allows, and when it was used.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::Refused;
use crate::{
    access::{Caller, Reach, Scopes, TokenId},
    catalog::TokenRecord,
};

/// A token, or the operator's own.
pub(super) struct Entry {
    /// Nothing for the operator's own, which lives as long as the process.
    pub(super) record: Option<TokenRecord>,
    pub(super) digest: [u8; 32],
    pub(super) expires_at: Option<SystemTime>,
    pub(super) caller: Caller,
    /// When it was accepted last, in seconds since 1970; 0 for never.
    pub(super) used: AtomicU64,
    /// The same as far as it is written.
    pub(super) written: AtomicU64,
}

impl Entry {
    pub(super) fn accept(&self, now: SystemTime) -> Result<Caller, Refused> {
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(Refused::Expired);
        }
        // The number stands alone: no other memory depends on its order.
        self.used.fetch_max(seconds(now), Ordering::Relaxed);
        Ok(self.caller.clone())
    }

    pub(super) fn new(
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
    pub(super) fn of(record: TokenRecord) -> Option<(TokenId, Self)> {
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
    pub(super) fn now(&self) -> Option<TokenRecord> {
        let used = self.used.load(Ordering::Relaxed);
        self.record.clone().map(|record| TokenRecord {
            last_used_at: (used > 0).then(|| time(used)),
            ..record
        })
    }
}

pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

pub(super) fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}
