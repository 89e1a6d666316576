//! Section `files`: who may upload, read and delete files, and how large they may be.

use super::{
    secret::Secret,
    setting::section,
    units::{Size, Span},
};

section! {
    /// Uploaded files and the pointers to them.
    pub struct Files {
        /// Keys that may upload files and set pointers. Without any, everybody may.
        pub upload_keys: Vec<Secret> = Vec::new(),
        /// Keys that may read files and pointers. Without any, those of `upload_keys`.
        pub read_keys: Vec<Secret> = Vec::new(),
        /// Keys that may delete files and pointers. Without any, those of `upload_keys`.
        pub delete_keys: Vec<Secret> = Vec::new(),
        /// Free space to leave on the file system; an upload that would use it gets 507.
        pub min_free_bytes: Size = Size(1 << 30),
        /// Largest file that is accepted; 0 means no limit but `storage.max_object_bytes`.
        pub max_file_bytes: Size = Size(0),
        /// Whether deleting what is not there is answered with 404 instead of 204.
        pub delete_strict_404: bool = false,
        /// Whether deleting a file that a pointer leads to is refused with 409 unless `force=1` is said.
        pub protect_pointed: bool = false,
        /// What signed URLs are signed with, at least 16 characters. Without one, a key is made at each
        /// start, and a restart ends the URLs given out before.
        pub signing_key: Secret = Secret::default(),
        /// How long files are kept. The first rule that fits an upload decides, and without one the file stays
        /// until it is deleted. Of a file that was uploaded several times, the upload that keeps it longest
        /// counts. What a pointer leads to and what is pinned never goes by itself.
        pub retention: Vec<RetentionRule> = Vec::new(),
        /// Whether files whose time is over are removed. Otherwise the log says each time how many would be.
        pub expire: bool = false,
        /// Time between two looks at the files whose time is over.
        pub expire_interval: Span = Span::seconds(3600),
    }
}

section! {
    /// How long some files are kept.
    pub struct RetentionRule {
        /// The `tag` that a file was uploaded with. Empty fits every one.
        pub tag: String = String::new(),
        /// The id of the token that a file was uploaded with, or of a key: the first 8 hexadecimal digits of
        /// its SHA-256. Empty fits every one.
        pub key: String = String::new(),
        /// How long a file is kept since it was uploaded last; 0 keeps it.
        pub ttl: Span = Span::seconds(0),
    }
}

/// The least length of a signing key, in bytes.
const LEAST_KEY: usize = 16;

impl Files {
    pub(super) fn check(&self, problems: &mut super::problem::Problems) {
        let key = self.signing_key.expose();
        if !key.is_empty() && key.len() < LEAST_KEY {
            problems.add(
                "files.signing_key",
                format!("must have at least {LEAST_KEY} characters"),
            );
        }
    }
}
