//! The past in a few dozen equal parts, as plots show it.

use super::{Panel, Refusal};
use crate::artifact::figures::{Figures, Slot, Step};

/// How far plots look back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Span {
    #[default]
    Hour,
    Day,
    Month,
}

/// One part of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// When it began, in seconds since 1970.
    pub(super) start: u64,
    /// What happened; nothing is known of a time in which the cache did not run.
    pub(super) figures: Option<Figures>,
}

/// The past of a span.
pub(super) struct Series {
    pub(super) span: Span,
    pub(super) parts: Vec<Part>,
    /// All of it.
    pub(super) sum: Figures,
}

impl Span {
    pub(super) const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Hour => "1 hour",
            Self::Day => "24 hours",
            Self::Month => "30 days",
        }
    }

    /// What the ends and the middle of an axis say.
    pub(super) const fn axis(self) -> (&'static str, &'static str) {
        match self {
            Self::Hour => ("60 min ago", "30 min"),
            Self::Day => ("24 h ago", "12 h"),
            Self::Month => ("30 days ago", "15 days"),
        }
    }

    pub(super) fn named(word: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|span| span.word() == word).unwrap_or_default()
    }

    /// The steps it is read in, the length of a part in seconds, and how many there are.
    const fn grain(self) -> (Step, u64, u64) {
        match self {
            Self::Hour => (Step::TenSeconds, 60, 60),
            Self::Day => (Step::Minute, 1800, 48),
            Self::Month => (Step::Quarter, 43_200, 60),
        }
    }

    /// The length of a part in seconds.
    pub(super) const fn part_seconds(self) -> u64 {
        self.grain().1
    }
}

impl Series {
    /// The past of a span, up to now.
    pub(super) fn read(panel: &impl Panel, span: Span) -> Result<Self, Refusal> {
        let (step, length, count) = span.grain();
        let now = panel.history().seconds();
        let first = (now - now % length).saturating_sub((count - 1) * length);
        let slots = panel.history().read(step, first)?;
        Ok(Self::of(span, first, &slots))
    }

    fn of(span: Span, first: u64, slots: &[Slot]) -> Self {
        let (_, length, count) = span.grain();
        let mut parts: Vec<Part> = (0..count)
            .map(|at| Part {
                start: first + at * length,
                figures: None,
            })
            .collect();
        let mut sum = Figures::default();
        for slot in slots {
            let at = slot.start.saturating_sub(first) / length;
            if let Some(part) = usize::try_from(at).ok().and_then(|at| parts.get_mut(at)) {
                let before = part.figures.unwrap_or_default();
                part.figures = Some(before.and(slot.figures));
                sum = sum.and(slot.figures);
            }
        }
        Self { span, parts, sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_fall_into_their_parts_and_the_rest_stays_unknown() {
        let slot = |start, requests| Slot {
            start,
            figures: Figures {
                requests,
                ..Figures::default()
            },
        };
        let series = Series::of(Span::Hour, 600, &[slot(600, 1), slot(650, 2), slot(660, 4)]);
        let requests = |at: usize| series.parts[at].figures.map(|figures| figures.requests);
        assert_eq!(
            (requests(0), requests(1), requests(2)),
            (Some(3), Some(4), None)
        );
        assert_eq!(series.sum.requests, 7);
        assert_eq!(series.parts.len(), 60);
        assert_eq!(series.parts[59].start, 600 + 59 * 60);
    }
}
