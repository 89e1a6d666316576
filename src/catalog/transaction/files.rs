//! Uploaded files and pointers: a file holds its blob, a pointer wants its file.

use std::time::SystemTime;

use artifact_cache_layers::digest::Sha256;

use super::{Result, Transaction, Written, codec};
use crate::{
    artifact::file::{File, Label, PointerName},
    catalog::{
        codec::nanoseconds,
        files::{FileChange, FileRecord, PointerRecord, pointed_key, pointer_key},
        labels::LabelRecord,
        set::BlobRecord,
    },
};

/// How many files a pointer remembers that it led to.
const MAX_HISTORY: usize = 100;

impl Transaction<'_> {
    /// Makes a file known. What its first upload said of it stays.
    pub(super) fn keep_file(&mut self, file: &File, label: &Label) -> Result<Written> {
        let digest = file.digest.as_bytes();
        self.know_upload(&file.digest, file.size_bytes)?;
        self.note_label(&file.digest, label)?;
        if !self.tables.is_file(&self.txn, &file.digest)? {
            let record = codec::encode(&FileRecord {
                size_bytes: file.size_bytes,
                created_at: nanoseconds(file.created_at),
                content_type: &file.content_type,
            });
            let files = self.tables.files;
            files.put_record(&mut self.txn, digest, record)?;
            self.counters.logical_size_bytes += file.size_bytes;
        }
        Ok(Written::of_file(FileChange::Done))
    }

    /// Makes an uploaded blob known, privately unless it is public already, and takes back its removal.
    pub(super) fn know_upload(&mut self, digest: &Sha256, size_bytes: u64) -> Result<()> {
        let removable = self.tables.removable;
        removable.delete(&mut self.txn, digest.as_bytes())?;
        if self.tables.blob(&self.txn, digest)?.is_some() {
            return Ok(());
        }
        self.counters.blobs += 1;
        self.counters.size_bytes += size_bytes;
        self.enqueue(digest, size_bytes)?;
        self.put_blob(
            digest,
            &BlobRecord {
                size_bytes,
                first_stored: self.now,
                private: true,
            },
        )
    }

    fn put_blob(&mut self, digest: &Sha256, record: &BlobRecord) -> Result<()> {
        let blobs = self.tables.blobs;
        blobs.put_record(&mut self.txn, digest.as_bytes(), codec::encode_blob(record))
    }

    /// Removes a file, unless a pointer leads to it and nobody insists.
    pub(super) fn remove_file(&mut self, digest: &Sha256, force: bool) -> Result<Written> {
        if !self.tables.is_file(&self.txn, digest)? {
            return Ok(Written::of_file(FileChange::Absent));
        }
        if let Some(name) = self
            .tables
            .pointer_to(&self.txn, digest)?
            .filter(|_| !force)
        {
            return Ok(Written::of_file(FileChange::PointedTo(name)));
        }
        self.drop_file(digest)?;
        let mut written = Written::of_file(FileChange::Done);
        if !self.tables.is_held(&self.txn, digest)? {
            self.release(digest)?;
            written.released.push(*digest);
        }
        Ok(written)
    }

    /// Removes a file whose time is over, unless it has become wanted again since that was found.
    pub(super) fn expire_file(
        &mut self,
        digest: &Sha256,
        uploads: &[(Label, SystemTime)],
    ) -> Result<Written> {
        let kept = self.tables.kept(&self.txn, digest)?;
        if kept.is_some_and(|kept| kept.uploads != uploads) {
            return Ok(Written::of_file(FileChange::Absent));
        }
        self.remove_file(digest, false)
    }

    /// Notes that an upload said this of itself.
    fn note_label(&mut self, digest: &Sha256, label: &Label) -> Result<()> {
        let before = self.tables.label_record(&self.txn, digest)?;
        let known = self.tables.file(&self.txn, digest)?;
        // A file from before labels were kept had none.
        let unlabelled = known.map(|file| LabelRecord::unlabelled(&file));
        let mut record = before.or(unlabelled).unwrap_or_default();
        record.note(label, nanoseconds(self.now));
        let labels = self.tables.labels;
        labels.put_record(&mut self.txn, digest.as_bytes(), codec::encode(&record))
    }

    /// Removes the record of a file, if there is one.
    pub(super) fn drop_file(&mut self, digest: &Sha256) -> Result<()> {
        let size = self.size_of(digest)?;
        let (files, labels) = (self.tables.files, self.tables.labels);
        labels.delete(&mut self.txn, digest.as_bytes())?;
        if files.delete(&mut self.txn, digest.as_bytes())? {
            let logical = &mut self.counters.logical_size_bytes;
            *logical = logical.saturating_sub(size);
        }
        Ok(())
    }

    /// Makes a blob private again that only a file holds.
    pub(super) fn keep_private(&mut self, digest: &Sha256) -> Result<()> {
        match self.tables.blob(&self.txn, digest)? {
            Some(record) if !record.private => {
                let private = true;
                self.put_blob(digest, &BlobRecord { private, ..record })
            }
            _ => Ok(()),
        }
    }

    /// Makes a pointer lead to a file, which must be there unless somebody insists.
    pub(super) fn point(
        &mut self,
        name: &PointerName,
        file: &Sha256,
        force: bool,
    ) -> Result<Written> {
        if !force && !self.tables.is_file(&self.txn, file)? {
            return Ok(Written::of_file(FileChange::Absent));
        }
        let history = self.turn_from(name, Some(file))?;
        let record = codec::encode(&PointerRecord {
            file: *file.as_bytes(),
            since: nanoseconds(self.now),
            history,
        });
        let (key, pointers) = (pointer_key(name), self.tables.pointers);
        pointers.put_record(&mut self.txn, &key, record)?;
        let pointed = self.tables.pointed;
        pointed.put(&mut self.txn, &pointed_key(file, &key), &[])?;
        Ok(Written::of_file(FileChange::Done))
    }

    /// Takes a pointer off what it leads to; returns where it led, newest first.
    fn turn_from(
        &mut self,
        name: &PointerName,
        to: Option<&Sha256>,
    ) -> Result<Vec<([u8; 32], u64)>> {
        let Some(old) = self.tables.pointer(&self.txn, name)? else {
            return Ok(Vec::new());
        };
        let row = pointed_key(&old.file.into(), &pointer_key(name));
        self.tables.pointed.delete(&mut self.txn, &row)?;
        let mut history = old.history;
        // Setting what is set already is no event.
        if to.is_none_or(|to| *to.as_bytes() != old.file) {
            history.insert(0, (old.file, old.since));
            history.truncate(MAX_HISTORY);
        }
        Ok(history)
    }

    /// Removes a pointer and its history.
    pub(super) fn unpoint(&mut self, name: &PointerName) -> Result<Written> {
        self.turn_from(name, None)?;
        let pointers = self.tables.pointers;
        let was_there = pointers.delete(&mut self.txn, &pointer_key(name))?;
        Ok(Written::of_file(if was_there {
            FileChange::Done
        } else {
            FileChange::Absent
        }))
    }
}

impl Written {
    fn of_file(file: FileChange) -> Self {
        Self {
            file: Some(file),
            ..Self::default()
        }
    }
}
