//! The thread of an upload: writes and hashes what it is sent, until that was all or it shall pause.

use std::io;

use artifact_cache_layers::digest::Hasher;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Received, WantedDigests, digests::Digests};
use crate::blob::Partial;

/// Bytes after which write-back is started, so that the final fsync is short.
const WRITE_BACK: u64 = 8 << 20;
/// Bytes read at once of what is there already.
const READ: usize = 1 << 20;

pub(super) enum Job {
    File(Bytes),
    Message(Bytes),
    Finish,
    /// To be continued: no digest is wanted.
    Pause,
}

/// What an upload begins with.
pub(super) struct Beginning {
    pub(super) partial: Partial,
    /// Bytes that are there already.
    pub(super) length: u64,
    /// Whether this is the last part, whose end has the digests.
    pub(super) is_last: bool,
}

struct Receiving {
    partial: Partial,
    length: u64,
    hasher: Hasher,
    of_file: Digests,
    of_message: Digests,
    is_last: bool,
}

/// Writes and hashes until it is told to finish. Dropped before that, the file disappears.
pub(super) fn receive(
    beginning: Beginning,
    wanted: &WantedDigests,
    mut queue: mpsc::Receiver<Job>,
) -> io::Result<Received> {
    let mut receiving = Receiving::new(beginning, wanted)?;
    loop {
        match queue.blocking_recv() {
            Some(Job::File(bytes)) => receiving.append(&bytes)?,
            Some(Job::Message(bytes)) => receiving.of_message.update(&bytes),
            Some(Job::Finish | Job::Pause) => return Ok(receiving.end()),
            None => return Err(io::ErrorKind::Interrupted.into()),
        }
    }
}

impl Receiving {
    fn new(beginning: Beginning, wanted: &WantedDigests) -> io::Result<Self> {
        let mut receiving = Self {
            partial: beginning.partial,
            length: beginning.length,
            hasher: Hasher::default(),
            of_file: Digests::of(&wanted.of_file),
            of_message: Digests::of(&wanted.of_message),
            is_last: beginning.is_last,
        };
        if receiving.is_last && receiving.length > 0 {
            receiving.read_again()?;
        }
        Ok(receiving)
    }

    /// Hashes what earlier parts brought.
    fn read_again(&mut self) -> io::Result<()> {
        use std::os::unix::fs::FileExt as _;
        let mut piece = vec![0; READ];
        let mut at = 0;
        while at < self.length {
            let wanted = usize::try_from(self.length - at).unwrap_or(READ).min(READ);
            let piece = &mut piece[..wanted];
            self.partial.file().read_exact_at(piece, at)?;
            self.hasher.update(piece);
            self.of_file.update(piece);
            at += wanted as u64;
        }
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.partial.write_all_at(bytes, self.length)?;
        if self.is_last {
            self.hasher.update(bytes);
            self.of_file.update(bytes);
        }
        let before = self.length;
        self.length += bytes.len() as u64;
        if before / WRITE_BACK != self.length / WRITE_BACK {
            self.partial
                .start_writeback(before / WRITE_BACK * WRITE_BACK, WRITE_BACK);
        }
        Ok(())
    }

    fn end(self) -> Received {
        Received {
            partial: self.partial,
            grant: None,
            digest: self.hasher.finish(),
            size_bytes: self.length,
            of_file: self.of_file.finish(),
            of_message: self.of_message.finish(),
        }
    }
}
