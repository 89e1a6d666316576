//! [`Figures`]: what happened in a span of time, and the steps in which the past is kept. Plain values, no I/O.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happened in a span of time, and what was stored at its end. The order of the fields is the
/// catalog's format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    /// Requests to the cache.
    pub requests: u64,
    /// Requests served from the store.
    pub hits: u64,
    /// Requests served from an origin.
    pub misses: u64,
    /// Requests that were not served.
    pub errors: u64,
    /// Bytes sent to clients.
    pub bytes_served: u64,
    /// Bytes received from origins.
    pub bytes_downloaded: u64,
    /// Bytes of distinct stored content, at the end.
    pub stored_bytes: u64,
    /// Stored artifacts, at the end.
    pub objects: u64,
}

/// The steps of the time series, each kept for another time. Every one holds the whole of what the
/// finer ones hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Ten seconds, for an hour.
    TenSeconds,
    /// A minute, for a day.
    Minute,
    /// A quarter of an hour, for thirty days.
    Quarter,
}

/// What happened in one step of a time series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// When it began, in seconds since 1970.
    pub start: u64,
    /// What happened.
    pub figures: Figures,
}

impl Figures {
    /// Both spans together, when `later` follows this one.
    #[must_use]
    pub const fn and(self, later: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(later.requests),
            hits: self.hits.saturating_add(later.hits),
            misses: self.misses.saturating_add(later.misses),
            errors: self.errors.saturating_add(later.errors),
            bytes_served: self.bytes_served.saturating_add(later.bytes_served),
            bytes_downloaded: self.bytes_downloaded.saturating_add(later.bytes_downloaded),
            stored_bytes: later.stored_bytes,
            objects: later.objects,
        }
    }

    /// What came after `earlier`, when both were counted from the same beginning.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            hits: self.hits.saturating_sub(earlier.hits),
            misses: self.misses.saturating_sub(earlier.misses),
            errors: self.errors.saturating_sub(earlier.errors),
            bytes_served: self.bytes_served.saturating_sub(earlier.bytes_served),
            bytes_downloaded: self
                .bytes_downloaded
                .saturating_sub(earlier.bytes_downloaded),
            stored_bytes: self.stored_bytes,
            objects: self.objects,
        }
    }
}

impl Step {
    /// Every step, the finest first.
    pub const ALL: [Self; 3] = [Self::TenSeconds, Self::Minute, Self::Quarter];

    /// Its length in seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        match self {
            Self::TenSeconds => 10,
            Self::Minute => 60,
            Self::Quarter => 900,
        }
    }

    /// For how long it is kept, in seconds.
    #[must_use]
    pub const fn kept_seconds(self) -> u64 {
        match self {
            Self::TenSeconds => 3600,
            Self::Minute => 86_400,
            Self::Quarter => 30 * 86_400,
        }
    }

    /// How requests name it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::TenSeconds => "10s",
            Self::Minute => "1m",
            Self::Quarter => "15m",
        }
    }

    /// The beginning of the step that `seconds` since 1970 fall into.
    #[must_use]
    pub const fn start(self, seconds: u64) -> u64 {
        seconds - seconds % self.seconds()
    }
}

/// Adds `more` to slots in order of time, at the steps that they fall into.
pub fn merge(slots: &mut Vec<Slot>, step: Step, more: &[Slot]) {
    for slot in more {
        let start = step.start(slot.start);
        match slots.binary_search_by_key(&start, |known| known.start) {
            Ok(at) => slots[at].figures = slots[at].figures.and(slot.figures),
            Err(at) => slots.insert(at, Slot { start, ..*slot }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(start: u64, requests: u64, objects: u64) -> Slot {
        let figures = Figures {
            requests,
            objects,
            ..Figures::default()
        };
        Slot { start, figures }
    }

    #[test]
    fn counts_add_up_and_levels_are_those_of_the_end() {
        let mut slots = vec![slot(60, 1, 1)];
        merge(
            &mut slots,
            Step::Minute,
            &[slot(110, 2, 5), slot(120, 4, 6)],
        );
        assert_eq!(slots, [slot(60, 3, 5), slot(120, 4, 6)]);
    }

    #[test]
    fn what_came_since_is_a_difference_of_counts() {
        let (earlier, later) = (slot(0, 3, 9).figures, slot(0, 10, 4).figures);
        assert_eq!(later.since(earlier), slot(0, 7, 4).figures);
        assert_eq!(
            earlier.since(later).requests,
            0,
            "a counter never goes back"
        );
    }
}
