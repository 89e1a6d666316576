//! Does the store agree with itself? Compares catalog and files, repairs, and rebuilds a lost catalog
//! from the records beside the blobs. Reads everything: for a tool while nothing else runs.

mod report;

use std::collections::HashSet;

use artifact_cache_layers::{digest::Sha256, semantics::cache_key::CacheKey};

pub use self::report::{Finding, FsckError, Options, Report};
use super::{
    commit::Committer,
    verify::{Pace, Verdict, verify_blob},
};
use crate::{
    artifact::file::{File, Label},
    blob::{Recovery, walk::Found},
    catalog::{Addition, BlobRecord, Catalog, CatalogError, Change, Inconsistency},
};

/// Changes or rows handled together.
const BATCH: usize = 1024;
/// What a file may take beyond what was measured when it was stored: attributes, and blocks of the file
/// system's own.
const SLACK: u64 = 64 << 10;

type Result<T, E = FsckError> = std::result::Result<T, E>;

/// Checks, and repairs or rebuilds where asked. Blocks.
pub fn fsck(store: &Committer, options: Options) -> Result<Report> {
    let mut check = Check {
        store,
        options,
        report: Report::default(),
    };
    if options.rebuild {
        check.recover_all(&|_| true)?;
    }
    check.catalog()?;
    check.known_blobs()?;
    check.files()?;
    check.views()?;
    check.temporaries()?;
    if options.repair || options.rebuild {
        store.blobs().compact_journal()?;
        store.blobs().compact_pointers()?;
    }
    check.report.repaired = options.repair;
    Ok(check.report)
}

struct Check<'s> {
    store: &'s Committer,
    options: Options,
    report: Report,
}

impl Check<'_> {
    /// Takes in the records of the URLs that are `wanted`: beside the blobs, and then the journal, which
    /// has what did not fit there.
    fn recover_all(&mut self, wanted: &dyn Fn(&CacheKey) -> bool) -> Result<()> {
        let mut found = Vec::new();
        self.store.blobs().walk(|file| {
            if let Found::Blob(digest, size_bytes) = file {
                found.push((digest, size_bytes));
            }
        })?;
        for batch in found.chunks(BATCH) {
            let additions = batch
                .iter()
                .filter_map(|&(digest, size)| self.recoverable(&digest, size))
                .filter(|addition| wanted(&addition.key));
            let additions = additions.collect();
            self.recover(additions)?;
        }
        self.recover_uploads(&found)?;
        self.recover_pointers()?;
        self.recover_journal(wanted)
    }

    /// Takes in pointers that the catalog does not know, whose files it does.
    fn recover_pointers(&mut self) -> Result<()> {
        for (name, file) in self.store.blobs().noted_pointers()? {
            let catalog = self.store.catalog();
            if catalog.pointer(&name)?.is_none() && catalog.file(&file)?.is_some() {
                let force = false;
                catalog.write_blocking(Change::Point { name, file, force })?;
                self.report.recovered += 1;
            }
        }
        Ok(())
    }

    /// Takes in the uploaded files by the records beside their blobs.
    fn recover_uploads(&mut self, found: &[(Sha256, u64)]) -> Result<()> {
        for batch in found.chunks(BATCH) {
            let uploads = batch
                .iter()
                .filter_map(|&(digest, size)| self.upload(&digest, size));
            let changes: Vec<_> = uploads.map(recovered).collect();
            self.report.recovered += changes.len() as u64;
            self.store.catalog().write_all_blocking(changes)?;
        }
        Ok(())
    }

    /// The uploaded file that a blob is by its record, if the catalog does not know it.
    fn upload(&self, digest: &Sha256, size_bytes: u64) -> Option<File> {
        let file = self.store.blobs().upload(digest, size_bytes)?;
        let is_known = matches!(self.store.catalog().file(digest), Ok(Some(_)));
        (!is_known && self.is_sound(digest, size_bytes)).then_some(file)
    }

    fn recover_journal(&mut self, wanted: &dyn Fn(&CacheKey) -> bool) -> Result<()> {
        let journal = self.store.blobs().journalled()?;
        for batch in journal.chunks(BATCH) {
            let additions = batch.iter().filter_map(|record| {
                let addition = addition(record).filter(|addition| wanted(&addition.key))?;
                let (digest, length) = (addition.response.digest, addition.response.length);
                self.is_sound(&digest, length).then_some(addition)
            });
            let additions = additions.collect();
            self.recover(additions)?;
        }
        Ok(())
    }

    fn recover(&mut self, additions: Vec<Addition>) -> Result<()> {
        self.report.recovered += additions.len() as u64;
        let changes = additions.into_iter().map(Change::Recover);
        Ok(self.store.catalog().write_all_blocking(changes)?)
    }

    /// What a file is by its recovery record, if the two agree.
    fn recoverable(&self, digest: &Sha256, size_bytes: u64) -> Option<Addition> {
        let addition = addition(&self.store.blobs().recovery(digest)?)?;
        let response = &addition.response;
        let agrees = (response.digest, response.length) == (*digest, size_bytes);
        (agrees && self.is_sound(digest, size_bytes)).then_some(addition)
    }

    fn is_sound(&self, digest: &Sha256, size_bytes: u64) -> bool {
        matches!(self.verdict(digest, size_bytes), Ok(Verdict::Sound))
    }

    /// By length, or by hash where that is asked for.
    fn verdict(&self, digest: &Sha256, size_bytes: u64) -> Result<Verdict> {
        let blobs = self.store.blobs();
        if self.options.rehash {
            return Ok(verify_blob(blobs, digest, size_bytes, Pace::default())?);
        }
        Ok(match blobs.open_afresh(digest)? {
            None => Verdict::Missing,
            Some(blob) if blob.len != size_bytes => Verdict::WrongLength { found: blob.len },
            Some(_) => Verdict::Sound,
        })
    }

    fn catalog(&mut self) -> Result<()> {
        let found = self.store.catalog().audit()?.inconsistencies;
        if self.options.repair && !found.is_empty() {
            let lost = lost_urls(&found);
            self.store.catalog().write_blocking(Change::Reindex)?;
            if !lost.is_empty() {
                self.recover_all(&|key| lost.contains(key))?;
            }
        }
        let found = found.into_iter().map(Finding::Catalog);
        self.report.findings.extend(found);
        Ok(())
    }

    fn known_blobs(&mut self) -> Result<()> {
        let mut after = None;
        loop {
            let batch = self.store.catalog().blobs(after.as_ref(), BATCH)?;
            let Some((last, _)) = batch.last() else {
                return Ok(());
            };
            after = Some(*last);
            for (digest, record) in batch {
                self.known_blob(digest, record)?;
            }
        }
    }

    fn known_blob(&mut self, digest: Sha256, record: BlobRecord) -> Result<()> {
        self.report.blobs += 1;
        let verdict = self.verdict(&digest, record.size_bytes)?;
        if verdict == Verdict::Sound {
            return self.sound_blob(digest);
        }
        self.report.findings.push(Finding::Blob { digest, verdict });
        if self.options.repair {
            self.store.discard_blocking(&digest)?;
        }
        Ok(())
    }

    /// What may be wrong with a blob although its bytes are right.
    fn sound_blob(&mut self, digest: Sha256) -> Result<()> {
        let (blobs, catalog) = (self.store.blobs(), self.store.catalog());
        if blobs.has_wrong_mode(&digest) {
            self.report.findings.push(Finding::Mode(digest));
            if self.options.repair {
                blobs.mend_mode(&digest)?;
            }
        }
        // Unreadable ones are found in the catalog itself.
        let recorded = catalog.allocated_of(&digest).ok().flatten();
        let recorded = recorded.unwrap_or(u64::MAX);
        let found = blobs.allocated(&digest).unwrap_or(0);
        if found > recorded.saturating_add(SLACK) {
            self.report.findings.push(Finding::Room {
                digest,
                recorded,
                found,
            });
            if self.options.repair {
                let allocated = found;
                catalog.write_blocking(Change::Measure { digest, allocated })?;
            }
        }
        Ok(())
    }

    fn views(&mut self) -> Result<()> {
        for digest in self.store.blobs().wrong_views()? {
            self.report.findings.push(Finding::View(digest));
            if self.options.repair {
                self.store.blobs().unlink_view(&digest)?;
            }
        }
        Ok(())
    }

    fn files(&mut self) -> Result<()> {
        let (mut unknown, mut stray, mut failed) = (Vec::new(), Vec::new(), Ok(()));
        let catalog = self.store.catalog();
        self.store.blobs().walk(|file| match file {
            Found::Stray(path) => stray.push(Finding::Stray(path)),
            Found::Blob(digest, size) => match is_known(catalog, &digest) {
                Ok(true) => {}
                Ok(false) => unknown.push((digest, size)),
                Err(error) => failed = Err(error),
            },
        })?;
        failed?;
        self.report.findings.extend(stray);
        for (digest, size_bytes) in unknown {
            self.unrecorded(digest, size_bytes)?;
        }
        Ok(())
    }

    fn unrecorded(&mut self, digest: Sha256, size_bytes: u64) -> Result<()> {
        let addition = self.recoverable(&digest, size_bytes);
        let upload = self.upload(&digest, size_bytes);
        self.report.findings.push(Finding::Unrecorded {
            digest,
            size_bytes,
            recoverable: addition.is_some() || upload.is_some(),
        });
        if let Some(upload) = upload.filter(|_| self.options.repair) {
            self.report.recovered += 1;
            let change = recovered(upload);
            self.store.catalog().write_blocking(change)?;
        } else if addition.is_none() && self.options.repair {
            self.store
                .catalog()
                .write_blocking(Change::Abandon { digest })?;
        }
        let addition = addition.filter(|_| self.options.repair);
        self.recover(addition.into_iter().collect())
    }

    fn temporaries(&mut self) -> Result<()> {
        let now = self.store.catalog().clock().now();
        let keep = self.options.keep_partial;
        let leftovers = self.store.blobs().leftovers(keep, now)?;
        if self.options.repair {
            super::sweep::sweep(self.store.blobs(), keep, now)?;
        }
        let found = leftovers.stray.into_iter().map(Finding::Temporary);
        self.report.findings.extend(found);
        Ok(())
    }
}

/// The URLs whose responses are unreadable: their blobs still say what they were.
fn lost_urls(found: &[Inconsistency]) -> HashSet<CacheKey> {
    let lost = found.iter().filter_map(|one| match one {
        Inconsistency::Unreadable {
            database: "responses",
            key,
        } => <[u8; 32]>::try_from(&key[..]).ok(),
        _ => None,
    });
    lost.map(|key| CacheKey(Sha256::from(key))).collect()
}

fn is_known(catalog: &Catalog, digest: &Sha256) -> Result<bool, CatalogError> {
    Ok(catalog.blob(digest)?.is_some() || catalog.is_removable(digest)?)
}

/// What a record says, if it makes sense.
pub(super) fn addition(record: &Recovery) -> Option<Addition> {
    let (uri, final_url, response) = record.read()?;
    Some(Addition {
        key: CacheKey::of(&uri),
        uri,
        final_url,
        response,
    })
}

/// What makes an uploaded file known again. Nobody knows its labels any more.
fn recovered(file: File) -> Change {
    let label = Label::default();
    Change::KeepFile { file, label }
}
