//! [`Room`]: how much the store may take, and who was promised what. Bytes are reserved before they are
//! written, so that the cap is never exceeded; what is on disk comes from the catalog's sums.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{sync::Notify, time::timeout};

use crate::{blob::BlobStore, catalog::Catalog, config::storage::Storage};

/// How long somebody waits for others to be evicted before it is passed on uncached.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same while nothing can be evicted: transfers that end give room back, too.
const LITTLE_PATIENCE: Duration = Duration::from_millis(500);
/// The largest distance of a watermark from its limit.
const LARGEST_MARGIN: u64 = 4 << 30;

/// The room of one store. Clones share it.
#[derive(Clone)]
pub struct Room(Arc<Shared>);

struct Shared {
    catalog: Catalog,
    blobs: BlobStore,
    /// Most bytes on disk; 0 is no cap.
    cap: u64,
    min_free: u64,
    /// Promised to transfers under way, and taken by parts that they left.
    granted: AtomicU64,
    /// Asked for by those who wait.
    wanted: AtomicU64,
    /// Nothing could be evicted although something should, and it is not tried again yet.
    is_dry: AtomicBool,
    pressed: Notify,
    changed: Notify,
}

/// Bytes that were promised. Dropping it gives them back.
pub struct Grant {
    room: Room,
    bytes: u64,
}

/// Room is wanted as long as this lives.
struct Wish<'r>(&'r Room, u64);

/// Why there is too little room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// `storage.max_bytes`.
    Cap,
    /// `storage.min_free_bytes`.
    Disk,
    /// Somebody asked for it.
    Operator,
}

impl Pressure {
    /// As the log of evictions writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cap => "max_bytes",
            Self::Disk => "min_free_bytes",
            Self::Operator => "gc",
        }
    }
}

impl Room {
    pub(super) fn new(catalog: &Catalog, blobs: &BlobStore, settings: &Storage) -> Self {
        Self(Arc::new(Shared {
            catalog: catalog.clone(),
            blobs: blobs.clone(),
            cap: settings.max_bytes.0,
            min_free: settings.min_free_bytes.0,
            granted: AtomicU64::new(0),
            wanted: AtomicU64::new(0),
            is_dry: AtomicBool::new(false),
            pressed: Notify::new(),
            changed: Notify::new(),
        }))
    }

    /// Most bytes on disk; 0 is no cap, and then nothing is evicted.
    #[must_use]
    pub fn cap(&self) -> u64 {
        self.0.cap
    }

    /// Bytes promised to transfers under way, or taken by parts that they left.
    #[must_use]
    pub fn granted(&self) -> u64 {
        self.0.granted.load(Ordering::Acquire)
    }

    /// Bytes on disk or promised.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.0
            .catalog
            .allocated_bytes()
            .saturating_add(self.granted())
    }

    /// Room for a file of `length` bytes that leaves `min_free` on the disk. Waits for others to be
    /// evicted if there is a cap; `None` when there is no room all the same.
    pub(super) async fn reserve(&self, length: u64, min_free: u64) -> Option<Grant> {
        let mut grant = self.grant(0);
        grant.grow(length, min_free).await.then_some(grant)
    }

    /// Whether that would not fit if there were nothing else.
    pub(super) fn is_beyond(&self, length: Option<u64>) -> bool {
        let needed = length.map_or(0, |length| self.0.blobs.room_for(length));
        self.0.cap > 0 && needed > self.0.cap
    }

    /// Room that is taken already.
    pub(super) fn taken(&self, bytes: u64) -> Grant {
        self.0.granted.fetch_add(bytes, Ordering::AcqRel);
        self.grant(bytes)
    }

    fn grant(&self, bytes: u64) -> Grant {
        let room = self.clone();
        Grant { room, bytes }
    }

    /// Promises `bytes` more, if they fit.
    fn try_grant(&self, bytes: u64, min_free: u64) -> bool {
        let shared = &self.0;
        if bytes > 0 {
            let needed = bytes.saturating_add(min_free);
            // When the file system does not say, there is none.
            if !shared.blobs.free_bytes().is_ok_and(|free| free >= needed) {
                return false;
            }
        }
        let fits = |granted: u64| {
            let granted = granted.saturating_add(bytes);
            let used = granted.saturating_add(shared.catalog.allocated_bytes());
            (shared.cap == 0 || used <= shared.cap).then_some(granted)
        };
        let order = Ordering::AcqRel;
        let is_granted = shared.granted.fetch_update(order, Ordering::Acquire, fits);
        if is_granted.is_ok() && shared.cap > 0 && self.used() > shared.cap - self.margin() {
            shared.pressed.notify_one();
        }
        is_granted.is_ok()
    }

    /// The distance of the high watermark from the cap; the low one has twice that.
    fn margin(&self) -> u64 {
        (self.0.cap / 20).min(LARGEST_MARGIN)
    }

    /// The same for the free space of the disk.
    fn disk_margin(&self) -> u64 {
        let disk = self.0.blobs.disk_bytes().unwrap_or(0);
        (disk / 100).min(LARGEST_MARGIN)
    }

    /// How many bytes are to be evicted now, if any, and why.
    #[must_use]
    pub fn excess(&self) -> Option<(u64, Pressure)> {
        let shared = &self.0;
        if shared.cap == 0 {
            return None;
        }
        let wanted = shared.wanted.load(Ordering::Acquire);
        let used = self.used();
        let margin = self.margin();
        let (high, low) = (shared.cap - margin, shared.cap - 2 * margin);
        if used > high || used.saturating_add(wanted) > shared.cap {
            return Some(((used + wanted).saturating_sub(low).max(1), Pressure::Cap));
        }
        let margin = self.disk_margin();
        let free = shared.blobs.free_bytes().ok()?;
        let needed = shared.min_free.saturating_add(wanted);
        let is_short = free < needed.saturating_add(margin);
        let missing = needed.saturating_add(2 * margin).saturating_sub(free);
        is_short.then_some((missing.max(1), Pressure::Disk))
    }

    /// Waits until somebody finds that there is little room.
    pub async fn pressed(&self) {
        self.0.pressed.notified().await;
    }

    /// There is more room than before: whoever waits looks again.
    pub fn freed(&self) {
        self.0.changed.notify_waiters();
    }

    /// Whether nothing can be evicted for the time being: then nobody waits for it.
    pub fn set_dry(&self, is_dry: bool) {
        self.0.is_dry.store(is_dry, Ordering::Release);
        self.0.changed.notify_waiters();
    }
}

impl Grant {
    /// Makes room for a file that has `length` bytes in all now; `false` when there is none.
    pub(super) async fn grow(&mut self, length: u64, min_free: u64) -> bool {
        let all = self.room.0.blobs.room_for(length);
        let more = all.saturating_sub(self.bytes);
        let is_granted = self.try_more(more, min_free) || self.wait_for(more, min_free).await;
        if is_granted {
            self.bytes += more;
        }
        is_granted
    }

    fn try_more(&self, more: u64, min_free: u64) -> bool {
        self.room.try_grant(more, min_free)
    }

    async fn wait_for(&self, more: u64, min_free: u64) -> bool {
        let shared = &self.room.0;
        if shared.cap == 0 || self.bytes.saturating_add(more) > shared.cap {
            return false;
        }
        let _wish = Wish::new(&self.room, more);
        let started = Instant::now();
        loop {
            // Made before the look, so that a change in between is not missed.
            let changed = shared.changed.notified();
            if self.try_more(more, min_free) {
                return true;
            }
            let is_dry = shared.is_dry.load(Ordering::Acquire);
            let patience = if is_dry { LITTLE_PATIENCE } else { PATIENCE };
            let left = patience.saturating_sub(started.elapsed());
            shared.pressed.notify_one();
            if left.is_zero() || timeout(left, changed).await.is_err() && !is_dry {
                return false;
            }
        }
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.room.0.granted.fetch_sub(self.bytes, Ordering::AcqRel);
        if self.room.0.wanted.load(Ordering::Acquire) > 0 {
            self.room.freed();
        }
    }
}

impl<'r> Wish<'r> {
    fn new(room: &'r Room, bytes: u64) -> Self {
        room.0.wanted.fetch_add(bytes, Ordering::AcqRel);
        Self(room, bytes)
    }
}

impl Drop for Wish<'_> {
    fn drop(&mut self) {
        self.0.0.wanted.fetch_sub(self.1, Ordering::AcqRel);
    }
}
