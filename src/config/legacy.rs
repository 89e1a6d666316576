//! The environment variables of the first generation and of the services that this cache replaces,
//! still read.

use super::units::Span;

/// Each variable and the setting that it is today.
pub(super) const VARIABLES: [(&str, &str); 33] = [
    ("PORT", "server.port"),
    ("METRICS_PORT", "metrics.port"),
    ("STORAGE_PATH", "storage.base_path"),
    ("CAIA_REGISTRY_DB_PATH", "storage.database"),
    ("DATABASE_PATH", "storage.database"),
    ("UPSTREAM_TIMEOUT", "upstream.timeout_seconds"),
    ("LOG_LEVEL", "logging.level"),
    ("USER_AGENT", "upstream.user_agent"),
    ("CAIA_REGISTRY_API_KEY", "registry.api_key"),
    ("CAIA_REGISTRY_API_KEYS", "registry.api_keys"),
    (
        "CAIA_REGISTRY_TRUST_ACTOR_HEADER",
        "registry.trust_actor_header",
    ),
    (CORS_ORIGINS, "registry.cors_origins"),
    (BUSY_TIMEOUT, "registry.busy_timeout"),
    ("CAIA_REGISTRY_MAX_HASH_BYTES", "registry.max_hash_bytes"),
    (
        "CAIA_REGISTRY_MAX_METRICS_BODY_BYTES",
        "registry.max_metrics_body_bytes",
    ),
    (
        "CAIA_REGISTRY_MAX_EVENT_PAYLOAD_BYTES",
        "registry.max_event_payload_bytes",
    ),
    (
        "CAIA_REGISTRY_MAX_WRITE_BODY_BYTES",
        "registry.max_write_body_bytes",
    ),
    (
        "CAIA_REGISTRY_ALLOW_LOCAL_PATHS",
        "registry.allow_local_paths",
    ),
    (
        "CAIA_REGISTRY_EXPOSE_LOCAL_PATHS",
        "registry.expose_local_paths",
    ),
    (
        "CAIA_REGISTRY_PROMOTION_REQUIRED_SUITE",
        "registry.promotion_required_suite",
    ),
    ("AWS_REGION", "s3.region"),
    ("ARTIFACT_S3_ENDPOINT_URL", "s3.endpoints.default.url"),
    ("DATA_ROOT", "storage.base_path"),
    ("ARTIFACT_CACHE_DIR", "storage.base_path"),
    ("ARTIFACT_MAX_HASH_BYTES", "resolve.max_hash_bytes"),
    ("ARTIFACT_ALLOW_LOCAL_PATHS", "resolve.allow_local_paths"),
    ("ARTIFACT_ALLOWED_PATH_PREFIXES", "resolve.allowed_prefixes"),
    ("API_UPLOAD_KEYS", "files.upload_keys"),
    ("API_READ_KEYS", "files.read_keys"),
    ("API_DELETE_KEYS", "files.delete_keys"),
    ("MIN_FREE_GB", "files.min_free_bytes"),
    ("MAX_FILE_BYTES", "files.max_file_bytes"),
    ("DELETE_STRICT_404", "files.delete_strict_404"),
];

const CORS_ORIGINS: &str = "CAIA_REGISTRY_CORS_ORIGINS";
const BUSY_TIMEOUT: &str = "CAIA_REGISTRY_SQLITE_BUSY_TIMEOUT_MS";

/// Whether an empty variable means something: no origin at all.
pub(super) fn may_be_empty(name: &str) -> bool {
    name == CORS_ORIGINS
}

/// The value of an old variable as its setting writes it, or nothing when somebody else set it.
pub(super) fn translated(path: &str, value: &str) -> Option<String> {
    // Kubernetes gives every pod METRICS_PORT=tcp://… when the namespace has a service `metrics`.
    if value.starts_with("tcp://") {
        return None;
    }
    if path == "registry.busy_timeout" {
        return Some(format!("{}ms", value.trim()));
    }
    if path == "files.min_free_bytes" {
        return Some(gibibytes(value).unwrap_or_else(|| value.to_owned()));
    }
    let seconds = (path == "upstream.timeout_seconds")
        .then(|| value.parse::<Span>().ok())
        .flatten()
        .filter(|span| span.0.subsec_nanos() == 0);
    Some(seconds.map_or_else(|| value.to_owned(), |span| span.0.as_secs().to_string()))
}

/// A number of GiB, whole or not, as bytes.
fn gibibytes(value: &str) -> Option<String> {
    let number: f64 = value.trim().parse().ok()?;
    let is_sensible = (0.0..1e9).contains(&number);
    // Rounding to a byte is no loss that anybody feels.
    is_sensible.then(|| format!("{:.0}", number * f64::from(1 << 30)))
}
