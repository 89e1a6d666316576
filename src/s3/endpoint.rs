//! [`Endpoint`]: one store, how its objects are addressed and its requests signed.

use std::{fmt, sync::Arc, time::SystemTime};

use artifact_cache_layers::{
    body::BoxError,
    semantics::{
        object_name::{ObjectName, escaped},
        target_uri::TargetUri,
    },
    sigv4::{Payload, Provide, Signer},
};
use http::{Request, Uri};

use crate::config::s3::Addressing;

/// Whose hosts may be signed for when one of them redirects to another.
const AWS: [&str; 2] = [".amazonaws.com", ".amazonaws.com.cn"];

/// One store.
#[derive(Clone)]
pub struct Endpoint {
    /// The name it has in the configuration.
    pub name: String,
    /// Whether the configuration names it: then it may be reached whatever its address.
    pub is_configured: bool,
    pub(super) scheme: String,
    /// Host and port, as `Host` has them.
    pub(super) authority: String,
    /// The path below which buckets are, without a slash at its end.
    pub(super) prefix: String,
    pub(super) is_virtual: bool,
    pub(super) buckets: Vec<String>,
    pub(super) signer: Signer,
    pub(super) provider: Arc<dyn Provide>,
}

impl Endpoint {
    /// An endpoint at `url`, or at AWS where that is empty.
    ///
    /// # Errors
    /// When `url` is no http or https URL.
    pub fn new(
        name: &str,
        url: &str,
        region: &str,
        addressing: Addressing,
        provider: Arc<dyn Provide>,
    ) -> Result<Self, url::ParseError> {
        let aws = format!("https://s3.{region}.amazonaws.com");
        let url = url::Url::parse(if url.is_empty() { &aws } else { url })?;
        let host = url.host_str().ok_or(url::ParseError::EmptyHost)?;
        let is_aws = AWS.iter().any(|aws| host.ends_with(aws));
        Ok(Self {
            name: name.to_owned(),
            is_configured: false,
            scheme: url.scheme().to_owned(),
            authority: url[url::Position::BeforeHost..url::Position::AfterPort].to_owned(),
            prefix: url.path().trim_end_matches('/').to_owned(),
            is_virtual: match addressing {
                Addressing::Auto => is_aws,
                Addressing::Path => false,
                Addressing::Virtual => true,
            },
            buckets: Vec::new(),
            signer: Signer::s3(region),
            provider,
        })
    }

    /// The region that requests are signed for.
    #[must_use]
    pub fn region(&self) -> &str {
        self.signer.region()
    }

    /// The root of the store, for circuits and logs.
    ///
    /// # Errors
    /// Never for an endpoint that was made by [`Endpoint::new`].
    pub fn root(&self) -> Result<TargetUri, BoxError> {
        let root = format!("{}://{}/", self.scheme, self.authority);
        Ok(root.parse::<TargetUri>()?)
    }

    /// The URI of `key` in `bucket`, both as the store knows them, with a query that is escaped already.
    /// An empty key is the bucket itself.
    ///
    /// # Errors
    /// When the bucket is no part of a URI.
    pub fn address(
        &self,
        bucket: &str,
        key: &str,
        query: &str,
    ) -> Result<Uri, http::uri::InvalidUri> {
        let Self {
            scheme,
            authority,
            prefix,
            ..
        } = self;
        let (key, mark) = (escaped(key), if query.is_empty() { "" } else { "?" });
        // A bucket with dots is no single label: the certificate of `*.store` does not cover it.
        let text = if self.is_virtual && !(bucket.contains('.') && scheme == "https") {
            format!("{scheme}://{bucket}.{authority}{prefix}/{key}{mark}{query}")
        } else if key.is_empty() {
            format!("{scheme}://{authority}{prefix}/{bucket}{mark}{query}")
        } else {
            format!("{scheme}://{authority}{prefix}/{bucket}/{key}{mark}{query}")
        };
        text.parse()
    }

    /// The URI of an object.
    ///
    /// # Errors
    /// When the bucket is no part of a URI.
    pub fn address_of(&self, object: &ObjectName) -> Result<Uri, http::uri::InvalidUri> {
        self.address(&object.bucket, &object.key, "")
    }

    /// Whether `uri` is at this store: there its address needs no further leave, and there only it is
    /// signed for. Stores of AWS redirect to each other by region.
    #[must_use]
    pub fn covers(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return false;
        };
        let at = authority.as_str();
        let below = at.strip_suffix(&self.authority);
        let is_own = below.is_some_and(|bucket| bucket.is_empty() || bucket.ends_with('.'));
        let is_aws = |host: &str| AWS.iter().any(|aws| host.ends_with(aws));
        let is_sibling = is_aws(&self.authority) && is_aws(authority.host());
        scheme == self.scheme && (is_own || is_sibling)
    }

    /// Puts a signature on `request`, if the store has keys to sign with.
    ///
    /// # Errors
    /// When keys cannot be had or the request cannot be signed.
    pub async fn sign<B: Send>(
        &self,
        request: &mut Request<B>,
        payload: Payload,
        region: Option<&str>,
        now: SystemTime,
    ) -> Result<(), BoxError> {
        let Some(keys) = self.provider.provide().await? else {
            return Ok(());
        };
        let signer = match region {
            Some(region) => self.signer.clone().in_region(region),
            None => self.signer.clone(),
        };
        Ok(signer.sign(request, &keys, payload, now)?)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("authority", &self.authority)
            .field("region", &self.region())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str, addressing: Addressing) -> Endpoint {
        Endpoint::new("x", url, "eu-west-1", addressing, Arc::new(())).unwrap()
    }

    fn address(url: &str, addressing: Addressing, bucket: &str, key: &str) -> String {
        let endpoint = endpoint(url, addressing);
        endpoint.address(bucket, key, "").unwrap().to_string()
    }

    #[test]
    fn a_bucket_stands_in_the_path_or_in_the_host() {
        let at = |url, addressing| address(url, addressing, "bucket", "dir/k+=& ü//../%");
        let key = "dir/k%2B%3D%26%20%C3%BC//../%25";
        assert_eq!(
            at("http://minio:9000", Addressing::Auto),
            format!("http://minio:9000/bucket/{key}")
        );
        assert_eq!(
            at("http://minio:9000/", Addressing::Virtual),
            format!("http://bucket.minio:9000/{key}")
        );
        assert_eq!(
            at("https://gateway.example/s3/", Addressing::Path),
            format!("https://gateway.example/s3/bucket/{key}")
        );
        assert_eq!(
            at("", Addressing::Auto),
            format!("https://bucket.s3.eu-west-1.amazonaws.com/{key}")
        );
    }

    #[test]
    fn a_bucket_with_dots_is_no_label_of_a_certificate() {
        let uri = address("", Addressing::Auto, "a.b", "k");
        assert_eq!(uri, "https://s3.eu-west-1.amazonaws.com/a.b/k");
    }

    #[test]
    fn a_store_covers_itself_and_its_buckets_only() {
        let minio = endpoint("http://minio:9000", Addressing::Auto);
        for (uri, covered) in [
            ("http://minio:9000/b/k", true),
            ("http://b.minio:9000/k", true),
            ("http://evilminio:9000/k", false),
            ("http://minio:9001/k", false),
            ("https://minio:9000/k", false),
            ("http://s3.eu-west-1.amazonaws.com/k", false),
        ] {
            assert_eq!(minio.covers(&uri.parse().unwrap()), covered, "{uri}");
        }
        let aws = endpoint("", Addressing::Auto);
        for (uri, covered) in [
            ("https://b.s3.us-west-2.amazonaws.com/k", true),
            ("https://b.s3.amazonaws.com.evil.example/k", false),
        ] {
            assert_eq!(aws.covers(&uri.parse().unwrap()), covered, "{uri}");
        }
    }
}
