//! Logs and metrics: what the cache says about itself.
//!
//! [`access`] holds the events that are both logged and counted, [`metrics`] the table of every metric,
//! [`log`] the lines on standard output.

pub mod access;
mod escape;
pub mod instrument;
pub mod label;
pub mod level;
mod line;
pub mod log;
pub mod metrics;
pub mod origins;
pub mod request_id;
pub mod timestamp;
mod writer;
