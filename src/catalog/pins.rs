//! What must stay: what an operator pinned, and the other reasons for which a blob is kept whatever
//! the room.

use std::time::SystemTime;

use artifact_cache_layers::{digest::Sha256, semantics::cache_key::CacheKey};
use heed::RoTxn;
use serde::{Deserialize, Serialize};

use super::{Catalog, Result, codec, environment::Tables};
use crate::artifact::file::PointerName;

/// URLs of one blob that are looked at for a pin.
const HOLDERS: usize = 1024;
/// Most pins in one answer.
const MAX_LISTED: usize = 1000;

/// What a pin is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinOf {
    /// These bytes.
    Blob(Sha256),
    /// Whatever is stored of a URL.
    Url(CacheKey),
}

/// A pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// What it is of.
    pub of: PinOf,
    /// Since when.
    pub since: SystemTime,
    /// Why, as the operator said it.
    pub note: String,
}

/// Why a blob stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// An operator pinned it, or a URL that has it.
    Pin(PinOf),
    /// It was uploaded.
    Upload,
    /// A pointer leads to it.
    Pointer(PointerName),
    /// A model in production has it.
    Production,
}

#[derive(Serialize, Deserialize)]
pub(super) struct PinRecord<'a> {
    pub(super) since: u64,
    pub(super) note: &'a str,
}

/// The key of a pin.
pub(super) fn pin_key(of: &PinOf) -> [u8; 33] {
    let (kind, bytes) = match of {
        PinOf::Blob(digest) => (b'b', digest.as_bytes()),
        PinOf::Url(key) => (b'u', key.as_bytes()),
    };
    let mut pinned = [kind; 33];
    pinned[1..].copy_from_slice(bytes);
    pinned
}

pub(super) fn pin_of(key: &[u8]) -> Option<PinOf> {
    let (kind, bytes) = key.split_first()?;
    let bytes = Sha256::from(<[u8; 32]>::try_from(bytes).ok()?);
    match kind {
        b'b' => Some(PinOf::Blob(bytes)),
        b'u' => Some(PinOf::Url(CacheKey(bytes))),
        _ => None,
    }
}

impl Catalog {
    /// Why the catalog keeps a blob whatever the room; the first reason found.
    pub fn keeper(&self, digest: &Sha256) -> Result<Option<Keeper>> {
        let txn = self.environment().read()?;
        self.environment().tables.keeper(&txn, digest)
    }

    /// At most 1000 pins.
    pub fn pins(&self) -> Result<Vec<Pin>> {
        let txn = self.environment().read()?;
        let pins = self.environment().tables.pins;
        let rows = pins.rows(&txn, None, MAX_LISTED)?;
        let pin = |(key, value): &(Vec<u8>, Vec<u8>)| {
            let record = codec::decode::<PinRecord<'_>>(value).ok()?;
            Some(Pin {
                of: pin_of(key)?,
                since: codec::time(record.since),
                note: record.note.to_owned(),
            })
        };
        Ok(rows.iter().filter_map(pin).collect())
    }
}

impl Tables {
    pub(super) fn is_pinned(&self, txn: &RoTxn<'_>, of: &PinOf) -> Result<bool> {
        Ok(self.pins.get(txn, &pin_key(of))?.is_some())
    }

    pub(super) fn keeper(&self, txn: &RoTxn<'_>, digest: &Sha256) -> Result<Option<Keeper>> {
        if self.is_in_production(txn, digest)? {
            return Ok(Some(Keeper::Production));
        }
        if let Some(name) = self.pointer_to(txn, digest)? {
            return Ok(Some(Keeper::Pointer(name)));
        }
        if self.is_file(txn, digest)? {
            return Ok(Some(Keeper::Upload));
        }
        self.pin(txn, digest).map(|of| of.map(Keeper::Pin))
    }

    /// The pin of a blob, or of a URL that has it.
    pub(super) fn pin(&self, txn: &RoTxn<'_>, digest: &Sha256) -> Result<Option<PinOf>> {
        if self.pins.lmdb.is_empty(txn)? {
            return Ok(None);
        }
        let of_blob = PinOf::Blob(*digest);
        if self.is_pinned(txn, &of_blob)? {
            return Ok(Some(of_blob));
        }
        for key in self.holders(txn, digest, HOLDERS)? {
            let of_url = PinOf::Url(key);
            if self.is_pinned(txn, &of_url)? {
                return Ok(Some(of_url));
            }
        }
        Ok(None)
    }
}
