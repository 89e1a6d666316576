//! Who is told what becomes of tunnels.

use std::{net::SocketAddr, time::Duration};

use artifact_cache_layers::body::BoxError;

use super::{End, Refusal, Traffic};

/// Is told what becomes of tunnels, for logs and metrics.
pub trait Observe: Send + Sync {
    /// A CONNECT was refused.
    fn refused(&self, _refusal: &Refusal) {}
    /// A tunnel ends here: its requests are served, like any other's, as those of `authority`.
    fn entered(&self, _authority: &str, _inside: Entered) {}
    /// A client refused our certificate; its tunnels to the host are left alone for a while.
    fn unwilling(&self, _authority: &str, _peer: SocketAddr, _error: &BoxError) {}
    /// There was no handshake in a tunnel that ends here.
    fn not_entered(&self, _authority: &str, _peer: SocketAddr, _error: &BoxError) {}
    /// A tunnel was opened.
    fn opened(&self) {}
    /// A tunnel ended.
    fn closed(&self, _tunnel: &Closed<'_>) {}
}

/// A tunnel that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Closed<'a> {
    /// Host and port that the client named.
    pub authority: &'a str,
    /// The client, where it is known.
    pub peer: Option<SocketAddr>,
    /// What went through.
    pub traffic: Traffic,
    /// How it ended.
    pub end: End,
    /// How long it was open.
    pub duration: Duration,
}

/// What is inside of a tunnel that ends here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// Requests inside TLS.
    Tls,
    /// Requests as they are.
    Plain,
}

/// Tells nobody.
impl Observe for () {}
