//! [`Rules`]: the freedoms a cache has, chosen by the product.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration, time::SystemTime};

use http::HeaderValue;

use crate::semantics::{class::Class, policy::Policy, target_uri::TargetUri};

/// A task whose owner waits for it.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How the `cache` layer decides.
#[derive(Clone)]
pub struct Rules {
    /// Name of the cache in `Cache-Status` (RFC 9211 §2).
    pub name: &'static str,
    /// What RFC 9111 leaves to the cache, for forwarded requests.
    pub http: Policy,
    /// The class of a URL, for forwarded requests.
    pub class: Arc<dyn Fn(&TargetUri) -> Class + Send + Sync>,
    /// How long an index without explicit freshness is taken for current after it was validated.
    pub index_window: Duration,
    /// What applies to explicit requests.
    pub archive: Archive,
    /// The current time.
    pub now: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    /// Runs what nobody waits for: a revalidation, or the look at a digest that comes after the hold.
    pub spawn: Arc<dyn Fn(Task) + Send + Sync>,
}

/// Archive rules: what was stored once is served until it is removed.
#[derive(Clone)]
pub struct Archive {
    /// How long the head of a miss waits for the body to be verified.
    pub hold: Duration,
    /// Whether the origin is asked, conditionally, when a pin is not among the stored digests.
    pub revalidate_on_pin_mismatch: bool,
    /// When a response of another URL answers for a pinned digest.
    pub alias: Alias,
    /// How long a failed pin or an origin's 404 or 410 is remembered.
    pub negative_ttl: Duration,
    /// Media type of a URL whose origin names none.
    pub media_type: fn(&TargetUri) -> HeaderValue,
}

/// When a response of another URL answers for a pinned digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alias {
    /// Whenever the digest is stored.
    Always,
    /// Only when the origin cannot be reached.
    Offline,
    /// Never.
    Never,
}

impl Rules {
    /// What RFC 9111 leaves to the cache, for a URL of this class.
    #[must_use]
    pub fn policy(&self, class: Class) -> Policy {
        let http = self.http.clone();
        match class {
            Class::Immutable => Policy {
                is_immutable: true,
                stale_if_error: true,
                ..http
            },
            Class::Index => Policy {
                just_validated: self.index_window,
                max_heuristic: Duration::ZERO,
                ..http
            },
            Class::Default | Class::Bypass => http,
        }
    }
}

impl Default for Rules {
    /// RFC 9111 without heuristics for errors, archive rules with a hold of 5 s, the system's clock and
    /// tokio's tasks.
    fn default() -> Self {
        Self {
            name: "artifact-cache",
            http: Policy {
                max_heuristic: Duration::from_hours(24),
                heuristic_errors: false,
                ..Policy::default()
            },
            class: Arc::new(|_| Class::Default),
            index_window: Duration::from_secs(10),
            archive: Archive::default(),
            now: Arc::new(SystemTime::now),
            spawn: Arc::new(|task| drop(tokio::spawn(task))),
        }
    }
}

impl Default for Archive {
    fn default() -> Self {
        Self {
            hold: Duration::from_secs(5),
            revalidate_on_pin_mismatch: true,
            alias: Alias::Always,
            negative_ttl: Duration::from_mins(1),
            media_type: |_| HeaderValue::from_static("application/octet-stream"),
        }
    }
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules")
            .field("name", &self.name)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}
