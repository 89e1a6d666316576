//! The format of the catalog as a whole, and the steps from older formats: one file for each.

mod texts;

use heed::{Database, RwTxn, types::Bytes};

use super::{
    CatalogError,
    codec::{Malformed, decode, encode},
    environment::Tables,
};

/// The format this program writes.
pub(super) const FORMAT: u32 = 2;
/// Where the format is recorded in `meta`.
pub(super) const FORMAT_KEY: &[u8] = b"format";

/// The first one.
const FIRST: u32 = 1;

/// Refuses a newer format and marks a new catalog with ours. An older one stays what it is until
/// [`take_steps`].
pub(super) fn bring_up_to_date(
    meta: &Database<'_, Bytes, Bytes>,
    txn: &mut RwTxn<'_>,
) -> Result<(), CatalogError> {
    let found = meta.get(txn, FORMAT_KEY)?.map(decode::<u32>).transpose();
    match found.map_err(corrupt)? {
        None => Ok(meta.put(txn, FORMAT_KEY, &encode(&FORMAT).map_err(corrupt)?)?),
        Some(FIRST..=FORMAT) => Ok(()),
        Some(found) if found > FORMAT => Err(CatalogError::Newer {
            found,
            known: FORMAT,
        }),
        Some(_) => Err(corrupt(Malformed::Value("the format"))),
    }
}

/// Takes what steps are missing, in a transaction of all.
pub(super) fn take_steps(tables: &Tables, txn: &mut RwTxn<'_>) -> Result<(), CatalogError> {
    let found = tables.meta.record(txn, FORMAT_KEY, decode::<u32>)?;
    if found < Some(2) {
        texts::write(tables, txn)?;
    }
    if found != Some(FORMAT) {
        tables.meta.put_record(txn, FORMAT_KEY, encode(&FORMAT))?;
    }
    Ok(())
}

fn corrupt(source: Malformed) -> CatalogError {
    CatalogError::Corrupt {
        database: "meta",
        source,
    }
}
