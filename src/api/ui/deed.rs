//! [`Deed`]: what a page can change.

/// What a page can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Removes an artifact.
    Delete(u64),
    /// Keeps whatever an artifact's URL has.
    Pin(u64),
    /// Takes that back.
    Unpin(u64),
    /// Takes back the pin that the query names, by digest or by key of a URL.
    RemovePin,
    /// Tells a job to stop.
    CancelJob(u64),
}
