//! Tunnels that end here: by which rules, with which certificates, and that what is inside is served by
//! the same stack as everything else.

mod authority;
mod cached;
mod lax;
mod refused;
mod rules;
pub(crate) mod support;
mod tokens;
