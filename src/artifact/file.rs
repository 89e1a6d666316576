//! Uploaded files and the pointers to them. Plain values, no I/O.

use std::{fmt, time::SystemTime};

use artifact_cache_layers::digest::Sha256;

/// The longest name of a run or a tokenizer, in bytes.
pub const MAX_NAME: usize = 200;

/// An uploaded file. Its digest is its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Digest of the bytes.
    pub digest: Sha256,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Media type, as its first upload named it.
    pub content_type: String,
    /// When it was uploaded first.
    pub created_at: SystemTime,
}

/// What an upload says of itself beside its bytes; retention goes by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// In the words of whoever uploaded it; empty for none.
    pub tag: String,
    /// The key or token it came with, as [`Label`]s name them; empty for none.
    pub key: String,
}

/// An uploaded file with what decides how long it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The file.
    pub file: File,
    /// Its uploads: each label with when it came last.
    pub uploads: Vec<(Label, SystemTime)>,
    /// It was uploaded in more ways than are remembered, so nobody can say that it is not wanted.
    pub is_crowded: bool,
    /// Some pointer that leads to it.
    pub pointer: Option<PointerName>,
}

/// What a pointer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A training run.
    Run,
    /// A tokenizer.
    Tokenizer,
}

/// The name of a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointerName {
    /// What it belongs to.
    pub owner: Owner,
    /// Which one: at most [`MAX_NAME`] bytes, without separators and control characters.
    pub id: String,
}

/// Where a pointer leads, and led.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The file it leads to now.
    pub file: Sha256,
    /// Since when.
    pub since: SystemTime,
    /// Where it led before, newest first, each with when that began.
    pub history: Vec<(Sha256, SystemTime)>,
}

impl PointerName {
    /// The pointer of `id`; `None` when that cannot be a name.
    #[must_use]
    pub fn new(owner: Owner, id: &str) -> Option<Self> {
        let is_name = !id.is_empty()
            && id.len() <= MAX_NAME
            && !matches!(id, "." | "..")
            && !id
                .chars()
                .any(|c| c.is_control() || matches!(c, '/' | '\\'));
        let id = id.to_owned();
        is_name.then_some(Self { owner, id })
    }
}

impl fmt::Display for PointerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = match self.owner {
            Owner::Run => "runs",
            Owner::Tokenizer => "tokenizers",
        };
        write!(f, "{owner}/{}", self.id)
    }
}
