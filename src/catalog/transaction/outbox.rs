//! The outbox: what a change of the registry tells is written with the change.

use super::{Result, Transaction, Written, codec};
use crate::{
    artifact::{
        model::{
            notice::Announce,
            plan::{Order, Plan},
        },
        moment::Moment,
    },
    catalog::outbox::{LAST_KEY, Outgoing},
};

impl Transaction<'_> {
    /// A change of the registry with what it tells.
    pub(super) fn announced(&mut self, order: &Order, announce: &Announce) -> Result<Written> {
        let mut written = self.registry(order)?;
        if let Some(Ok(plan)) = &written.model {
            written.announced = self.announce(plan, &order.actor, announce)?;
        }
        Ok(written)
    }

    /// How many messages were written; receivers that lost an older one are counted.
    fn announce(&mut self, plan: &Plan, actor: &str, to: &Announce) -> Result<(u64, u64)> {
        let (outbox, meta, now) = (self.tables.outbox, self.tables.meta, Moment::of(self.now));
        let (mut told, mut dropped) = (0, 0);
        for moved in plan.moves() {
            let last: Option<u64> = meta.record(&self.txn, LAST_KEY, codec::decode)?;
            let number = last.unwrap_or_default() + 1;
            meta.put_record(&mut self.txn, LAST_KEY, codec::encode(&number))?;
            let record = codec::encode(&Outgoing {
                waiting: to.receivers.to_vec(),
                announcement: (to.write)(&moved, actor, now),
            });
            outbox.put_record(&mut self.txn, &number.to_be_bytes(), record)?;
            told += 1;
            dropped += self.drop_before((number + 1).saturating_sub(to.limit))?;
        }
        Ok((told, dropped))
    }

    /// Drops the messages before a number; how many receivers lose one.
    fn drop_before(&mut self, number: u64) -> Result<u64> {
        let outbox = self.tables.outbox;
        let mut lost = 0;
        while let Some((key, value)) = outbox.rows(&self.txn, None, 1)?.pop() {
            if key.as_slice() >= &number.to_be_bytes()[..] {
                break;
            }
            let outgoing: Option<Outgoing> = codec::decode(&value).ok();
            lost += outgoing.map_or(0, |outgoing| outgoing.waiting.len() as u64);
            outbox.delete(&mut self.txn, &key)?;
        }
        Ok(lost)
    }

    /// A receiver has a message, or will never get it.
    pub(super) fn delivered(&mut self, number: u64, to: &str) -> Result<Written> {
        let (outbox, key) = (self.tables.outbox, number.to_be_bytes());
        let Some(value) = outbox.get(&self.txn, &key)?.map(<[u8]>::to_vec) else {
            return Ok(Written::default());
        };
        self.still_waiting(&key, &value, |receiver| receiver != to)
    }

    /// These are all receivers there are: nothing waits for another one.
    pub(super) fn receivers(&mut self, all: &[String]) -> Result<Written> {
        self.each_row(self.tables.outbox, |own, key, value| {
            let is_one = |receiver: &str| all.iter().any(|one| one == receiver);
            own.still_waiting(key, value, is_one).map(drop)
        })?;
        Ok(Written::default())
    }

    /// Drops what cannot be read.
    pub(super) fn reindex_outbox(&mut self) -> Result<()> {
        self.each_row(self.tables.outbox, |own, key, value| {
            own.still_waiting(key, value, |_| true).map(drop)
        })
    }

    /// Keeps those who still wait; a message that nobody waits for goes, as does what cannot be read.
    fn still_waiting(
        &mut self,
        key: &[u8],
        value: &[u8],
        waits: impl Fn(&str) -> bool,
    ) -> Result<Written> {
        let outbox = self.tables.outbox;
        let outgoing = codec::decode::<Outgoing>(value).ok().map(|mut outgoing| {
            outgoing.waiting.retain(|receiver| waits(receiver));
            outgoing
        });
        match outgoing.filter(|outgoing| !outgoing.waiting.is_empty()) {
            Some(outgoing) => {
                outbox.put_record(&mut self.txn, key, codec::encode(&outgoing))?;
            }
            None => drop(outbox.delete(&mut self.txn, key)?),
        }
        Ok(Written::default())
    }
}
