//! Room for removals when nothing else has room. LMDB needs free pages even to delete, so a full map
//! or a full disk would keep everybody from making room. A record without meaning is kept in store
//! from the start; when a removal finds no room it is thrown overboard and its pages serve the removal.

use super::{CatalogError, environment::Environment};

/// Where the ballast lies in `meta`.
const BALLAST_KEY: &[u8] = b"ballast";
/// Written to let pages age, see [`release`].
const AGE_KEY: &[u8] = b"age";
/// Enough pages for dozens of removals, each of which gives back as many as it takes.
const BALLAST_BYTES: usize = 1 << 20;
/// Of a small map no more than this part.
const PART_OF_MAP: usize = 16;

type Result<T, E = CatalogError> = std::result::Result<T, E>;

/// Takes ballast on, unless it is there.
pub(super) fn take(environment: &Environment) -> Result<()> {
    let meta = environment.tables.meta;
    if meta.get(&*environment.read()?, BALLAST_KEY)?.is_some() {
        return Ok(());
    }
    let bytes = BALLAST_BYTES.min(environment.lmdb.info().map_size / PART_OF_MAP);
    let mut txn = environment.lmdb.write_txn()?;
    meta.put(&mut txn, BALLAST_KEY, &vec![0; bytes])?;
    Ok(txn.commit()?)
}

/// Throws the ballast overboard; false when there was none.
pub(super) fn release(environment: &Environment) -> Result<bool> {
    let meta = environment.tables.meta;
    let mut txn = environment.lmdb.write_txn()?;
    if !meta.delete(&mut txn, BALLAST_KEY)? {
        return Ok(false);
    }
    txn.commit()?;
    // LMDB keeps the pages of the last transaction for those who read the one before it.
    let mut txn = environment.lmdb.write_txn()?;
    let age = txn.id().to_be_bytes();
    meta.put(&mut txn, AGE_KEY, &age)?;
    txn.commit()?;
    Ok(true)
}
