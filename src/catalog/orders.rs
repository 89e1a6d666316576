//! The orders in which artifacts can be listed besides that of their numbers: by URL, size, last use and
//! hits. One table: a row for each artifact in each order, and one that says where it stands in them, so
//! that it is found there again when it moves.

use heed::RoTxn;
use serde::{Deserialize, Serialize};

use super::{
    Inconsistency, Result,
    codec::{self, ArtifactRecord},
    environment::{Environment, Tables},
    table::{Row, Table},
};
use crate::artifact::listing::By;

/// The letters that keys begin with.
const PLACED: u8 = b'p';
const URL: u8 = b'l';
pub(super) const SIZE: u8 = b's';
pub(super) const USED: u8 = b'u';
pub(super) const HITS: u8 = b'h';

/// Bytes of a URL that count for its place: LMDB takes keys of 511 bytes at most.
const MAX_URL: usize = 480;
/// Rows that an audit reads at once.
const CHUNK: usize = 1024;

/// Where an artifact stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Placed {
    /// Bytes of its newest version.
    pub(super) size_bytes: u64,
    /// Nanoseconds since 1970 of its last use, or of its storing.
    pub(super) used: u64,
    /// How often it was served from the store.
    pub(super) hits: u64,
}

impl Placed {
    /// The orders by numbers, with its number in each.
    pub(super) const fn numbers(&self) -> [(u8, u64); 3] {
        [
            (SIZE, self.size_bytes),
            (USED, self.used),
            (HITS, self.hits),
        ]
    }
}

/// The letter of an order; none for that of the artifacts' own table.
pub(super) const fn letter(by: By) -> Option<u8> {
    match by {
        By::Id => None,
        By::Url => Some(URL),
        By::Size => Some(SIZE),
        By::Used => Some(USED),
        By::Hits => Some(HITS),
    }
}

/// Where an artifact says where it stands.
pub(super) fn placed_key(id: u64) -> [u8; 9] {
    let mut key = [PLACED; 9];
    key[1..].copy_from_slice(&id.to_be_bytes());
    key
}

/// The row of an artifact in an order by a number.
pub(super) fn number_key(letter: u8, number: u64, id: u64) -> [u8; 17] {
    let mut key = [letter; 17];
    key[1..9].copy_from_slice(&number.to_be_bytes());
    key[9..].copy_from_slice(&id.to_be_bytes());
    key
}

/// The row of an artifact in the order by URL. No URL has a zero in it.
pub(super) fn url_key(url: &str, id: u64) -> Vec<u8> {
    let mut key = url_start(url);
    key.push(0);
    key.extend(id.to_be_bytes());
    key
}

/// What the rows of all URLs begin with that start with `prefix`.
pub(super) fn url_start(prefix: &str) -> Vec<u8> {
    let bytes = prefix.as_bytes();
    let mut key = vec![URL];
    key.extend(&bytes[..bytes.len().min(MAX_URL)]);
    key
}

/// Where an artifact stands in an order, as a list that goes on behind it says.
pub(super) fn place(by: By, url: &str, id: u64, placed: &Placed) -> Vec<u8> {
    let Some(letter) = letter(by) else {
        return id.to_be_bytes().to_vec();
    };
    let mut numbers = placed.numbers().into_iter();
    match numbers.find(|(of, _)| *of == letter) {
        Some((_, number)) => number_key(letter, number, id).to_vec(),
        None => url_key(url, id),
    }
}

/// The artifact of a row: its number is the end of every key.
pub(super) fn id_of(key: &[u8]) -> u64 {
    key.last_chunk().map_or(0, |id| u64::from_be_bytes(*id))
}

impl Tables {
    /// Where an artifact stands; `None` when it has no place yet.
    pub(super) fn placed(&self, txn: &RoTxn<'_>, id: u64) -> Result<Option<Placed>> {
        self.orders.record(txn, &placed_key(id), codec::decode)
    }

    /// Every key that the orders must have of an artifact.
    fn keys_in_order(url: &str, id: u64, placed: &Placed) -> Vec<Vec<u8>> {
        let numbers = placed.numbers().into_iter();
        let numbers = numbers.map(|(letter, number)| number_key(letter, number, id).to_vec());
        numbers.chain([url_key(url, id)]).collect()
    }
}

/// Finds what the orders lack, and what they have of artifacts that are not there.
pub(super) fn audit(environment: &Environment, found: &mut Vec<Inconsistency>) -> Result<()> {
    let tables = environment.tables;
    each_chunk(environment, tables.artifacts, |txn, rows| {
        for (key, value) in rows {
            // Unreadable ones were reported with their own table.
            if let Ok(record) = codec::decode::<ArtifactRecord<'_>>(value) {
                lacking(&tables, txn, id_of(key), record.source_url, found)?;
            }
        }
        Ok(())
    })?;
    each_chunk(environment, tables.orders, |txn, rows| {
        for (key, _) in rows {
            let id = id_of(key).to_be_bytes();
            if tables.artifacts.get(txn, &id)?.is_none() {
                found.push(wrong(&tables, key.clone()));
            }
        }
        Ok(())
    })
}

/// What the orders lack of one artifact.
fn lacking(
    tables: &Tables,
    txn: &RoTxn<'_>,
    id: u64,
    url: &str,
    found: &mut Vec<Inconsistency>,
) -> Result<()> {
    let Ok(Some(placed)) = tables.placed(txn, id) else {
        found.push(wrong(tables, placed_key(id).to_vec()));
        return Ok(());
    };
    for key in Tables::keys_in_order(url, id, &placed) {
        if tables.orders.get(txn, &key)?.is_none() {
            found.push(wrong(tables, key));
        }
    }
    Ok(())
}

fn wrong(tables: &Tables, key: Vec<u8>) -> Inconsistency {
    Inconsistency::WrongEntry {
        database: tables.orders.name,
        key,
    }
}

/// The rows of a table, some in each transaction.
fn each_chunk(
    environment: &Environment,
    table: Table,
    mut visit: impl FnMut(&RoTxn<'_>, &[Row]) -> Result<()>,
) -> Result<()> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let txn = environment.read()?;
        let rows = table.rows(&txn, after.as_deref(), CHUNK)?;
        let Some((last, _)) = rows.last() else {
            return Ok(());
        };
        visit(&txn, &rows)?;
        after = Some(last.clone());
    }
}
