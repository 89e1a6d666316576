//! Which blob goes next when there must be room: S3-FIFO, weighed in bytes. Pure: no I/O, no clock.
//!
//! What is new waits in a short queue (a tenth of the bytes). What is used there moves on to the main
//! queue; what is not goes first, so that a scan of things that are asked for once passes through the
//! short queue and leaves the main one alone. In the main queue what was used since it was looked at
//! last gets another round. What was evicted is remembered for a while (a *ghost*): if it comes back it
//! goes to the main queue at once. (Yang et al., "FIFO queues are all you need for cache eviction",
//! SOSP 2023.)
//!
//! Nothing is written when a blob is used. Its uses are the hits that are counted anyway, less those
//! that were there when it was looked at last.

#[cfg(test)]
mod simulation;

use artifact_cache_layers::digest::Sha256;

/// The short queue gets one in so many bytes.
const SHORT_SHARE: u64 = 10;
/// Uses in the short queue that show that a blob is no passer-by.
const PROVEN: u64 = 1;
/// Uses that count at most: so often a blob in the main queue is passed over without a further one.
pub const MOST_USES: u64 = 3;

/// Where a blob waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Queue {
    /// New ones.
    Short = 0,
    /// Those that were used.
    Main = 1,
}

/// Bytes in the queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// In the short queue.
    pub short: u64,
    /// In the main queue.
    pub main: u64,
}

/// A blob in its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The blob.
    pub digest: Sha256,
    /// Its place: greater is younger.
    pub place: u64,
    /// What it takes, in bytes.
    pub bytes: u64,
}

/// What becomes of a blob that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes.
    Evict,
    /// It goes to the young end of the main queue.
    Keep {
        /// Uses that count for it there without a further one.
        uses: u64,
    },
}

/// A blob that was looked at, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The blob.
    pub entry: Entry,
    /// Where it was.
    pub queue: Queue,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What is to happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub steps: Vec<Step>,
    /// Bytes that it frees.
    pub bytes: u64,
    /// Whether every blob was looked at: more cannot be freed.
    pub is_exhausted: bool,
}

/// The queues, as a plan reads them: nothing changes meanwhile.
pub trait Queues {
    /// Why they could not be read.
    type Error;

    /// The oldest blob of a queue that was not given yet.
    fn next(&mut self, queue: Queue) -> Result<Option<Entry>, Self::Error>;
    /// How often it was used since it was put where it is.
    fn uses(&mut self, entry: &Entry) -> Result<u64, Self::Error>;
    /// Whether it must stay, however little it is used. Asked only of what would go.
    fn must_stay(&mut self, entry: &Entry) -> Result<bool, Self::Error>;
}

/// Where a blob that is stored begins.
#[must_use]
pub const fn begins(is_ghost: bool) -> Queue {
    if is_ghost { Queue::Main } else { Queue::Short }
}

/// What to do to free `wanted` bytes; looks at `most` blobs at most.
///
/// # Errors
/// When the queues cannot be read.
pub fn plan<Q: Queues>(
    queues: &mut Q,
    mut sums: Sums,
    wanted: u64,
    most: usize,
) -> Result<Plan, Q::Error> {
    let mut plan = Plan::default();
    while plan.bytes < wanted && plan.steps.len() < most {
        let Some((queue, entry)) = next(queues, sums)? else {
            plan.is_exhausted = true;
            break;
        };
        let uses = queues.uses(&entry)?;
        let mut verdict = judge(queue, uses);
        if verdict == Verdict::Evict && queues.must_stay(&entry)? {
            verdict = Verdict::Keep { uses: 0 };
        }
        if verdict == Verdict::Evict {
            plan.bytes += entry.bytes;
        } else {
            sums.main += entry.bytes;
        }
        let left = match queue {
            Queue::Short => &mut sums.short,
            Queue::Main => &mut sums.main,
        };
        *left = left.saturating_sub(entry.bytes);
        plan.steps.push(Step {
            entry,
            queue,
            verdict,
        });
    }
    Ok(plan)
}

/// The short queue is looked at while it has more than its share.
fn next<Q: Queues>(queues: &mut Q, sums: Sums) -> Result<Option<(Queue, Entry)>, Q::Error> {
    let is_short = sums.short > (sums.short + sums.main) / SHORT_SHARE;
    let order = if is_short {
        [Queue::Short, Queue::Main]
    } else {
        [Queue::Main, Queue::Short]
    };
    for queue in order {
        if let Some(entry) = queues.next(queue)? {
            return Ok(Some((queue, entry)));
        }
    }
    Ok(None)
}

const fn judge(queue: Queue, uses: u64) -> Verdict {
    let uses = if uses < MOST_USES { uses } else { MOST_USES };
    match queue {
        Queue::Short if uses >= PROVEN => Verdict::Keep { uses: 0 },
        Queue::Main if uses > 0 => Verdict::Keep { uses: uses - 1 },
        _ => Verdict::Evict,
    }
}
