//! Messages about models that are to be sent: written with the change that they tell of, and removed when
//! everybody has them. Reads only; `transaction::outbox` has the writes.

use std::ops::Bound;

use heed::RoTxn;
use serde::{Deserialize, Serialize};

use super::{Catalog, Result, codec, environment::Tables};
use crate::artifact::model::notice::Announcement;

/// Where the number of the last message is recorded in `meta`.
pub(super) const LAST_KEY: &[u8] = b"outbox";

/// A message and who has not got it yet.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outgoing {
    pub(super) waiting: Vec<String>,
    pub(super) announcement: Announcement,
}

impl Catalog {
    /// The first message behind a number that waits for this receiver. What cannot be read is passed over.
    pub fn next_announcement(
        &self,
        receiver: &str,
        after: u64,
    ) -> Result<Option<(u64, Announcement)>> {
        let txn = self.environment().read()?;
        let tables = &self.environment().tables;
        let mut next = None;
        tables.outgoing(&txn, after, |number, outgoing| {
            let is_for_it = outgoing.waiting.iter().any(|waiting| waiting == receiver);
            if is_for_it {
                next = Some((number, outgoing.announcement));
            }
            !is_for_it
        })?;
        Ok(next)
    }

    /// How many messages wait, each once for every receiver.
    pub fn announcements_waiting(&self) -> Result<u64> {
        let txn = self.environment().read()?;
        let mut count = 0;
        let tables = &self.environment().tables;
        tables.outgoing(&txn, 0, |_, outgoing| {
            count += outgoing.waiting.len() as u64;
            true
        })?;
        Ok(count)
    }
}

impl Tables {
    /// Shows messages behind a number until `meet` wants no more.
    fn outgoing(
        &self,
        txn: &RoTxn<'_>,
        after: u64,
        mut meet: impl FnMut(u64, Outgoing) -> bool,
    ) -> Result<()> {
        let start = after.to_be_bytes();
        let range = (Bound::Excluded(&start[..]), Bound::Unbounded);
        for row in self.outbox.lmdb.range(txn, &range)? {
            let (key, value) = row?;
            let number = key.try_into().map(u64::from_be_bytes);
            if let (Ok(number), Ok(outgoing)) = (number, codec::decode(value))
                && !meet(number, outgoing)
            {
                break;
            }
        }
        Ok(())
    }
}
