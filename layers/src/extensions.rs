//! What layers hand each other on a message.

#[cfg(feature = "semantics")]
use crate::{digest::Sha256, semantics::target_uri::TargetUri};

/// What a request asks for, in which way: set by the `target` layer, read by every layer inside.
#[cfg(feature = "semantics")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The absolute target URI, without its signature when it is presigned: what it is stored and logged
    /// under.
    pub uri: TargetUri,
    /// The URI to ask for, when it is another one.
    pub signed: Option<TargetUri>,
    /// Which way the request came in.
    pub mode: Mode,
    /// The digest that the body must have; the request is refused rather than answered with others.
    pub expect: Option<Sha256>,
    /// When the answer to an explicit request may begin.
    pub delivery: Delivery,
}

#[cfg(feature = "semantics")]
impl Target {
    /// The URI to ask the origin for.
    #[must_use]
    pub fn address(&self) -> &TargetUri {
        self.signed.as_ref().unwrap_or(&self.uri)
    }
}

/// The way a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// An explicit fetch path names the URL: archive rules, nothing expires.
    Explicit,
    /// A forward proxy's absolute-form request: the rules of RFC 9111.
    Forward,
    /// The inside of an intercepted tunnel: as `Forward`.
    Intercepted,
    /// Below a configured prefix of our own, which stands for a base URL: as `Forward`.
    Mirror,
    /// Asked by the program itself: as `Explicit`.
    Internal,
}

impl Mode {
    /// Whether archive rules apply: what was stored once is served until it is removed.
    #[must_use]
    pub const fn is_archive(self) -> bool {
        matches!(self, Self::Explicit | Self::Internal)
    }
}

/// When the answer to an explicit request that misses may begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// The head waits until the body is verified or the configured hold ends.
    #[default]
    Hold,
    /// The head waits until the body is verified, as long as that takes.
    Spool,
    /// The head does not wait.
    Stream,
}

/// On a request towards the origin: the revision of the stored responses that were found, 0 for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked(pub u64);

/// On a request towards the origin: when it was made, the request time of RFC 9111 §4.2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked(pub std::time::SystemTime);

/// On a response: where it came from in the end, after redirects.
#[cfg(feature = "semantics")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalUri(pub TargetUri);

/// The client's address, and where interim responses for this request go, if its connection takes any.
#[derive(Clone, Debug)]
pub struct Peer(pub std::net::SocketAddr, pub Option<Interim>);

/// Where interim responses (1xx) for one request go. Those that come after its final response are left
/// out. It is part of [`Peer`] so that a request that needs none does not pay for another extension.
#[derive(Clone)]
pub struct Interim {
    connection: std::sync::Arc<dyn TakeInterim>,
    turn: u64,
}

/// A connection that takes interim responses.
pub trait TakeInterim: Send + Sync {
    /// Takes an interim response for the request that was given `turn`; never waits.
    fn take(&self, turn: u64, status: http::StatusCode, fields: &http::HeaderMap);
}

impl Interim {
    /// Interim responses for the request with this `turn` of `connection`.
    #[must_use]
    pub fn new(connection: std::sync::Arc<dyn TakeInterim>, turn: u64) -> Self {
        Self { connection, turn }
    }

    /// Hands an interim response to the client.
    pub fn send(&self, status: http::StatusCode, fields: &http::HeaderMap) {
        self.connection.take(self.turn, status, fields);
    }
}

impl std::fmt::Debug for Interim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interim")
            .field("turn", &self.turn)
            .finish_non_exhaustive()
    }
}

/// On a response: a request with the same head has the same answer until then, for as long as its bytes
/// can be had again.
#[derive(Clone)]
pub struct Repeatable {
    /// When the head of the answer would be another one.
    pub until: std::time::SystemTime,
    /// The bytes.
    pub bytes: std::sync::Arc<dyn Repeat>,
}

/// On a request: its answer depends on more than its head, and is not to be given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once;

/// On a request by archive rules: the origin is asked, whatever is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anew {
    /// It may confirm what is stored.
    Confirmed,
    /// It is to send the bytes.
    Whole,
}

/// The bytes of an answer that can be given again.
pub trait Repeat: Send + Sync {
    /// The body once more, which counts as another hit. `None` when what is stored has changed since,
    /// or the bytes are gone: then the request is to be answered anew. On the path of every hit.
    fn repeat(&self) -> Option<crate::body::Body>;
}

/// How a request was answered, set on the response for logs, metrics and status fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Served {
    /// From the store, without asking the origin.
    Hit,
    /// From the store after the origin confirmed it.
    Validated,
    /// From the store although stale.
    Stale,
    /// From the origin, or from a fill that was under way.
    Miss,
    /// From the origin, not through the cache.
    Bypass,
}

/// On a response without the artifact: what the origin says is wrong, in a few words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained(pub std::sync::Arc<str>);
