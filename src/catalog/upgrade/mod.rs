//! The format of the catalog as a whole, and the steps from older formats: one file for each.
//! Format 1 is the first, so there is no step yet.

use heed::{Database, RwTxn, types::Bytes};

use super::{
    CatalogError,
    codec::{Malformed, decode, encode},
};

/// The format this program writes.
pub(super) const FORMAT: u32 = 1;
/// Where the format is recorded in `meta`.
pub(super) const FORMAT_KEY: &[u8] = b"format";

/// Refuses a newer format and marks a new catalog with ours.
pub(super) fn bring_up_to_date(
    meta: &Database<'_, Bytes, Bytes>,
    txn: &mut RwTxn<'_>,
) -> Result<(), CatalogError> {
    let found = meta.get(txn, FORMAT_KEY)?.map(decode::<u32>).transpose();
    match found.map_err(corrupt)? {
        None => Ok(meta.put(txn, FORMAT_KEY, &encode(&FORMAT).map_err(corrupt)?)?),
        Some(FORMAT) => Ok(()),
        Some(found) if found > FORMAT => Err(CatalogError::Newer {
            found,
            known: FORMAT,
        }),
        Some(_) => Err(corrupt(Malformed::Value("the format"))),
    }
}

fn corrupt(source: Malformed) -> CatalogError {
    CatalogError::Corrupt {
        database: "meta",
        source,
    }
}
