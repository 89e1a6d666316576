//! Uploads: what a client sends becomes a file of its own. Written and hashed on a thread that may block,
//! never named before it is whole; dropping an upload at any point leaves nothing.

mod digests;
mod receive;

use std::io;

use artifact_cache_layers::digest::Sha256;
use bytes::Bytes;
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

pub use self::digests::{Algorithm, hex};
use self::receive::{Beginning, Job, receive};
use super::{
    Store,
    commit::{CommitError, Verified},
    room::Grant,
};
use crate::{
    artifact::file::{File, Label},
    blob::Partial,
    catalog::{Change, FileChange},
};

/// Pieces that wait for the disk at most; bounds the memory of an upload.
const QUEUE: usize = 8;
/// Bytes that are reserved at once when the length is unknown.
const STEP: u64 = 4 << 20;

/// Which digests are wanted, beside the SHA-256 of the file.
#[derive(Clone, Debug, Default)]
pub struct WantedDigests {
    /// Of the file.
    pub of_file: Vec<Algorithm>,
    /// Of the whole message that the file came in.
    pub of_message: Vec<Algorithm>,
}

/// Why an upload is not kept.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// There is no room, or too little would be left.
    #[error("no room for the upload")]
    NoRoom,
    /// The disk failed.
    #[error("the upload cannot be written")]
    Disk(#[source] io::Error),
    /// It could not be committed.
    #[error("the upload cannot be committed")]
    Commit(#[from] CommitError),
    /// The program is shutting down.
    #[error("the upload was cut off by shutdown")]
    Shutdown,
}

/// An upload under way.
pub struct Upload {
    jobs: mpsc::Sender<Job>,
    done: JoinHandle<io::Result<Received>>,
    min_free_bytes: u64,
    grant: Grant,
    written: u64,
    /// Up to which length there is room.
    room_until: u64,
}

/// An upload that is whole. Dropping it leaves nothing.
pub struct Received {
    partial: Partial,
    grant: Option<Grant>,
    /// SHA-256 of the file.
    pub digest: Sha256,
    /// Length of the file in bytes.
    pub size_bytes: u64,
    /// The other digests of the file, in hex.
    pub of_file: Vec<(Algorithm, String)>,
    /// The digests of the message, in hex.
    pub of_message: Vec<(Algorithm, String)>,
}

impl Store {
    /// Begins an upload that leaves `min_free_bytes` on the file system. With a known length the space is
    /// reserved now.
    ///
    /// # Errors
    /// When there is no room, or no file can be made.
    pub async fn begin_upload(
        &self,
        length: Option<u64>,
        min_free_bytes: u64,
        wanted: WantedDigests,
    ) -> Result<Upload, UploadError> {
        let room_until = length.unwrap_or(STEP);
        let grant = self.room().reserve(room_until, min_free_bytes).await;
        let grant = grant.ok_or(UploadError::NoRoom)?;
        let blobs = self.blobs().clone();
        let create = spawn_blocking(move || Partial::create(&blobs, length));
        let partial = create.await.map_err(|_| UploadError::Shutdown)?;
        let beginning = Beginning {
            partial: partial.map_err(UploadError::of)?,
            length: 0,
            is_last: true,
        };
        Ok(Upload::begin(
            beginning,
            wanted,
            grant,
            (room_until, min_free_bytes),
        ))
    }

    /// Makes an upload a file. What an earlier upload of the same bytes said of it stays.
    ///
    /// # Errors
    /// When it cannot be made durable; nothing of it is known then.
    pub async fn keep_upload(
        &self,
        received: Received,
        content_type: String,
        label: Label,
    ) -> Result<File, UploadError> {
        let file = File {
            digest: received.digest,
            size_bytes: received.size_bytes,
            content_type,
            created_at: self.clock().now(),
        };
        let came = (received.digest, received.size_bytes);
        let verified = Verified::check(came, None, None).map_err(|_| CommitError::OtherBytes)?;
        let commit =
            self.committer()
                .commit_file(received.partial, verified, (file.clone(), label));
        commit.await.map_err(UploadError::of_commit)?;
        // Until here the room was promised; now the catalog counts it.
        drop(received.grant);
        let known = self.catalog().file(&file.digest);
        Ok(known.map_err(CommitError::from)?.unwrap_or(file))
    }

    /// Removes an uploaded file durably, also one that a pointer leads to if `force` is set.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub async fn delete_file(
        &self,
        digest: Sha256,
        force: bool,
    ) -> Result<FileChange, UploadError> {
        let change = Change::RemoveFile { digest, force };
        self.take_out(digest, change).await
    }

    /// Takes a file out of the catalog by `change`, and its record off the blob.
    pub(super) async fn take_out(
        &self,
        digest: Sha256,
        change: Change,
    ) -> Result<FileChange, UploadError> {
        let written = self.catalog().write(change).await;
        let removed = written.map_err(CommitError::from)?.file;
        if removed == Some(FileChange::Done) {
            let blobs = self.blobs().clone();
            // Without it `fsck --rebuild` would bring the file back, no more.
            drop(spawn_blocking(move || blobs.forget_upload(&digest)).await);
        }
        Ok(removed.unwrap_or(FileChange::Absent))
    }
}

impl Upload {
    /// Goes on at the end of what is there. There is room up to a length, and bytes to leave free.
    fn begin(
        beginning: Beginning,
        wanted: WantedDigests,
        grant: Grant,
        (room_until, min_free_bytes): (u64, u64),
    ) -> Self {
        let written = beginning.length;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let done = spawn_blocking(move || receive(beginning, &wanted, queue));
        Self {
            jobs,
            done,
            min_free_bytes,
            grant,
            written,
            room_until,
        }
    }

    /// One that goes on with what earlier parts brought; only the last part has digests.
    pub(super) fn resume(
        (partial, length, grant): (Partial, u64, Grant),
        is_last: bool,
        wanted: WantedDigests,
        min_free_bytes: u64,
    ) -> Self {
        let beginning = Beginning {
            partial,
            length,
            is_last,
        };
        Self::begin(beginning, wanted, grant, (length, min_free_bytes))
    }

    /// Ends it without digests; what came stays for a later part.
    pub(super) async fn pause(mut self) -> Result<(Partial, u64, Grant), UploadError> {
        self.send(Job::Pause).await?;
        let done = self.done.await.map_err(|_| UploadError::Shutdown)?;
        let received = done.map_err(UploadError::of)?;
        Ok((received.partial, received.size_bytes, self.grant))
    }

    /// Appends bytes to the file.
    ///
    /// # Errors
    /// When there is no room for them.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), UploadError> {
        self.written += bytes.len() as u64;
        if self.written > self.room_until {
            self.room_until = self.written + STEP;
            if !self.grant.grow(self.room_until, self.min_free_bytes).await {
                return Err(UploadError::NoRoom);
            }
        }
        self.send(Job::File(bytes)).await
    }

    /// Notes bytes of the message that the file comes in.
    ///
    /// # Errors
    /// When the disk failed.
    pub async fn note(&mut self, bytes: Bytes) -> Result<(), UploadError> {
        self.send(Job::Message(bytes)).await
    }

    async fn send(&mut self, job: Job) -> Result<(), UploadError> {
        if self.jobs.send(job).await.is_ok() {
            return Ok(());
        }
        // It gave up, and says why.
        match (&mut self.done).await {
            Ok(Err(error)) => Err(UploadError::of(error)),
            _ => Err(UploadError::Shutdown),
        }
    }

    /// That was all: waits until it is written and hashed.
    ///
    /// # Errors
    /// When there was no room for it.
    pub async fn finish(mut self) -> Result<Received, UploadError> {
        self.send(Job::Finish).await?;
        let done = self.done.await.map_err(|_| UploadError::Shutdown)?;
        let grant = Some(self.grant);
        done.map(|received| Received { grant, ..received })
            .map_err(UploadError::of)
    }
}

impl UploadError {
    pub(super) fn of(error: io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::NoRoom,
            _ => Self::Disk(error),
        }
    }

    fn of_commit(error: CommitError) -> Self {
        match error {
            CommitError::Blob(error) => Self::of(error),
            other => other.into(),
        }
    }
}
