//! The forward proxy, end to end: what a client and an origin see of it.

mod failures;
mod fields;
mod interim;
mod methods;
mod shared;
mod streaming;
