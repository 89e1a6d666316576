//! Section `scrub`: hashing what is stored, round after round.

use std::time::Duration;

use super::{
    setting::section,
    units::{Size, Span},
};

section! {
    /// Hashing everything that is stored in the background. What is damaged or gone is moved aside, fetched
    /// again from any URL that still has the same bytes, and reported.
    pub struct Scrub {
        /// Time from the beginning of one round to the next; 0 switches it off. A round that was interrupted
        /// goes on after a restart.
        pub interval: Span = Span(Duration::ZERO),
        /// Most bytes read in a second; 0 is as fast as the disk.
        pub bytes_per_second: Size = Size(8 << 20),
    }
}
