//! [`Settings`]: which store, from the `ARTIFACTS_…` environment or from arguments.

use std::{path::PathBuf, sync::Arc, time::Duration};

use artifact_cache_layers::{body::BoxError, semantics::target_uri::TargetUri, sigv4::Credentials};
use tower::util::BoxCloneSyncService;

use super::{StorageError, through::ThroughCache};
use crate::{
    config::{
        environment_of_the_process,
        s3::{Addressing, S3},
        secret::Secret,
        units::Span,
        upstream::Upstream,
    },
    s3::{Endpoints, ObjectClient, credentials::variable},
    upstream::{Guard, Upstreams},
};

/// Deadline of a connection.
const CONNECT: u64 = 5;
/// Longest silence of the store.
const READ: u64 = 30;
/// Deadline of an answer to a request, retries and the way of a part to the store included.
const ANSWER: u64 = 300;

/// Which store, and how names are read. An argument is set here; [`Settings::from_env`] reads the rest.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `ARTIFACTS_ENDPOINT`: URL of the store, or host and port; without it, AWS.
    pub endpoint: Option<String>,
    /// `ARTIFACTS_ACCESS_KEY`.
    pub access_key: Option<String>,
    /// `ARTIFACTS_SECRET_KEY`.
    pub secret_key: Secret,
    /// `ARTIFACTS_SESSION_TOKEN`, of temporary keys.
    pub session_token: Option<String>,
    /// `ARTIFACTS_REGION`.
    pub region: String,
    /// `ARTIFACTS_BUCKET`: the bucket of names that have none.
    pub bucket: String,
    /// `ARTIFACTS_BUCKETS`: further buckets that the first segment of a name may be, with commas.
    pub buckets: Vec<String>,
    /// `ARTIFACTS_USE_SSL`: `https` for an endpoint without a scheme.
    pub use_ssl: Option<bool>,
    /// `ARTIFACTS_ADDRESSING`: `path` or `virtual`; without it, `virtual` for AWS only.
    pub addressing: Addressing,
    /// `ARTIFACTS_CA_FILE`: PEM file of further authorities that are trusted.
    pub ca_file: Option<PathBuf>,
    /// `ARTIFACTS_VIA_CACHE`: URL of a cache that downloads go through.
    pub via_cache: Option<String>,
    /// `ARTIFACT_CACHE_TOKEN`: the token for that cache, where it wants one.
    pub cache_token: Secret,
    /// `ARTIFACTS_URI_LEGACY`: the first segment of a name is always the bucket.
    pub legacy_names: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: None,
            access_key: None,
            secret_key: Secret::default(),
            session_token: None,
            region: "us-east-1".into(),
            bucket: "screenalytics-artifacts".into(),
            buckets: Vec::new(),
            use_ssl: None,
            addressing: Addressing::Auto,
            ca_file: None,
            via_cache: None,
            cache_token: Secret::default(),
            legacy_names: false,
        }
    }
}

impl Settings {
    /// What the environment of the process says.
    #[must_use]
    pub fn from_env() -> Self {
        Self::of(&environment_of_the_process())
    }

    /// What these variables say. A word that is neither yes nor no counts as not set, with a warning.
    #[must_use]
    pub fn of(environment: &[(String, String)]) -> Self {
        let text = |name| variable(environment, name).map(str::to_owned);
        let default = Self::default();
        let buckets = text("ARTIFACTS_BUCKETS").unwrap_or_default();
        let buckets = buckets.split(',').map(str::trim);
        Self {
            endpoint: text("ARTIFACTS_ENDPOINT"),
            access_key: text("ARTIFACTS_ACCESS_KEY"),
            secret_key: text("ARTIFACTS_SECRET_KEY").unwrap_or_default().into(),
            session_token: text("ARTIFACTS_SESSION_TOKEN"),
            region: text("ARTIFACTS_REGION").unwrap_or(default.region),
            bucket: text("ARTIFACTS_BUCKET").unwrap_or(default.bucket),
            buckets: buckets
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect(),
            use_ssl: switch(environment, "ARTIFACTS_USE_SSL"),
            addressing: text("ARTIFACTS_ADDRESSING")
                .and_then(|word| word.parse().ok())
                .unwrap_or(Addressing::Auto),
            ca_file: text("ARTIFACTS_CA_FILE").map(PathBuf::from),
            via_cache: text("ARTIFACTS_VIA_CACHE"),
            cache_token: text("ARTIFACT_CACHE_TOKEN").unwrap_or_default().into(),
            legacy_names: switch(environment, "ARTIFACTS_URI_LEGACY").unwrap_or(false),
        }
    }

    /// The URL of the store, empty for AWS. The scheme that is written wins over `use_ssl`.
    #[must_use]
    pub fn url(&self) -> String {
        let Some(endpoint) = &self.endpoint else {
            return String::new();
        };
        match (endpoint.split_once("://"), self.use_ssl) {
            (Some((scheme, _)), ssl) => {
                if ssl.is_some_and(|ssl| ssl != (scheme == "https")) {
                    tracing::warn!(%endpoint, "ARTIFACTS_USE_SSL contradicts the scheme of the endpoint, which wins");
                }
                endpoint.clone()
            }
            (None, Some(false)) => format!("http://{endpoint}"),
            (None, _) => format!("https://{endpoint}"),
        }
    }

    /// A client of the store.
    pub(super) fn client(&self) -> Result<ObjectClient, StorageError> {
        let (Some(access), secret) = (&self.access_key, self.secret_key.expose()) else {
            return Err(missing("ARTIFACTS_ACCESS_KEY"));
        };
        if secret.is_empty() {
            return Err(missing("ARTIFACTS_SECRET_KEY"));
        }
        let keys = Credentials::new(access, secret);
        let keys = match &self.session_token {
            Some(token) => keys.with_session_token(token),
            None => keys,
        };
        let keys = Arc::new(keys);
        let endpoint = self.stores();
        let stores = Endpoints::new(&endpoint, &|_, _| keys.clone()).map_err(invalid)?;
        let store = stores.iter().next().cloned();
        let store = store.ok_or_else(|| StorageError::Invalid("no store".into()))?;
        let upstream = upstream();
        let exchange = Upstreams::new(&upstream, Arc::new(Named))
            .and_then(|upstreams| upstreams.with_stores(&upstream, &endpoint, stores))
            .map_err(invalid)?;
        Ok(ObjectClient::new(BoxCloneSyncService::new(exchange), store))
    }

    /// The way to the cache that downloads go through; `None` where they go to the store.
    pub(super) fn cache(&self) -> Result<Option<ThroughCache>, StorageError> {
        let Some(url) = &self.via_cache else {
            return Ok(None);
        };
        let settings = Upstream {
            extra_ca: self.ca_file.clone(),
            ..upstream()
        };
        let exchange = Upstreams::new(&settings, Arc::new(Named)).map_err(invalid)?;
        let exchange = BoxCloneSyncService::new(exchange);
        ThroughCache::new(exchange, url, &self.cache_token).map(Some)
    }

    /// The store as the configuration of the cache would name it.
    fn stores(&self) -> S3 {
        let endpoint = crate::config::s3::Endpoint {
            url: self.url(),
            region: Some(self.region.clone()),
            addressing: self.addressing,
            extra_ca: self.ca_file.clone(),
            ..Default::default()
        };
        let mut stores = S3::default();
        stores.endpoints.0.insert("artifacts".into(), endpoint);
        stores
    }
}

fn upstream() -> Upstream {
    Upstream {
        timeout_seconds: ANSWER,
        connect_timeout: Span(Duration::from_secs(CONNECT)),
        idle_timeout: Span(Duration::from_secs(READ)),
        user_agent: concat!("artifact-cache/", env!("CARGO_PKG_VERSION")).into(),
        ..Upstream::default()
    }
}

/// Who asks for one store by name may reach that store, wherever it is.
struct Named;

impl Guard for Named {
    fn check_uri(&self, _: &TargetUri) -> Result<(), BoxError> {
        Ok(())
    }

    fn check_authority(&self, _: &str, _: u16) -> Result<(), BoxError> {
        Ok(())
    }

    fn check_address(&self, _: std::net::SocketAddr) -> Result<(), BoxError> {
        Ok(())
    }
}

fn missing(name: &str) -> StorageError {
    StorageError::Credentials(format!("{name} is not set"))
}

fn invalid(error: impl std::error::Error) -> StorageError {
    StorageError::Invalid(error.to_string())
}

/// A switch, in any of the usual words.
fn switch(environment: &[(String, String)], name: &str) -> Option<bool> {
    let word = variable(environment, name)?;
    match word.trim().to_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => {
            tracing::warn!(%word, "{name} is neither true nor false and is left out");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Settings {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Settings::of(&variables.iter().map(owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_defaults_are_those_of_the_document() {
        let settings = settings(&[]);
        assert_eq!(settings.region, "us-east-1");
        assert_eq!(settings.bucket, "screenalytics-artifacts");
        assert_eq!(settings.url(), "");
        assert!(matches!(
            settings.client(),
            Err(StorageError::Credentials(_))
        ));
    }

    #[test]
    fn an_endpoint_without_a_scheme_has_the_one_that_use_ssl_says() {
        for (endpoint, ssl, url) in [
            ("minio:9000", "", "https://minio:9000"),
            ("minio:9000", "true", "https://minio:9000"),
            ("minio:9000", "false", "http://minio:9000"),
            ("http://minio:9000", "true", "http://minio:9000"),
            ("https://minio", "0", "https://minio"),
        ] {
            let variables = [("ARTIFACTS_ENDPOINT", endpoint), ("ARTIFACTS_USE_SSL", ssl)];
            assert_eq!(settings(&variables).url(), url, "{endpoint} {ssl}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let settings = settings(&[("ARTIFACTS_SECRET_KEY", "hidden")]);
        assert!(!format!("{settings:?}").contains("hidden"));
    }
}
