//! The time series of the main figures: three rings of slots, each step coarser and kept longer. At most
//! 4,680 slots, some 200 KiB, whatever the age of the cache.

use std::ops::Bound::{Excluded, Included};

use heed::{RoTxn, RwTxn};

use super::{
    Catalog, Result, Written,
    codec::{self, Malformed},
    environment::Tables,
    transaction::Transaction,
};
use crate::artifact::figures::{Figures, Slot, Step};

/// Where the mark of the last write is.
const MARK: &[u8] = &[u8::MAX];

/// Step, then the beginning of the slot in seconds since 1970.
type Key = [u8; 9];

fn key(step: Step, start: u64) -> Key {
    let mut key = [step as u8; 9];
    key[1..].copy_from_slice(&start.to_be_bytes());
    key
}

fn start_of(key: &[u8]) -> Result<u64, Malformed> {
    let start = key.get(1..).and_then(|start| start.try_into().ok());
    start.map(u64::from_be_bytes).ok_or(Malformed::Short)
}

impl Catalog {
    /// The slots of one step that begin at `from` or later, in seconds since 1970, in order of time, and
    /// the mark of the last write that is among them. Steps in which the cache did not run are absent.
    pub fn history(&self, step: Step, from: u64) -> Result<(Vec<Slot>, Option<u64>)> {
        let txn = self.environment().read()?;
        let tables = &self.environment().tables;
        let mark = tables.history.record(&txn, MARK, codec::decode)?;
        Ok((tables.slots(&txn, step, from)?, mark))
    }
}

impl Tables {
    fn slots(&self, txn: &RoTxn<'_>, step: Step, from: u64) -> Result<Vec<Slot>> {
        let (first, last) = (key(step, from), key(step, u64::MAX));
        let mut slots = Vec::new();
        let range = (Included(&first[..]), Included(&last[..]));
        for row in self.history.lmdb.range(txn, &range)? {
            let (key, value) = row?;
            let start = self.history.sound(start_of(key))?;
            let figures = self.history.sound(codec::decode(value))?;
            slots.push(Slot { start, figures });
        }
        Ok(slots)
    }

    fn add(&self, txn: &mut RwTxn<'_>, step: Step, slot: &Slot) -> Result<()> {
        let key = key(step, step.start(slot.start));
        let known: Option<Figures> = self.history.record(txn, &key, codec::decode)?;
        let figures = known.map_or(slot.figures, |known| known.and(slot.figures));
        let bytes = codec::encode(&figures);
        self.history.put_record(txn, &key, bytes)
    }

    /// Drops what is older than the step keeps, and what is later than `now`: a clock that went back
    /// would otherwise leave slots that never grow old.
    fn prune(&self, txn: &mut RwTxn<'_>, step: Step, now: u64) -> Result<()> {
        let oldest = key(step, step.start(now).saturating_sub(step.kept_seconds()));
        let (first, newest) = (key(step, 0), key(step, step.start(now)));
        let last = key(step, u64::MAX);
        let past = (Included(&first[..]), Excluded(&oldest[..]));
        let future = (Excluded(&newest[..]), Included(&last[..]));
        self.history.lmdb.delete_range(txn, &past)?;
        self.history.lmdb.delete_range(txn, &future)?;
        Ok(())
    }
}

impl Transaction<'_> {
    /// Adds what happened, in order of time.
    pub(super) fn note(&mut self, slots: &[Slot], mark: u64) -> Result<Written> {
        let tables = self.tables;
        for step in Step::ALL {
            for slot in slots {
                tables.add(&mut self.txn, step, slot)?;
            }
            if let Some(last) = slots.last() {
                tables.prune(&mut self.txn, step, last.start)?;
            }
        }
        let mark = codec::encode(&mark);
        tables.history.put_record(&mut self.txn, MARK, mark)?;
        Ok(Written::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::{CatalogOptions, Change},
        clock::Clock,
    };

    fn open(directory: &std::path::Path) -> Catalog {
        Catalog::open(directory, &CatalogOptions::default(), Clock::system()).unwrap()
    }

    fn slot(start: u64, requests: u64) -> Slot {
        let figures = Figures {
            requests,
            objects: requests,
            ..Figures::default()
        };
        Slot { start, figures }
    }

    fn note(catalog: &Catalog, slots: Vec<Slot>) {
        let mark = slots[0].start;
        catalog
            .write_blocking(Change::Note { slots, mark })
            .unwrap();
    }

    #[test]
    fn each_step_has_the_whole_in_its_own_grain_and_it_outlives_the_process() {
        let directory = tempfile::tempdir().unwrap();
        let begin = 1_800_000_000;
        let catalog = open(directory.path());
        note(&catalog, vec![slot(begin, 1), slot(begin + 10, 2)]);
        note(&catalog, vec![slot(begin + 60, 4)]);
        drop(catalog);
        let catalog = open(directory.path());
        let starts = |step| -> Vec<(u64, u64)> {
            let slots = catalog.history(step, 0).unwrap().0;
            slots
                .iter()
                .map(|slot| (slot.start - begin, slot.figures.requests))
                .collect()
        };
        assert_eq!(starts(Step::TenSeconds), [(0, 1), (10, 2), (60, 4)]);
        assert_eq!(starts(Step::Minute), [(0, 3), (60, 4)]);
        assert_eq!(starts(Step::Quarter), [(0, 7)]);
        let last = catalog.history(Step::Quarter, 0).unwrap().0[0].figures;
        assert_eq!(last.objects, 4, "a level is that of the end");
    }

    #[test]
    fn it_never_grows_beyond_its_bounds() {
        let directory = tempfile::tempdir().unwrap();
        let catalog = open(directory.path());
        let begin = 1_800_000_000;
        // 32 days in steps of five minutes.
        for at in 0..32 * 288_u64 {
            if at % 64 == 0 {
                let slots = (at..at + 64).map(|n| slot(begin + n * 300, 1)).collect();
                note(&catalog, slots);
            }
        }
        for step in Step::ALL {
            let (slots, _) = catalog.history(step, 0).unwrap();
            let most = step.kept_seconds() / step.seconds() + 1;
            assert!(slots.len() as u64 <= most, "{step:?}: {}", slots.len());
            let span = slots.last().unwrap().start - slots[0].start;
            assert!(span <= step.kept_seconds());
        }
        let (month, mark) = catalog.history(Step::Quarter, 0).unwrap();
        assert_eq!(month.len(), 2881);
        assert_eq!(mark, Some(begin + (32 * 288 - 64) * 300));
    }

    #[test]
    fn slots_of_a_clock_that_ran_ahead_are_dropped_when_it_is_set_right() {
        let directory = tempfile::tempdir().unwrap();
        let catalog = open(directory.path());
        let now = 1_800_000_000;
        note(&catalog, vec![slot(now + 1_000_000, 9)]);
        note(&catalog, vec![slot(now, 1)]);
        for step in Step::ALL {
            let (slots, _) = catalog.history(step, 0).unwrap();
            assert_eq!(slots.len(), 1, "{step:?}");
            assert_eq!(slots[0].figures.requests, 1);
        }
    }
}
