//! Section `fetch`: the explicit door.

use super::{
    setting::{choice, section},
    units::Span,
};

section! {
    /// How `/fetch` answers.
    pub struct Fetch {
        /// How long the head of a miss waits for the download to be verified. Keep it under the
        /// time-out of the clients: the default stays under Ansible's 10 s.
        pub hold: Span = Span::seconds(5),
        /// What a pin that differs from the stored digest does.
        pub on_pin_mismatch: OnPinMismatch = OnPinMismatch::Revalidate,
        /// When a stored artifact of another URL answers for a pinned digest.
        pub pin_alias: PinAlias = PinAlias::Always,
        /// How long a failed download or digest is remembered.
        pub negative_ttl: Span = Span::seconds(60),
    }
}

choice! {
    /// What a pin that differs from the stored digest does.
    pub enum OnPinMismatch {
        /// Ask the origin once, conditionally, whether it has new bytes.
        Revalidate = "revalidate",
        /// Refuse with 409 without asking.
        Conflict = "conflict",
    }
}

choice! {
    /// When a stored artifact of another URL answers for a pinned digest.
    pub enum PinAlias {
        /// Whenever the digest is stored.
        Always = "always",
        /// Only when the origin cannot be reached.
        Offline = "offline",
        /// Never.
        Never = "never",
    }
}
