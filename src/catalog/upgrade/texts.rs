//! From format 1 to 2: the texts of models stand in blocks that are searched as wholes.

use heed::RwTxn;

use crate::{
    artifact::model::Model,
    catalog::{CatalogError, codec, environment::Tables, models::texts},
};

/// Models read at once.
const CHUNK: usize = 1024;

/// Writes the blocks. A record that cannot be read is left to `fsck`.
pub(super) fn write(tables: &Tables, txn: &mut RwTxn<'_>) -> Result<(), CatalogError> {
    let (models, blocks) = (tables.models, tables.model_texts);
    let mut after: Option<Vec<u8>> = None;
    loop {
        let rows = models.rows(txn, after.as_deref(), CHUNK)?;
        let Some((last, _)) = rows.last() else {
            return Ok(());
        };
        after = Some(last.clone());
        for (_, value) in &rows {
            let Ok(model) = codec::decode::<Model>(value) else {
                continue;
            };
            let key = texts::block_of(model.id);
            let block = texts::with(blocks.get(txn, &key)?, model.id, Some(&model));
            if let Some(block) = blocks.sound(block)? {
                blocks.put(txn, &key, &block)?;
            }
        }
    }
}
