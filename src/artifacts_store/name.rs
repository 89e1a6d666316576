//! [`Location`]: what the name of an artifact means.

use super::{Settings, StorageError};

/// A bucket and a key in it, both as the store knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The bucket.
    pub bucket: String,
    /// The key; empty for the bucket itself.
    pub key: String,
}

impl Location {
    /// Reads a name. `s3://bucket/key` and `minio://bucket/key` say it exactly, and nothing in them is an
    /// escape. Of anything else the first segment is the bucket when it is the default one or one that
    /// is configured; otherwise the whole is a key of the default bucket. By the older rule the first
    /// segment is always the bucket.
    pub(super) fn parse(name: &str, settings: &Settings) -> Result<Self, StorageError> {
        let location = Self::of(name, settings);
        let is_empty = location.bucket.is_empty() || location.key.is_empty();
        if is_empty {
            let text = format!("'{name}' names no bucket and key");
            return Err(StorageError::Invalid(text));
        }
        Ok(location)
    }

    /// The same, but the key may be empty: where a list begins.
    #[must_use]
    pub fn of(name: &str, settings: &Settings) -> Self {
        let exact = ["s3://", "minio://"];
        let exact = exact
            .into_iter()
            .find_map(|scheme| name.strip_prefix(scheme));
        if let Some(exact) = exact {
            return Self::split(exact);
        }
        let first = name.split('/').next().unwrap_or_default();
        let is_bucket = first == settings.bucket || settings.buckets.iter().any(|it| it == first);
        let by_older_rule = settings.legacy_names && name.contains('/');
        if is_bucket && name.contains('/') || by_older_rule {
            return Self::split(name);
        }
        Self {
            bucket: settings.bucket.clone(),
            key: name.to_owned(),
        }
    }

    fn split(text: &str) -> Self {
        let (bucket, key) = text.split_once('/').unwrap_or((text, ""));
        Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(name: &str, legacy: bool) -> String {
        let settings = Settings {
            bucket: "main".into(),
            buckets: vec!["engines".into()],
            legacy_names: legacy,
            ..Settings::default()
        };
        match Location::parse(name, &settings) {
            Ok(Location { bucket, key }) => format!("{bucket} {key}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_name_means_a_bucket_and_a_key() {
        for (name, location) in [
            ("s3://b/dir/key", "b dir/key"),
            ("minio://b/a%20b?c#d", "b a%20b?c#d"),
            ("main/models/a.onnx", "main models/a.onnx"),
            ("engines/a.trt", "engines a.trt"),
            ("models/arcface_r100.onnx", "main models/arcface_r100.onnx"),
            ("key", "main key"),
            ("s3://b//x", "b /x"),
        ] {
            assert_eq!(located(name, false), location, "{name}");
        }
    }

    #[test]
    fn by_the_older_rule_the_first_segment_is_the_bucket() {
        assert_eq!(located("models/a.onnx", true), "models a.onnx");
        assert_eq!(located("key", true), "main key");
    }

    #[test]
    fn a_name_without_bucket_or_key_means_nothing() {
        for name in ["", "s3://", "s3://b", "s3://b/", "s3:///k", "main/"] {
            let text = located(name, false);
            assert_eq!(text, format!("'{name}' names no bucket and key"));
        }
    }
}
