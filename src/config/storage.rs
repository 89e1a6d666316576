//! Section `storage`: where artifacts, the catalog and temporary files are kept, and how large they may get.

use std::path::{Path, PathBuf};

use super::{
    problem::Problems,
    setting::section,
    units::{Size, Span},
};

/// Directory names below one data directory.
pub(super) const CATALOG: &str = "catalog";
pub(super) const TEMPORARY: &str = "tmp";

section! {
    /// Where artifacts, the catalog and unfinished downloads are kept, and how large they may get.
    pub struct Storage {
        /// Directory of the content-addressed files, `<base_path>/aa/bb/<sha256>`. When only this path
        /// is set, the catalog and the temporary files go beside it.
        pub base_path: PathBuf = "./data/cache".into(),
        /// Directory of the LMDB catalog. A path that ends in `.db` means the directory `catalog`
        /// beside it.
        pub database: PathBuf = "./data/catalog".into(),
        /// Directory of unfinished downloads; on the same file system as `base_path`.
        pub temporary_path: PathBuf = "./data/tmp".into(),
        /// Most bytes that artifacts and unfinished downloads take on disk, counted in blocks; 0 means no
        /// limit, and then nothing is ever evicted. With a limit, what is used least goes first; more
        /// than the disk holds means: as much as `min_free_bytes` leaves. The catalog comes on top.
        pub max_bytes: Size = Size(0),
        /// Largest artifact that is fetched or stored; 0 means no limit.
        pub max_object_bytes: Size = Size(0),
        /// Free space to leave on the file system; below it what is used least is evicted
        /// if `max_bytes` is set, and else responses are streamed without being stored.
        pub min_free_bytes: Size = Size(256 << 20),
        /// How long an unfinished download may be resumed.
        pub keep_partial: Span = Span::seconds(24 * 3600),
        /// Whether, after a stop that was no clean one, each artifact from before it is hashed before it is
        /// read for the first time. Later reads cost what they always do.
        pub verify_after_unclean_stop: bool = false,
        /// Damaged files are moved aside and kept up to this many bytes in total, the latest ones; 0 keeps
        /// none. They come on top of `max_bytes`.
        pub quarantine_bytes: Size = Size(1 << 30),
        /// Small hot artifacts are kept in memory up to this many bytes in total; 0 switches it off.
        pub memory_bytes: Size = Size(64 << 20),
        /// Artifacts of at least this size are dropped from the page cache once they are stored, so that very large ones
        /// do not displace hot ones; 0 leaves that to the kernel.
        pub drop_behind: Size = Size(0),
    }
}

impl Storage {
    /// The default layout below one data directory.
    #[must_use]
    pub fn under(data: PathBuf) -> Self {
        let (database, temporary_path) = (data.join(CATALOG), data.join(TEMPORARY));
        let mut base_path = data;
        base_path.push("cache");
        Self {
            base_path,
            database,
            temporary_path,
            ..Self::default()
        }
    }

    /// Turns a file name of the first generation's database into the catalog's directory.
    pub(super) fn settle(&mut self) {
        if self
            .database
            .extension()
            .is_some_and(|extension| extension == "db")
        {
            self.database = beside(&self.database, CATALOG);
        }
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        let paths = [
            ("storage.base_path", &self.base_path),
            ("storage.database", &self.database),
            ("storage.temporary_path", &self.temporary_path),
        ];
        for (key, path) in paths {
            if path.as_os_str().is_empty() {
                problems.add(key, "must not be empty");
            }
        }
        for (key, path) in paths {
            for (other_key, other) in paths {
                if key != other_key
                    && path.starts_with(other)
                    && !(path == other && key < other_key)
                {
                    problems.add(
                        key,
                        format!("must not be inside `{other_key}` ({}), which holds nothing but its own files", other.display()),
                    );
                }
            }
        }
    }
}

/// The path `name` in the directory that holds `path`.
pub(super) fn beside(path: &Path, name: &str) -> PathBuf {
    path.parent().unwrap_or(path).join(name)
}
