//! Section `webhooks`: who is told when a model goes into production or leaves it.

use std::{path::PathBuf, time::Duration};

use super::{
    problem::Problems,
    secret::Secret,
    setting::{Named, section},
    units::Span,
};

section! {
    /// Messages to other services about models that go into production or leave it. Without an endpoint,
    /// nothing is sent.
    pub struct Webhooks {
        /// Who is told, by a name of your choice. An endpoint that is configured here may be reached whatever
        /// its address; it opens nothing to clients of the cache.
        pub endpoints: Named<Webhook> = Named::default(),
        /// Messages that may wait; for further ones the oldest are dropped and counted. A restart loses none.
        pub queue: usize = 1000,
        /// How often a message is tried before it is given up.
        pub attempts: u32 = 8,
        /// The wait after the first failure; each further one is twice as long, up to 5 minutes.
        pub first_wait: Span = Span::seconds(1),
        /// How long an endpoint may take to answer.
        pub timeout: Span = Span::seconds(10),
    }
}

section! {
    /// One receiver of messages.
    pub struct Webhook {
        /// Its URL, `http` or `https`. Redirects are not followed.
        pub url: String = String::new(),
        /// The secret that messages are signed with.
        pub secret: Secret = Secret::default(),
        /// File that holds the secret instead.
        pub secret_file: Option<PathBuf> = None,
    }
}

impl Webhooks {
    pub(super) fn check(&self, problems: &mut Problems) {
        for (name, endpoint) in &self.endpoints.0 {
            let key = |key: &str| format!("webhooks.endpoints.{name}.{key}");
            if !is_receiver(&endpoint.url) {
                let message = "must be an http or https URL without user and fragment";
                problems.add(&key("url"), message);
            }
            let has_secret = endpoint.secret != Secret::default();
            if has_secret == endpoint.secret_file.is_some() {
                let message = "set this or `secret_file`: messages are signed";
                problems.add(&key("secret"), message);
            }
        }
        let least = [
            ("webhooks.queue", self.queue == 0),
            ("webhooks.attempts", self.attempts == 0),
            ("webhooks.timeout", self.timeout.0 == Duration::ZERO),
        ];
        for (key, _) in least.into_iter().filter(|(_, is_zero)| *is_zero) {
            problems.add(key, "must not be 0");
        }
    }
}

fn is_receiver(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
    })
}
