//! What can be asked of the writer.

use artifact_cache_layers::{
    digest::Sha256,
    semantics::{cache_key::CacheKey, stored_response::StoredResponse, target_uri::TargetUri},
};

use super::files::FileChange;
use crate::artifact::{
    event::Event,
    file::{File, Label, PointerName},
    model::{
        Model, Refusal,
        notice::Announce,
        plan::{Order, Plan},
    },
};

/// One atomic change of the catalog.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// Stores a response whose blob is on disk: adds the variant or replaces the one with the same
    /// nominated fields, and makes the blob known. A response with status 200 puts its digest in
    /// front of the URL's versions. Only `store::commit` may write this, see its race with removal.
    Store(Addition),
    /// As [`Store`](Self::Store), for bytes that are stored already: freshening after a 304, and
    /// another URL for known bytes. Fails with `UnknownBlob` when they were removed meanwhile.
    Refer(Addition),
    /// As [`Store`](Self::Store), out of a recovery record: never displaces what is newer.
    Recover(Addition),
    /// Marks every variant of a URL: an unsafe request to it succeeded (RFC 9111 §4.4).
    Invalidate {
        /// Key of the URL.
        key: CacheKey,
    },
    /// Removes an artifact with everything stored of its URL.
    Remove {
        /// The artifact.
        id: u64,
    },
    /// The same by URL; also removes URLs that never were an artifact.
    RemoveUrl {
        /// Key of the URL.
        key: CacheKey,
    },
    /// The file of a blob is gone or corrupt: forgets every response and version with it.
    ForgetBlob {
        /// The blob.
        digest: Sha256,
    },
    /// Asks which of these may be unlinked now. Changes nothing; being asked in the writer's order
    /// it sees every change sent before.
    Condemn {
        /// Candidates, as `Catalog::removable` listed them.
        digests: Vec<Sha256>,
    },
    /// The files are gone.
    Unlinked {
        /// What was unlinked.
        digests: Vec<Sha256>,
    },
    /// A file without any record: may be unlinked after the usual grace period.
    Abandon {
        /// The blob.
        digest: Sha256,
    },
    /// Makes an uploaded file known whose blob is on disk. Only `store::commit` may write this, as
    /// [`Store`](Self::Store).
    KeepFile {
        /// The file.
        file: File,
        /// What this upload of it said.
        label: Label,
    },
    /// Removes an uploaded file.
    RemoveFile {
        /// The file.
        digest: Sha256,
        /// Whether also when a pointer leads to it.
        force: bool,
    },
    /// Removes an uploaded file that no pointer leads to and that was not uploaded again.
    ExpireFile {
        /// The file.
        digest: Sha256,
        /// Its uploads, as they were when that was decided.
        uploads: Vec<(Label, std::time::SystemTime)>,
    },
    /// Makes a pointer lead to a file.
    Point {
        /// The pointer.
        name: PointerName,
        /// The file.
        file: Sha256,
        /// Whether also to a file that is not there.
        force: bool,
    },
    /// Removes a pointer.
    Unpoint(PointerName),
    /// Writes an access token, a new one or a changed one.
    PutToken(super::TokenRecord),
    /// Removes an access token; none of that id is no error.
    RemoveToken {
        /// The token.
        id: String,
    },
    /// Access tokens were used.
    UseTokens {
        /// Which, and when last.
        uses: Vec<(String, std::time::SystemTime)>,
    },
    /// A change that makes a blob known, with the bytes that its file takes on disk.
    OnDisk {
        /// Bytes of its blocks.
        allocated: u64,
        /// The change.
        change: Box<Self>,
    },
    /// Takes these steps of a plan: what goes is forgotten with everything that refers to it and noted
    /// among the evictions. A step that does not fit any more is left out. Only `store::evict` may
    /// write this, holding what goes.
    Evict {
        /// As [`Catalog::plan_eviction`](super::Catalog::plan_eviction) has them.
        steps: Vec<super::policy::Step>,
        /// Why there must be room.
        reason: &'static str,
    },
    /// Keeps a blob, or whatever a URL has, until it is unpinned.
    Pin {
        /// What.
        of: super::PinOf,
        /// Why, as the operator said it.
        note: String,
    },
    /// A change of tags.
    Tags(super::TagChange),
    /// Takes a pin back; none is no error.
    Unpin(super::PinOf),
    /// What a blob takes on disk is not what was recorded.
    Measure {
        /// The blob.
        digest: Sha256,
        /// Bytes of its blocks.
        allocated: u64,
    },
    /// Adds what happened to the time series, and drops what is older than they keep.
    Note {
        /// What happened, in order of time.
        slots: Vec<crate::artifact::figures::Slot>,
        /// A number that [`Catalog::history`](super::Catalog::history) tells from then on.
        mark: u64,
    },
    /// Drops unreadable records and derives everything that can be derived from the responses again.
    Reindex,
    /// A change of the registry of models. That it is refused is an answer, not an error.
    Registry(Box<Order>),
    /// The same with messages about what it moves, written with it.
    Announced(Box<Order>, Announce),
    /// A receiver has a message, or will never get it.
    Delivered {
        /// The message.
        number: u64,
        /// The receiver.
        to: String,
    },
    /// All receivers of messages there are: nothing waits for another one.
    Receivers(Vec<String>),
    /// Writes a job, a new one or a changed one.
    PutJob(Box<super::JobRecord>),
    /// Writes how far something has come, or forgets it.
    Mark {
        /// Of what.
        name: String,
        /// Whatever `name` understands.
        value: Option<Vec<u8>>,
    },
    /// A model of another registry with its events; refused when its number or name is taken.
    ImportModel(Box<Model>, Vec<Event>),
    /// Everything of an import, as [`Catalog::plan_import`](super::Catalog::plan_import) made it.
    Import(Box<super::Import>),
}

impl Change {
    /// Whether it makes room, or keeps stale answers from being given: such a change may use the last.
    pub(super) fn is_vital(&self) -> bool {
        if let Self::OnDisk { change, .. } = self {
            return change.is_vital();
        }
        !matches!(
            self,
            Self::Store(_)
                | Self::Refer(_)
                | Self::Recover(_)
                | Self::KeepFile { .. }
                | Self::Point { .. }
                | Self::Reindex
                | Self::Registry(_)
                | Self::Announced(..)
                | Self::ImportModel(..)
                | Self::Import(_)
                | Self::PutToken(_)
                | Self::UseTokens { .. }
                | Self::Pin { .. }
                | Self::Tags(super::TagChange::Give { .. })
                | Self::Note { .. }
                | Self::PutJob(_)
                | Self::Mark { .. }
        )
    }
}

/// A response and the URL it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// Key of the URL.
    pub key: CacheKey,
    /// The URL.
    pub uri: TargetUri,
    /// Where redirects ended, when elsewhere.
    pub final_url: Option<String>,
    /// The response.
    pub response: StoredResponse,
}

impl From<Addition> for Change {
    fn from(addition: Addition) -> Self {
        Self::Store(addition)
    }
}

/// What a change did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// The artifact that was stored, changed or removed; `None` when there was none.
    pub artifact: Option<u64>,
    /// Blobs that lost their last reference by this change, or that were condemned.
    pub released: Vec<Sha256>,
    /// What a change of a file or a pointer came to; `None` for any other.
    pub file: Option<FileChange>,
    /// What became of a change of the registry.
    pub model: Option<Result<Plan, Refusal>>,
    /// How many messages were written, and how many older ones were dropped for them.
    pub announced: (u64, u64),
    /// How many artifacts were tagged, or lost a tag.
    pub count: u64,
    /// What was evicted.
    pub evicted: Vec<super::Evicted>,
}
