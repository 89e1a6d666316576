//! One binary for the tests of every layer; one file per layer.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its assumption fails"
)]

mod scripted;
mod support;

mod body;
mod cache_archive;
mod cache_forward;
mod collapse;
mod collapse_late;
mod edge;
mod egress;
mod hop;
mod independence;
mod limit;
mod ranges;
mod recall;
mod record;
mod rescue;
mod rfc9111;
mod sigv4;
mod target;
mod tee;
mod validate;
