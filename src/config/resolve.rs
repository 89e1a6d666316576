//! Section `resolve`: which artifacts get a local path, and how long that path stays.

use std::path::PathBuf;

use super::{
    setting::section,
    units::{Size, Span},
};

section! {
    /// How `POST /resolve` turns an artifact's URI into a verified local path.
    pub struct Resolve {
        /// Whether paths of this machine may be resolved; for development.
        pub allow_local_paths: bool = false,
        /// Directories in which local paths must lie once links are resolved. Empty means the working
        /// directory.
        pub allowed_prefixes: Vec<PathBuf> = Vec::new(),
        /// Largest local file that is hashed.
        pub max_hash_bytes: Size = Size(256 << 20),
        /// Whether `http` and `https` URIs may be resolved.
        pub allow_http: bool = false,
        /// How long a path that was given out stays readable whatever is removed meanwhile.
        pub lease_seconds: Span = Span::seconds(3600),
        /// How long a stored file counts as verified while nothing shows that it was changed.
        pub verify_interval: Span = Span::seconds(24 * 3600),
    }
}
