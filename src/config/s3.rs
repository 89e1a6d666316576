//! Section `s3`: object stores that speak the protocol of S3.

use std::path::PathBuf;

use super::{
    problem::Problems,
    secret::Secret,
    setting::{Named, choice, section},
};

section! {
    /// Object stores behind `s3://bucket/key`. A store that is configured here may be reached whatever its
    /// address. Without any, objects are asked of AWS, signed with the keys of the environment when it has
    /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, else unsigned.
    pub struct S3 {
        /// Region of the stores that name none.
        pub region: String = "us-east-1".into(),
        /// The stores by name, such as `default` or `lab`: lower case letters, digits and `-`. `s3://` asks
        /// the one that has the bucket in `buckets`, else the one without `buckets`; `s3+lab://` asks `lab`.
        pub endpoints: Named<Endpoint> = Named::default(),
    }
}

section! {
    /// One object store.
    pub struct Endpoint {
        /// Its URL, `http` or `https`; empty for AWS in `region`.
        pub url: String = String::new(),
        /// Region that requests are signed for; without it, `s3.region`.
        pub region: Option<String> = None,
        /// Where the bucket stands.
        pub addressing: Addressing = Addressing::Auto,
        /// When not empty, only these buckets are asked for.
        pub buckets: Vec<String> = Vec::new(),
        /// Where keys come from when `access_key` is not set.
        pub credentials: Source = Source::Auto,
        /// Access key.
        pub access_key: Option<String> = None,
        /// The secret that goes with it.
        pub secret_key: Secret = Secret::default(),
        /// File that holds the secret instead.
        pub secret_key_file: Option<PathBuf> = None,
        /// Session token of temporary keys.
        pub session_token: Secret = Secret::default(),
        /// Profile of the shared files, and then the only source of keys.
        pub profile: Option<String> = None,
        /// PEM file of certificate authorities that are trusted for this store besides the machine's own.
        pub extra_ca: Option<PathBuf> = None,
    }
}

choice! {
    /// Where the bucket stands in the URL of an object.
    pub enum Addressing {
        /// In the host for AWS, in the path for all others.
        Auto = "auto",
        /// `https://store/bucket/key`
        Path = "path",
        /// `https://bucket.store/key`
        Virtual = "virtual",
    }
}

choice! {
    /// Where the keys of a store come from.
    pub enum Source {
        /// The first that has some: environment, web identity, shared files, container, instance.
        Auto = "auto",
        /// Nowhere: requests are not signed, as public buckets want them.
        Anonymous = "anonymous",
    }
}

impl S3 {
    /// The URL of the store that is asked for buckets that none lists, else of `default`, else of the only
    /// one; `None` for AWS.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        let stores = &self.endpoints.0;
        let open = stores.values().find(|it| it.buckets.is_empty());
        let only = stores.values().next().filter(|_| stores.len() == 1);
        let store = open.or_else(|| stores.get("default")).or(only);
        store
            .map(|it| it.url.as_str())
            .filter(|url| !url.is_empty())
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        for (name, endpoint) in &self.endpoints.0 {
            let key = |key: &str| format!("s3.endpoints.{name}.{key}");
            if !is_name(name) {
                problems.add(
                    &format!("s3.endpoints.{name}"),
                    "must be named in lower case letters, digits and `-`",
                );
            }
            endpoint.check(key, problems);
        }
        let anywhere = self.endpoints.0.values();
        if anywhere.filter(|it| it.buckets.is_empty()).count() > 1 {
            let message =
                "only one store may be without `buckets`: which one has a bucket must be certain";
            problems.add("s3.endpoints", message);
        }
        let buckets = self.endpoints.0.values().flat_map(|it| &it.buckets);
        let mut seen = std::collections::BTreeSet::new();
        for bucket in buckets.filter(|bucket| !seen.insert(bucket.as_str())) {
            problems.add(
                "s3.endpoints",
                format!("two stores have the bucket `{bucket}`"),
            );
        }
    }
}

impl Endpoint {
    fn check(&self, key: impl Fn(&str) -> String, problems: &mut Problems) {
        if !self.url.is_empty() && !is_root(&self.url) {
            problems.add(
                &key("url"),
                "must be an http or https URL without user, query and fragment",
            );
        }
        let has_secret = self.secret_key != Secret::default() || self.secret_key_file.is_some();
        if self.access_key.is_some() != has_secret {
            problems.add(
                &key("access_key"),
                "goes together with `secret_key` or `secret_key_file`; set both or neither",
            );
        }
        if self.region.as_deref().is_some_and(str::is_empty) {
            problems.add(&key("region"), "must not be empty");
        }
    }
}

fn is_name(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(known)
}

fn is_root(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    })
}
