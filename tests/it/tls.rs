//! Listeners that speak TLS and HTTP/2, and who their clients are behind a load balancer.

mod balancer;
mod flood;
mod handshake;
mod http2;
mod interim;
mod reload;
pub(crate) mod support;
