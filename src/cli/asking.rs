//! The verbs that ask a running cache, or a store, and need nothing of this machine's own data.

use clap::Subcommand;

use super::{
    bundle, exit::Failure, explain, files, get, head, job, ls, misses, model, output::Output, pin,
    purge, rm, s3, show, stats, tag, warm, why,
};

#[derive(Debug, Subcommand)]
pub(super) enum Asking {
    /// Download an artifact through the cache and check its digest
    Get(get::Get),
    /// Show whether an artifact is cached, and the head of its response
    Head(head::Head),
    /// List what is cached
    Ls(ls::Ls),
    /// Show everything known of one artifact
    Show(show::Show),
    /// Explain what the cache makes of a URL, and what a request would do now
    Explain(explain::Explain),
    /// Show why something is stored or is not: who keeps it, when it would be evicted, what was
    Why(why::Why),
    /// Remove an artifact from the cache
    Rm(rm::Rm),
    /// Remove what is stored of many URLs, or mark it stale
    Purge(purge::Purge),
    /// Never evict something; without an argument, list what is pinned
    Pin(pin::Pin),
    /// Take a pin back
    Unpin(pin::Unpin),
    /// Give names to artifacts, to find and to purge them together; without an argument, list the names
    Tag(tag::Tag),
    /// Take such names back
    Untag(tag::Untag),
    /// Show what was evicted, the latest first
    Evictions(why::Evictions),
    /// Show what was asked for while no origin might be asked
    Misses(misses::Misses),
    /// Remove what nobody refers to, and free room
    Gc(purge::Gc),
    /// Bring what a list or a lock file names into the cache
    Warm(warm::Warm),
    /// Ask origins now whether what is stored has changed
    Refresh(warm::Refresh),
    /// List, show, cancel and wait for what works in the background
    #[command(subcommand)]
    Job(job::Job),
    /// Upload, download, describe and remove files
    #[command(subcommand)]
    Files(files::Files),
    /// Show, set and remove the pointers of runs and tokenizers to files
    #[command(subcommand)]
    Pointer(files::pointer::Pointer),
    /// Upload a directory as an archive, and point a run to it
    UploadDir(files::upload_dir::UploadDir),
    /// Download what a run produced, check it and unpack it
    PullRun(files::pull_run::PullRun),
    /// Show the sums over the cache
    Stats(stats::Stats),
    /// Work with artifacts in an object store, without a cache
    S3(s3::S3),
    /// Write chosen artifacts of a running cache to one file
    Export(bundle::Export),
    /// The registry of models
    #[command(subcommand)]
    Model(model::Model),
}

impl Asking {
    pub(super) async fn run(self, out: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Get(verb) => verb.run(out).await,
            Self::Head(verb) => verb.run(out).await,
            Self::Ls(verb) => verb.run(out).await,
            Self::Show(verb) => verb.run(out).await,
            Self::Explain(verb) => verb.run(out).await,
            Self::Why(verb) => verb.run(out).await,
            Self::Rm(verb) => verb.run(out).await,
            Self::Purge(verb) => verb.run(out).await,
            Self::Pin(verb) => verb.run(out).await,
            Self::Unpin(verb) => verb.run(out).await,
            Self::Tag(verb) => verb.run(out).await,
            Self::Untag(verb) => verb.run(out).await,
            Self::Evictions(verb) => verb.run(out).await,
            Self::Misses(verb) => verb.run(out).await,
            Self::Gc(verb) => verb.run(out).await,
            Self::Warm(verb) => verb.run(out).await,
            Self::Refresh(verb) => verb.run(out).await,
            Self::Job(verb) => verb.run(out).await,
            Self::Files(verb) => verb.run(out).await,
            Self::Pointer(verb) => verb.run(out).await,
            Self::UploadDir(verb) => verb.run(out).await,
            Self::PullRun(verb) => verb.run(out).await,
            Self::Stats(verb) => verb.run(out).await,
            Self::S3(verb) => verb.run(out).await,
            Self::Export(verb) => verb.run(out).await,
            Self::Model(verb) => verb.run(out).await,
        }
    }

    pub(super) const fn is_json(&self) -> bool {
        match self {
            Self::Get(verb) => verb.remote.json,
            Self::Head(verb) => verb.remote.json,
            Self::Ls(verb) => verb.remote.json,
            Self::Show(verb) => verb.remote.json,
            Self::Explain(verb) => verb.remote.json,
            Self::Why(verb) => verb.remote.json,
            Self::Rm(verb) => verb.remote.json,
            Self::Purge(verb) => verb.remote.json,
            Self::Pin(verb) => verb.remote.json,
            Self::Unpin(verb) => verb.remote.json,
            Self::Tag(verb) => verb.remote.json,
            Self::Untag(verb) => verb.remote.json,
            Self::Evictions(verb) => verb.remote.json,
            Self::Misses(verb) => verb.remote.json,
            Self::Gc(verb) => verb.remote.json,
            Self::Warm(verb) => verb.remote.json,
            Self::Refresh(verb) => verb.remote.json,
            Self::Job(verb) => verb.is_json(),
            Self::Files(verb) => verb.is_json(),
            Self::Pointer(verb) => verb.is_json(),
            Self::UploadDir(verb) => verb.remote.json,
            Self::PullRun(verb) => verb.remote.json,
            Self::Stats(verb) => verb.remote.json,
            Self::S3(verb) => verb.is_json(),
            Self::Export(verb) => verb.remote.json,
            Self::Model(verb) => verb.is_json(),
        }
    }
}
