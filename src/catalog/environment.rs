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
pub(super) const MAX_DATABASES: u32 = 32;

/// The open environment. Fields are dropped in this order: LMDB closes before the lock goes.
pub(super) struct Environment {
    pub(super) lmdb: heed::Env<WithTls>,
    pub(super) tables: Tables,
    _lock: File,
}

/// Writes [`Tables`] and the names of its databases from one list.
macro_rules! tables {
    ($($(#[doc = $about:literal])+ $name:ident,)+) => {
        /// The databases.
        #[derive(Clone, Copy)]
        pub(super) struct Tables {
            $($(#[doc = $about])+ pub(super) $name: Table,)+
        }

        /// The names of the databases, in the order of the fields of [`Tables`].
        const NAMES: &[&str] = &[$(stringify!($name)),+];

        impl Tables {
            fn named(databases: &[Database<'static, Bytes, Bytes>; NAMES.len()]) -> Self {
                let [$($name),+] = *databases;
                Self {
                    $($name: Table { name: stringify!($name), lmdb: $name },)+
                }
            }
        }
    };
}

tables! {
    /// `format`, `counters`.
    meta,
    /// Cache key → response set.
    responses,
    /// Artifact id → what its response set does not say.
    artifacts,
    /// Digest → blob.
    blobs,
    /// Digest and cache key → nothing: which URLs hold a digest.
    references,
    /// Digest → when it lost its last reference.
    removable,
    /// Artifact id → hits.
    hits,
    /// Model id → model.
    models,
    /// Name and version → model id; name → the id of its version in production.
    model_names,
    /// Scope, sort and value of a model, and its id → nothing: the orders that lists are read in.
    model_orders,
    /// Stage or name → how many models.
    model_counts,
    /// 64 numbers of models → the texts of those models, to be searched.
    model_texts,
    /// Model id and event id → event.
    model_events,
    /// Number → a message about a model, and who has not got it yet.
    outbox,
    /// Digest → uploaded file.
    files,
    /// Run or tokenizer → the file it points to.
    pointers,
    /// Digest and pointer → nothing: which pointers lead to a file.
    pointed,
    /// Token id → access token.
    tokens,
    /// Digest → its place in the queues of eviction, and what it takes on disk.
    ranks,
    /// Queue and place → digest, of blobs and of those that were evicted lately.
    queues,
    /// Digest → its place among those that were evicted lately.
    ghosts,
    /// Number → what was evicted, when and why.
    evictions,
    /// Digest or cache key → what an operator wants to be kept.
    pins,
    /// Digest → what the uploads of a file said of themselves.
    labels,
    /// Where artifacts stand in the orders of lists.
    orders,
    /// Tags and their artifacts.
    tags,
    /// Step and time → what happened then.
    history,
    /// Number → job.
    jobs,
}

impl Environment {
    /// Opens or creates the environment in `directory`, which must be on a local file system.
    pub(super) fn open(directory: &Path, map_size_bytes: usize) -> Result<Self, CatalogError> {
        let lock = lock(directory)?;
        super::claim::check(directory)?;
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
        let mut steps = lmdb.write_txn()?;
        upgrade::take_steps(&tables, &mut steps)?;
        steps.commit()?;
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

impl Tables {
    fn create(lmdb: &heed::Env<WithTls>) -> Result<Self, CatalogError> {
        let created = lmdb.create_databases_and_commit(lmdb.write_txn()?, |opener, txn| {
            let mut create = |name| opener.create_database::<Bytes, Bytes>(txn, Some(name));
            let mut created = [create(NAMES[0])?; NAMES.len()];
            for (at, name) in NAMES.iter().enumerate().skip(1) {
                created[at] = create(name)?;
            }
            upgrade::bring_up_to_date(&created[0], txn)?;
            Ok::<_, CatalogError>(CommitOrAbort::<_, CatalogError>::Commit(created))
        })?;
        match created {
            CommitOrAbort::Commit(created) => Ok(Self::named(&created)),
            CommitOrAbort::Abort(error) => Err(error),
        }
    }
}

/// How long the lock is waited for. A predecessor that is just exiting holds it for milliseconds, and so
/// does a child that somebody forked and that has not become another program yet.
const PREDECESSOR: Duration = Duration::from_secs(1);

/// Our own lock: LMDB would let a second process in, and its in-memory counters would go wrong.
pub(super) fn lock(directory: &Path) -> Result<File, CatalogError> {
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
