//! [`Endpoints`]: which store an object is asked of.

use std::{collections::BTreeMap, fs, io, path::PathBuf, sync::Arc};

use artifact_cache_layers::{semantics::object_name::ObjectName, sigv4::Credentials};

use super::{Endpoint, credentials::Keys};
use crate::config::{
    s3::{Addressing, Endpoint as Settings, S3, Source},
    secret::Secret,
};

/// The stores that the configuration names, or AWS where it names none.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    stores: BTreeMap<String, Arc<Endpoint>>,
}

/// No store has the bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoStore {
    /// A URI names a store that is not configured.
    #[error("there is no store `{0}` in s3.endpoints")]
    Unknown(String),
    /// The bucket is not one of those that may be asked for.
    #[error("no store in s3.endpoints has the bucket `{0}`")]
    Bucket(String),
}

/// A store cannot be put to use.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEndpoint {
    /// Its URL is none.
    #[error("s3.endpoints.{name}.url is not a URL")]
    Url {
        /// The store.
        name: String,
        /// Why.
        source: url::ParseError,
    },
    /// The file of its secret cannot be read.
    #[error("cannot read s3.endpoints.{name}.secret_key_file {}", path.display())]
    Secret {
        /// The store.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What a store without keys of its own asks for them: given its settings and region.
pub type KeysOf<'a> = &'a dyn Fn(&Settings, &str) -> Keys;

impl Endpoints {
    /// The stores of a configuration. Files of secrets are read on the spot.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(settings: &S3, ambient: KeysOf<'_>) -> Result<Self, InvalidEndpoint> {
        let mut stores = BTreeMap::new();
        for (name, given) in &settings.endpoints.0 {
            let region = given.region.as_ref().unwrap_or(&settings.region);
            let keys = match given.credentials {
                _ if given.access_key.is_some() => fixed(name, given)?,
                Source::Anonymous => Arc::new(()),
                Source::Auto => ambient(given, region),
            };
            let endpoint = Endpoint::new(name, &given.url, region, given.addressing, keys);
            let mut endpoint = endpoint.map_err(|source| InvalidEndpoint::Url {
                name: name.clone(),
                source,
            })?;
            endpoint.is_configured = true;
            endpoint.buckets.clone_from(&given.buckets);
            stores.insert(name.clone(), Arc::new(endpoint));
        }
        Ok(Self { stores })
    }

    /// AWS alone, with these keys.
    ///
    /// # Errors
    /// When the region is no part of a host name.
    pub fn aws(region: &str, keys: Keys) -> Result<Self, InvalidEndpoint> {
        let name = "aws".to_owned();
        let endpoint = Endpoint::new(&name, "", region, Addressing::Auto, keys);
        let endpoint = endpoint.map_err(|source| InvalidEndpoint::Url {
            name: name.clone(),
            source,
        })?;
        Ok(Self {
            stores: BTreeMap::from([(name, Arc::new(endpoint))]),
        })
    }

    /// One store for everything.
    #[must_use]
    pub fn only(endpoint: Endpoint) -> Self {
        Self {
            stores: BTreeMap::from([(endpoint.name.clone(), Arc::new(endpoint))]),
        }
    }

    /// Every store.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.stores.values()
    }

    /// The store that `object` is asked of: the one it names, the one that lists its bucket, or the one
    /// that lists none.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(&self, object: &ObjectName) -> Result<&Arc<Endpoint>, NoStore> {
        let bucket = &object.bucket;
        if let Some(name) = &object.store {
            let named = self.stores.get(name);
            let named = named.ok_or_else(|| NoStore::Unknown(name.clone()))?;
            let may = named.buckets.is_empty() || named.buckets.contains(bucket);
            return may
                .then_some(named)
                .ok_or_else(|| NoStore::Bucket(bucket.clone()));
        }
        let listing = self.iter().find(|store| store.buckets.contains(bucket));
        listing
            .or_else(|| self.iter().find(|store| store.buckets.is_empty()))
            .ok_or_else(|| NoStore::Bucket(bucket.clone()))
    }

    /// Every bucket that may be asked for; `None` when one of the stores does not list its own.
    #[must_use]
    pub fn buckets(&self) -> Option<Vec<String>> {
        let is_open = self.iter().any(|store| store.buckets.is_empty());
        (!is_open).then(|| {
            self.iter()
                .flat_map(|store| store.buckets.clone())
                .collect()
        })
    }
}

/// The keys that the configuration itself has.
fn fixed(name: &str, given: &Settings) -> Result<Keys, InvalidEndpoint> {
    let secret = match &given.secret_key_file {
        Some(path) => fs::read_to_string(path).map_err(|source| InvalidEndpoint::Secret {
            name: name.to_owned(),
            path: path.clone(),
            source,
        })?,
        None => given.secret_key.expose().to_owned(),
    };
    let access = given.access_key.as_deref().unwrap_or_default();
    let keys = Credentials::new(access, secret.trim_end());
    Ok(Arc::new(if given.session_token == Secret::default() {
        keys
    } else {
        keys.with_session_token(given.session_token.expose())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::setting::Named;

    fn endpoints(stores: &[(&str, &[&str])]) -> Endpoints {
        let stores = stores.iter().map(|(name, buckets)| {
            let settings = Settings {
                url: format!("http://{name}.example"),
                buckets: buckets.iter().map(ToString::to_string).collect(),
                ..Settings::default()
            };
            ((*name).to_owned(), settings)
        });
        let endpoints = Named(stores.collect());
        let settings = S3 {
            endpoints,
            ..S3::default()
        };
        Endpoints::new(&settings, &|_, _| Arc::new(())).unwrap()
    }

    fn store_of(
        endpoints: &Endpoints,
        store: Option<&str>,
        bucket: &str,
    ) -> Result<String, NoStore> {
        let object = ObjectName {
            store: store.map(str::to_owned),
            bucket: bucket.to_owned(),
            key: "k".into(),
        };
        endpoints.of(&object).map(|store| store.name.clone())
    }

    #[test]
    fn a_bucket_is_asked_of_the_store_that_lists_it_else_of_the_one_that_lists_none() {
        let both = endpoints(&[("lab", &["models", "data"]), ("rest", &[])]);
        assert_eq!(store_of(&both, None, "models").as_deref(), Ok("lab"));
        assert_eq!(store_of(&both, None, "other").as_deref(), Ok("rest"));
        assert_eq!(
            store_of(&both, Some("rest"), "models").as_deref(),
            Ok("rest")
        );
        assert_eq!(both.buckets(), None);
    }

    #[test]
    fn a_bucket_that_no_store_may_be_asked_for_has_none() {
        let lab = endpoints(&[("lab", &["models"])]);
        let refused = Err(NoStore::Bucket("other".into()));
        assert_eq!(store_of(&lab, None, "other"), refused);
        assert_eq!(store_of(&lab, Some("lab"), "other"), refused);
        let unknown = Err(NoStore::Unknown("moon".into()));
        assert_eq!(store_of(&lab, Some("moon"), "models"), unknown);
        assert_eq!(lab.buckets(), Some(vec!["models".into()]));
    }
}
