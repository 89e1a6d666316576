//! What comes back from scripted origins, good and bad, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod failures;
mod framing;
mod redirects;
mod support;
mod tls;
