//! The LMDB environment: the one place that opens it, and the lock that keeps others out.

use std::{
    fs::{File, TryLockError},
    path::Path,
    time::{Duration, Instant},
};

use heed::{CommitOrAbort, Database, EnvOpenOptions, WithTls, types::Bytes};

use super::{CatalogError, table::Table, upgrade};

/// A read transaction. It pins pages while it is open: never kept across an await. Its slot in the
/// table of readers stays the thread's own, so that a read takes no lock that other cores take; a thread
/// has at most one at a time.
pub(super) type ReadTransaction<'e> = heed::RoTxn<'e, WithTls>;

/// One slot of the reader table per thread that reads; LMDB's own 126 is too few for a busy node.
const MAX_READERS: u32 = 1024;
/// More than there are, so that a newer format may add some without a new lock table.
const MAX_DATABASES: u32 = 32;

/// The open environment. Fields are dropped in this order: LMDB closes before the lock goes.
pub(super) struct Environment {
    pub(super) lmdb: heed::Env<WithTls>,
    pub(super) tables: Tables,
    _lock: File,
}

/// The databases.
#[derive(Clone, Copy)]
pub(super) struct Tables {
    /// `format`, `counters`.
    pub(super) meta: Table,
    /// Cache key → response set.
    pub(super) responses: Table,
    /// Artifact id → what its response set does not say.
    pub(super) artifacts: Table,
    /// Digest → blob.
    pub(super) blobs: Table,
    /// Digest and cache key → nothing: which URLs hold a digest.
    pub(super) references: Table,
    /// Digest → when it lost its last reference.
    pub(super) removable: Table,
    /// Artifact id → hits.
    pub(super) hits: Table,
    /// Digest → uploaded file.
    pub(super) files: Table,
    /// Run or tokenizer → the file it points to.
    pub(super) pointers: Table,
    /// Digest and pointer → nothing: which pointers lead to a file.
    pub(super) pointed: Table,
    /// Token id → access token.
    pub(super) tokens: Table,
}

impl Environment {
    /// Opens or creates the environment in `directory`, which must be on a local file system.
    pub(super) fn open(directory: &Path, map_size_bytes: usize) -> Result<Self, CatalogError> {
        let lock = lock(directory)?;
        let mut options = EnvOpenOptions::new();
        options
            .map_size(whole_pages(map_size_bytes))
            .max_readers(MAX_READERS)
            .max_dbs(MAX_DATABASES);
        // SAFETY: the lock above keeps every other process of ours away from the files, and nothing in
        // this process maps, opens or truncates them besides LMDB. No flag that weakens LMDB is set.
        let lmdb = unsafe { options.open(directory) }?;
        lmdb.clear_stale_readers()?;
        let tables = Tables::create(&lmdb)?;
        Ok(Self {
            lmdb,
            tables,
            _lock: lock,
        })
    }

    /// Size of the file, in bytes.
    pub(super) fn size_bytes(&self) -> Result<u64, CatalogError> {
        Ok(self.lmdb.real_disk_size()?)
    }

    pub(super) fn read(&self) -> Result<ReadTransaction<'_>, CatalogError> {
        Ok(self.lmdb.read_txn()?)
    }
}

/// The names of the databases, in the order of the fields of [`Tables`].
const NAMES: [&str; 11] = [
    "meta",
    "responses",
    "artifacts",
    "blobs",
    "references",
    "removable",
    "hits",
    "files",
    "pointers",
    "pointed",
    "tokens",
];

impl Tables {
    fn create(lmdb: &heed::Env<WithTls>) -> Result<Self, CatalogError> {
        let created = lmdb.create_databases_and_commit(lmdb.write_txn()?, |opener, txn| {
            let mut create = |name| opener.create_database::<Bytes, Bytes>(txn, Some(name));
            let [
                meta,
                responses,
                artifacts,
                blobs,
                references,
                removable,
                hits,
                files,
                pointers,
                pointed,
                tokens,
            ] = NAMES;
            let created = [
                create(meta)?,
                create(responses)?,
                create(artifacts)?,
                create(blobs)?,
                create(references)?,
                create(removable)?,
                create(hits)?,
                create(files)?,
                create(pointers)?,
                create(pointed)?,
                create(tokens)?,
            ];
            upgrade::bring_up_to_date(&created[0], txn)?;
            Ok::<_, CatalogError>(CommitOrAbort::<_, CatalogError>::Commit(created))
        })?;
        match created {
            CommitOrAbort::Commit(created) => Ok(Self::named(created)),
            CommitOrAbort::Abort(error) => Err(error),
        }
    }

    fn named(databases: [Database<'static, Bytes, Bytes>; NAMES.len()]) -> Self {
        let mut names = NAMES.into_iter();
        let [
            meta,
            responses,
            artifacts,
            blobs,
            references,
            removable,
            hits,
            files,
            pointers,
            pointed,
            tokens,
        ] = databases.map(|lmdb| Table {
            name: names.next().unwrap_or_default(),
            lmdb,
        });
        Self {
            meta,
            responses,
            artifacts,
            blobs,
            references,
            removable,
            hits,
            files,
            pointers,
            pointed,
            tokens,
        }
    }
}

/// How long the lock is waited for. A predecessor that is just exiting holds it for milliseconds, and so
/// does a child that somebody forked and that has not become another program yet.
const PREDECESSOR: Duration = Duration::from_secs(1);

/// Our own lock: LMDB would let a second process in, and its in-memory counters would go wrong.
fn lock(directory: &Path) -> Result<File, CatalogError> {
    let path = directory.join("lock");
    let failed = |source| CatalogError::Directory {
        path: path.clone(),
        source,
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    let file = File::create(&path).map_err(failed)?;
    let deadline = Instant::now() + PREDECESSOR;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(PREDECESSOR / 50);
            }
            Err(TryLockError::WouldBlock) => return Err(CatalogError::InUse(directory.to_owned())),
        }
    }
}

/// LMDB wants a multiple of the page size.
fn whole_pages(bytes: usize) -> usize {
    bytes.next_multiple_of(rustix::param::page_size())
}
