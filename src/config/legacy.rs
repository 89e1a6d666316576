//! The environment variables of the first generation of this cache, still read.

use super::units::Span;

/// Each variable and the setting that it is today.
pub(super) const VARIABLES: [(&str, &str); 9] = [
    ("PORT", "server.port"),
    ("METRICS_PORT", "metrics.port"),
    ("STORAGE_PATH", "storage.base_path"),
    ("DATABASE_PATH", "storage.database"),
    ("UPSTREAM_TIMEOUT", "upstream.timeout_seconds"),
    ("LOG_LEVEL", "logging.level"),
    ("USER_AGENT", "upstream.user_agent"),
    ("AWS_REGION", "s3.region"),
    ("ARTIFACT_S3_ENDPOINT_URL", "s3.endpoints.default.url"),
];

/// The value of an old variable as its setting writes it, or nothing when somebody else set it.
pub(super) fn translated(path: &str, value: &str) -> Option<String> {
    // Kubernetes gives every pod METRICS_PORT=tcp://… when the namespace has a service `metrics`.
    if value.starts_with("tcp://") {
        return None;
    }
    let seconds = (path == "upstream.timeout_seconds")
        .then(|| value.parse::<Span>().ok())
        .flatten()
        .filter(|span| span.0.subsec_nanos() == 0);
    Some(seconds.map_or_else(|| value.to_owned(), |span| span.0.as_secs().to_string()))
}
