//! CONNECT through the real server to real origins: what is refused and how, and that bytes, ends and
//! breaks of one side reach the other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bytes;
mod refusals;
mod support;
