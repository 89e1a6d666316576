//! The `cache` layer on forwarded requests: each decision of RFC 9111, over a scripted origin.

mod failures;
mod parts;
mod passing;
mod reuse;
