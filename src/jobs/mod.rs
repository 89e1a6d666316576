//! What runs beside the requests and works through many artifacts. [`Jobs`] starts it, shows how far it
//! has come and ends it; eviction needs none of that and stands for itself.

pub mod backup;
mod end;
pub mod evict;
pub mod history;
pub mod internal;
mod job;
mod order;
mod owner;
pub mod refresh;
pub mod retention;
pub mod schedule;
pub mod scrub;
pub mod warm;

pub use job::{Job, JobError};
pub use order::{Order, Refused, Started};
pub use owner::Jobs;
