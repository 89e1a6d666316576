//! The closed sets of label values. A label never holds a host, a URL or anything else a client chooses.

use http::StatusCode;

/// One label of a metric and every value it can have.
#[derive(Clone, Copy, Debug)]
pub struct Dimension {
    /// The label.
    pub name: &'static str,
    /// Its values.
    pub values: &'static [&'static str],
}

/// A value of one label.
pub trait Label: Copy + 'static {
    /// The label and its values, in the order of the variants.
    const DIMENSION: Dimension;
    /// Place among the values.
    fn position(self) -> usize;
}

/// Values of all labels of a metric.
pub trait Labels: Copy {
    /// The labels, in the order in which [`Labels::position`] counts: the last one fastest.
    const DIMENSIONS: &'static [Dimension];
    /// Place among all combinations.
    fn position(self) -> usize;
}

impl<L: Label> Labels for L {
    const DIMENSIONS: &'static [Dimension] = &[L::DIMENSION];

    fn position(self) -> usize {
        Label::position(self)
    }
}

impl<A: Label, B: Label> Labels for (A, B) {
    const DIMENSIONS: &'static [Dimension] = &[A::DIMENSION, B::DIMENSION];

    fn position(self) -> usize {
        Label::position(self.0) * B::DIMENSION.values.len() + Label::position(self.1)
    }
}

macro_rules! label {
    (
        $(#[doc = $about:literal])+
        pub enum $name:ident in $label:literal {
            $($(#[doc = $doc:literal])+ $variant:ident = $value:literal,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[doc = $doc])+ $variant,)+ }

        impl Label for $name {
            const DIMENSION: Dimension = Dimension { name: $label, values: &[$($value),+] };

            fn position(self) -> usize {
                self as usize
            }
        }

        impl $name {
            /// The value as metrics and logs write it.
            #[must_use]
            pub const fn word(self) -> &'static str {
                Self::DIMENSION.values[self as usize]
            }
        }
    };
}

label! {
    /// How a request to the cache ended.
    pub enum Outcome in "status" {
        /// Served from the store.
        Hit = "hit",
        /// Served from the origin.
        Miss = "miss",
        /// Not served.
        Error = "error",
    }
}

label! {
    /// Which way a request came in.
    pub enum Door in "door" {
        /// `/fetch`.
        Fetch = "fetch",
        /// The forward proxy, CONNECT included.
        Proxy = "proxy",
        /// `/mirror`.
        Mirror = "mirror",
        /// Everything else: management, health, metrics.
        Api = "api",
    }
}

label! {
    /// The class of a status code.
    pub enum Class in "code" {
        /// 1xx
        Informational = "1xx",
        /// 2xx
        Success = "2xx",
        /// 3xx
        Redirection = "3xx",
        /// 4xx
        ClientError = "4xx",
        /// 5xx
        ServerError = "5xx",
    }
}

label! {
    /// How a request to an origin ended.
    pub enum UpstreamOutcome in "outcome" {
        /// 2xx
        Success = "success",
        /// 304
        NotModified = "not_modified",
        /// Another 3xx.
        Redirection = "redirection",
        /// 4xx
        ClientError = "client_error",
        /// 5xx, or a status that HTTP does not know.
        ServerError = "server_error",
        /// No response.
        Failed = "failed",
    }
}

label! {
    /// Why a request to an origin failed.
    pub enum UpstreamError in "reason" {
        /// The name could not be resolved.
        Dns = "dns",
        /// No connection: refused or unreachable.
        Connect = "connect",
        /// The TLS handshake or the certificate failed.
        Tls = "tls",
        /// A deadline passed.
        Timeout = "timeout",
        /// The connection broke, or the message was not framed as HTTP demands.
        Reset = "reset",
        /// The origin answered with a status that is no success.
        Status = "status",
        /// The egress rule refused the address.
        Policy = "policy",
    }
}

label! {
    /// What a job does.
    pub enum JobKind in "kind" {
        /// Hashes stored artifacts when it is asked to.
        Verify = "verify",
        /// Brings artifacts into the store.
        Warm = "warm",
        /// Asks origins whether stored artifacts have changed.
        Refresh = "refresh",
        /// Hashes stored artifacts all the time, and brings back what is damaged.
        Scrub = "scrub",
        /// Copies the store to a directory.
        Backup = "backup",
    }
}

label! {
    /// What became of a damaged artifact.
    pub enum Healed in "outcome" {
        /// Its bytes were fetched again.
        Healed = "healed",
        /// No URL has them any more.
        Lost = "lost",
    }
}

label! {
    /// How a job ended.
    pub enum JobEnd in "state" {
        /// It came to its end.
        Done = "done",
        /// It could not go on.
        Failed = "failed",
        /// Somebody cancelled it.
        Cancelled = "cancelled",
        /// The cache stopped meanwhile.
        Interrupted = "interrupted",
    }
}

label! {
    /// Whether origins may be asked.
    pub enum UpstreamMode in "mode" {
        /// They may.
        Online = "online",
        /// Not at present.
        Offline = "offline",
        /// Never.
        Sealed = "sealed",
    }
}

label! {
    /// What became of warming the artifact of a model.
    pub enum Warmed in "outcome" {
        /// Its bytes are in the store, verified.
        Done = "done",
        /// They could not be had.
        Failed = "failed",
        /// Too many were waiting already.
        Dropped = "dropped",
    }
}

label! {
    /// What became of an attempt to deliver a message.
    pub enum Delivery in "outcome" {
        /// The endpoint took it.
        Delivered = "delivered",
        /// It did not, and is asked again.
        Retried = "retried",
        /// It did not, and is not asked again.
        Failed = "failed",
        /// Too many were waiting already.
        Dropped = "dropped",
    }
}

label! {
    /// Why a response was passed on without being stored.
    pub enum Uncached in "reason" {
        /// The request method is not cached.
        Method = "method",
        /// The status is not cacheable.
        Status = "status",
        /// `no-store`, in the request or the response.
        NoStore = "no_store",
        /// `private`.
        Private = "private",
        /// The request was authorized and the response does not allow sharing it.
        Authorization = "authorization",
        /// `Vary: *`, or too many variants.
        Vary = "vary",
        /// Neither explicit freshness nor a validator: it could never be reused.
        Useless = "useless",
        /// A partial response.
        Partial = "partial",
        /// It sets a cookie and does not say that others may be given it.
        SetCookie = "set_cookie",
        /// A rule says that the URL is not cached.
        Bypass = "bypass",
        /// Larger than `storage.max_object_bytes` or `storage.max_bytes`.
        TooLarge = "too_large",
        /// No room within `storage.max_bytes` and `storage.min_free_bytes`.
        DiskFull = "disk_full",
        /// The store failed or could not keep up.
        StoreFailed = "store_failed",
        /// Any other reason.
        Other = "other",
    }
}

label! {
    /// Why a request was turned away before it was looked at.
    pub enum Rejected in "reason" {
        /// Too many requests at once.
        Overloaded = "overloaded",
        /// Not HTTP, or ambiguous.
        Syntax = "syntax",
        /// The target or the head is too large.
        TooLarge = "too_large",
        /// The head did not arrive in time.
        Timeout = "timeout",
        /// The egress rule refuses the target.
        Policy = "policy",
        /// The request came round in a circle.
        Loop = "loop",
        /// No valid token, or one that does not allow it.
        Unauthorized = "unauthorized",
        /// Too many requests of one client, or to one origin.
        RateLimited = "rate_limited",
    }
}

label! {
    /// How a TLS handshake with a client ended.
    pub enum Handshake in "outcome" {
        /// With a certificate.
        Full = "full",
        /// With a ticket of an earlier connection.
        Resumed = "resumed",
        /// Not.
        Failed = "failed",
    }
}

label! {
    /// What became of a CONNECT that was allowed to end here.
    pub enum Inside in "outcome" {
        /// Requests inside TLS are served.
        Tls = "tls",
        /// Requests without TLS are served.
        Plain = "plain",
        /// The client refused our certificate.
        Unwilling = "unwilling",
        /// There was no handshake, or no origin for what was to pass.
        Failed = "failed",
    }
}

label! {
    /// The direction of bytes in a tunnel.
    pub enum Direction in "direction" {
        /// From the client to the origin.
        Up = "up",
        /// From the origin to the client.
        Down = "down",
    }
}

/// The version of the program, as the only value of its label.
#[derive(Clone, Copy, Debug)]
pub struct Version;

impl Label for Version {
    const DIMENSION: Dimension = Dimension {
        name: "version",
        values: &[env!("CARGO_PKG_VERSION")],
    };

    fn position(self) -> usize {
        0
    }
}

impl From<StatusCode> for Class {
    fn from(status: StatusCode) -> Self {
        match status.as_u16() / 100 {
            1 => Self::Informational,
            2 => Self::Success,
            3 => Self::Redirection,
            4 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}

impl From<StatusCode> for UpstreamOutcome {
    fn from(status: StatusCode) -> Self {
        match status.as_u16() {
            304 => Self::NotModified,
            200..=299 => Self::Success,
            300..=399 => Self::Redirection,
            400..=499 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}
