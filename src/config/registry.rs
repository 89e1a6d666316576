//! Section `registry`: the registry of models.

use super::{
    problem::Problems,
    secret::Secret,
    setting::section,
    units::{Size, Span},
};

section! {
    /// The registry of models: who may use it, its limits, and what a promotion needs.
    pub struct Registry {
        /// A key of the registry. Without any key its routes answer 503.
        pub api_key: Secret = Secret::default(),
        /// Further keys.
        pub api_keys: Vec<Secret> = Vec::new(),
        /// Whether `X-Actor` names who acts in the audit trail; otherwise the beginning of the key does.
        pub trust_actor_header: bool = false,
        /// Origins of browsers that may use the registry; none when empty.
        pub cors_origins: Vec<String> = default_origins(),
        /// Longest body of a request that writes metrics.
        pub max_metrics_body_bytes: Size = Size(64 << 10),
        /// Longest body of other requests that write.
        pub max_write_body_bytes: Size = Size(256 << 10),
        /// Longest payload of an event.
        pub max_event_payload_bytes: Size = Size(64 << 10),
        /// Largest local file that is hashed; larger ones are registered without a digest.
        pub max_hash_bytes: Size = Size(256 << 20),
        /// Whether requests may name files of this machine; for development.
        pub allow_local_paths: bool = false,
        /// Whether answers show the paths of such files.
        pub expose_local_paths: bool = false,
        /// A suite that a model needs metrics of before it goes into production, with a score that is
        /// not lower than that of the version it replaces. Empty for none.
        pub promotion_required_suite: String = String::new(),
        /// Whether setting the status with PATCH skips the suite that a promotion needs.
        pub patch_status_bypass: bool = false,
        /// Whether models that are frozen or in production cannot be deleted; recommended.
        pub protect_production: bool = false,
        /// Whether the artifact of a version that goes into production is brought into the cache at once, in
        /// the background.
        pub warm_on_promote: bool = false,
        /// How long a write may wait for its turn before it is refused with 503.
        pub busy_timeout: Span = Span::seconds(5),
    }
}

fn default_origins() -> Vec<String> {
    let hosts = ["http://localhost", "http://127.0.0.1"];
    let origins = hosts.map(|host| [host.to_owned(), format!("{host}:3000")]);
    origins.into_iter().flatten().collect()
}

impl Registry {
    /// Every key, none of them empty.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let keys = self.api_keys.iter().chain([&self.api_key]);
        keys.map(|key| key.expose().trim())
            .filter(|key| !key.is_empty())
    }

    /// The suite that a promotion needs, if any.
    #[must_use]
    pub fn required_suite(&self) -> Option<String> {
        let suite = self.promotion_required_suite.trim();
        (!suite.is_empty()).then(|| suite.to_owned())
    }

    /// A limit of 0 bytes would refuse everything; it stands for the default, as it always did.
    pub(super) fn settle(&mut self) {
        let defaults = Self::default();
        for (limit, default) in [
            (
                &mut self.max_metrics_body_bytes,
                defaults.max_metrics_body_bytes,
            ),
            (
                &mut self.max_write_body_bytes,
                defaults.max_write_body_bytes,
            ),
            (
                &mut self.max_event_payload_bytes,
                defaults.max_event_payload_bytes,
            ),
        ] {
            if limit.0 == 0 {
                *limit = default;
            }
        }
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        for origin in &self.cors_origins {
            if origin != "*" && !origin.contains("://") {
                problems.add(
                    "registry.cors_origins",
                    format!("`{origin}` is no origin, such as `https://example.com`"),
                );
            }
        }
    }
}
