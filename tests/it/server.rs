//! What a client gets on a connection is what the stack answered, to the byte, or a broken connection.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod bodies;
mod breaks;
mod client;
mod connections;
mod support;
