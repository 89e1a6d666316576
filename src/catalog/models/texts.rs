//! The texts of models in blocks that are searched as wholes: a text that few models have, or none, is
//! looked for in some megabytes that lie in a row and not in every record.
//!
//! A block has the models of [`MODELS`] neighbouring numbers. Each is a mark, its place in the block, then
//! name, version and description, in lower case as far as ASCII goes. The marks are bytes that no UTF-8
//! has, so nothing is found across them.

use std::collections::BTreeMap;

use heed::RoTxn;
use memchr::{memchr, memmem::Finder, memrchr};
use serde::{Deserialize, Serialize};

use super::Result;
use crate::{
    artifact::model::Model,
    catalog::{
        codec::{self, Malformed},
        environment::Tables,
    },
};

/// Models in a block.
pub(super) const MODELS: u64 = u64::BITS as u64;
/// Longest text of a model that stands in its block, in bytes. Longer ones are looked for in the record.
const MAX_TEXT: usize = 4096;
/// Begins a model.
const BEGIN: u8 = 0xfe;
/// Ends a text.
const END: u8 = 0xff;
/// With the place of a model in it a byte that no character begins with.
const PLACE: u8 = 0x80;
/// The place in it.
const PLACES: u8 = 0x3f;

/// One block.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Block<'a> {
    /// A bit for each model whose text is too long to stand here.
    long: u64,
    text: &'a [u8],
}

/// The key of the block of a model.
pub(in crate::catalog) fn block_of(id: u64) -> [u8; 8] {
    (id / MODELS).to_be_bytes()
}

fn bit_of(id: u64) -> u64 {
    1 << (id % MODELS)
}

fn place_of(id: u64) -> u8 {
    // Less than 64.
    PLACE | (id % MODELS).to_le_bytes()[0]
}

/// What stands of a model in its block; nothing when it is too long.
fn entry(model: &Model) -> Option<Vec<u8>> {
    let description = model.description.as_deref().unwrap_or_default();
    let length = model.name.len() + model.version.len() + description.len();
    if length > MAX_TEXT {
        return None;
    }
    let mut entry = vec![BEGIN, place_of(model.id)];
    for text in [&model.name, &model.version, description] {
        entry.extend(text.bytes().map(|byte| byte.to_ascii_lowercase()));
        entry.push(END);
    }
    Some(entry)
}

/// A block with the model of that number as it is now; nothing when no model is left in it.
pub(in crate::catalog) fn with(
    block: Option<&[u8]>,
    id: u64,
    model: Option<&Model>,
) -> Result<Option<Vec<u8>>, Malformed> {
    let old: Block<'_> = block.map(codec::decode).transpose()?.unwrap_or_default();
    let (before, _, after) = parts(old.text, id);
    let mut long = old.long & !bit_of(id);
    let mut text = before.to_vec();
    match model.map(entry) {
        Some(Some(entry)) => text.extend(entry),
        Some(None) => long |= bit_of(id),
        None => {}
    }
    text.extend(after);
    if long == 0 && text.is_empty() {
        return Ok(None);
    }
    let text = text.as_slice();
    codec::encode(&Block { long, text }).map(Some)
}

/// What stands before a model, of it, and behind it.
fn parts(text: &[u8], id: u64) -> (&[u8], &[u8], &[u8]) {
    let mut at = 0;
    while let Some(place) = text.get(at + 1) {
        let next = memchr(BEGIN, &text[at + 1..]).map_or(text.len(), |next| at + 1 + next);
        if *place >= place_of(id) {
            let end = if *place == place_of(id) { next } else { at };
            return (&text[..at], &text[at..end], &text[end..]);
        }
        at = next;
    }
    (text, &[], &[])
}

/// Whether a block has exactly this of the model.
pub(super) fn agrees(block: Option<&[u8]>, model: &Model) -> bool {
    let Ok(block) = block.map_or(Ok(Block::default()), codec::decode) else {
        return false;
    };
    let is_long = block.long & bit_of(model.id) != 0;
    let (_, own, _) = parts(block.text, model.id);
    match entry(model) {
        Some(entry) => !is_long && own == entry,
        None => is_long && own.is_empty(),
    }
}

/// The numbers of the models in a block; nothing when it cannot be read.
pub(super) fn members(key: &[u8], value: &[u8]) -> Option<Vec<u64>> {
    let first = u64::from_be_bytes(key.try_into().ok()?).checked_mul(MODELS)?;
    let block: Block<'_> = codec::decode(value).ok()?;
    let begins = block.text.windows(2).filter(|two| two[0] == BEGIN);
    let placed = begins.fold(block.long, |set, two| set | 1 << (two[1] & PLACES));
    let members = (0..MODELS).filter(|place| placed >> place & 1 == 1);
    Some(members.map(|place| first + place).collect())
}

/// Models that may have a text: all that have it, and those whose text is too long for a block.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    blocks: BTreeMap<u64, u64>,
    count: usize,
}

impl Candidates {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn has(&self, id: u64) -> bool {
        let block = self.blocks.get(&(id / MODELS));
        block.is_some_and(|members| members & bit_of(id) != 0)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = u64> {
        self.blocks.iter().flat_map(|(block, members)| {
            let places = (0..MODELS).filter(move |place| members >> place & 1 == 1);
            places.map(move |place| block * MODELS + place)
        })
    }

    fn add(&mut self, block: u64, members: u64) {
        if members != 0 {
            self.count += members.count_ones() as usize;
            self.blocks.insert(block, members);
        }
    }
}

impl Tables {
    /// Searches every block.
    pub(super) fn candidates(&self, txn: &RoTxn<'_>, part: &str) -> Result<Candidates> {
        let part = part.to_ascii_lowercase();
        let finder = Finder::new(part.as_bytes());
        let mut found = Candidates::default();
        for row in self.model_texts.lmdb.iter(txn)? {
            let (key, value) = row?;
            let number = key.try_into().map(u64::from_be_bytes);
            let number = number.map_err(|_| Malformed::Value("the key"));
            let block: Block<'_> = self.model_texts.sound(codec::decode(value))?;
            let members = block.long | having(block.text, &finder);
            found.add(self.model_texts.sound(number)?, members);
        }
        Ok(found)
    }
}

/// A bit for each model of a block that has the text.
fn having(text: &[u8], finder: &Finder<'_>) -> u64 {
    let (mut members, mut from) = (0, 0);
    while let Some(at) = finder.find(&text[from..]) {
        let at = from + at;
        let begin = memrchr(BEGIN, &text[..at]);
        let place = begin.and_then(|begin| text.get(begin + 1));
        members |= place.map_or(0, |place| 1 << (place & PLACES));
        // The rest of this model is of no interest.
        match memchr(BEGIN, &text[at..]) {
            Some(next) => from = at + next,
            None => break,
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(id: u64, description: &str) -> Model {
        Model {
            id,
            name: "Name".into(),
            version: format!("V{id}"),
            description: Some(description.into()),
            ..Model::default()
        }
    }

    fn block(models: &[Model]) -> Option<Vec<u8>> {
        models.iter().fold(None, |block: Option<Vec<u8>>, model| {
            with(block.as_deref(), model.id, Some(model)).unwrap()
        })
    }

    #[test]
    fn a_block_is_the_same_whatever_the_order_it_was_written_in() {
        let models = [model(64, "a"), model(70, "é"), model(127, "c")];
        let whole = block(&models).unwrap();
        let mut others = [models[2].clone(), model(70, "old"), models[0].clone()].to_vec();
        others.extend([models[1].clone()]);
        assert_eq!(block(&others).unwrap(), whole);
        assert_eq!(members(&block_of(64), &whole).unwrap(), [64, 70, 127]);
        assert!(models.iter().all(|model| agrees(Some(&whole), model)));
        assert!(!agrees(Some(&whole), &model(70, "e")) && !agrees(None, &models[0]));
    }

    #[test]
    fn what_is_removed_leaves_nothing() {
        let whole = block(&[model(1, "a"), model(2, "b")]).unwrap();
        let rest = with(Some(&whole), 1, None).unwrap().unwrap();
        assert_eq!(rest, block(&[model(2, "b")]).unwrap());
        assert_eq!(with(Some(&rest), 2, None).unwrap(), None);
    }

    #[test]
    fn texts_are_found_in_their_model_only_and_never_across_texts() {
        let whole = block(&[model(0, "x"), model(3, "Xy"), model(63, &"z".repeat(5000))]).unwrap();
        let block: Block<'_> = codec::decode(&whole).unwrap();
        let members = |part: &str| having(block.text, &Finder::new(part.as_bytes()));
        assert_eq!(members("x"), 0b1001);
        assert_eq!(members("xy"), 0b1000);
        assert_eq!(members("name"), 0b1001);
        assert_eq!(members("namev0"), 0);
        assert_eq!(members("0x"), 0);
        assert_eq!(members("\u{fffd}"), 0);
        assert_eq!(block.long, 1 << 63);
    }
}
