//! Which registry a verb asks, and with which key: flags, then the environment, then the default address.

use clap::Args;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use crate::cli::{
    client::Client,
    exit::Failure,
    remote::{bearer, environment, server},
};

const URL_HELP: &str =
    "Address of the registry [default: $ARTIFACT_CACHE_URL or http://127.0.0.1:8080]";
const KEY_HELP: &str = "Key of the registry [default: $CAIA_REGISTRY_API_KEY, the first of \
                        $CAIA_REGISTRY_API_KEYS, or $ARTIFACT_CACHE_TOKEN]";

/// The flags of every verb of the registry.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct Place {
    /// Address of the registry
    #[arg(long, visible_alias = "url", value_name = "URL", help = URL_HELP)]
    registry_url: Option<String>,
    /// Key of the registry
    #[arg(long, value_name = "KEY", help = KEY_HELP)]
    api_key: Option<String>,
}

impl Place {
    /// A client of that registry; it needs a key.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let base = server(self.registry_url.clone())?;
        Ok(Client::new(base, Some(self.key()?))?)
    }

    /// A client of the store of files there, with the key of that or the registry's own, and its address.
    pub(super) fn files(&self) -> Result<(Client, url::Url), Failure> {
        let base = server(self.registry_url.clone())?;
        let key = match environment("APP__DATA_BANK_API_KEY") {
            Some(key) => bearer(key.trim())?,
            None => self.key()?,
        };
        Ok((Client::new(base.clone(), Some(key))?.with_api_key(), base))
    }

    fn key(&self) -> Result<HeaderValue, Failure> {
        let several = || environment("CAIA_REGISTRY_API_KEYS");
        let first = || {
            several()?
                .split(',')
                .map(str::trim)
                .find(|key| !key.is_empty())
                .map(str::to_owned)
        };
        let key = self
            .api_key
            .clone()
            .filter(|key| !key.is_empty())
            .or_else(|| environment("CAIA_REGISTRY_API_KEY"))
            .or_else(first)
            .or_else(|| environment("ARTIFACT_CACHE_TOKEN"));
        let message = "Missing API key: pass --api-key or set CAIA_REGISTRY_API_KEY(S)";
        bearer(key.ok_or_else(|| Failure::Usage(message.into()))?.trim())
    }
}

/// The JSON at a path of the registry.
pub(super) async fn read(client: &Client, path: &str) -> Result<Value, Failure> {
    Ok(client.json(path).await?.1)
}

/// Sends a request without a body, under a lock if one is given.
pub(super) async fn act(
    client: &Client,
    method: Method,
    path: &str,
    lock: Option<&str>,
) -> Result<Value, Failure> {
    let mut fields = HeaderMap::new();
    if let Some(tag) = lock {
        let tag = HeaderValue::try_from(tag);
        let tag = tag.map_err(|_| Failure::Usage("the tag has characters that none has".into()))?;
        fields.insert(header::IF_MATCH, tag);
    }
    client.act(method, path, fields).await
}

/// A piece of a path or query, percent-encoded.
pub(super) fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

/// `7` is a number, `name:version` a name.
pub(super) fn path_of(model: &str) -> Result<String, Failure> {
    if model.bytes().all(|digit| digit.is_ascii_digit()) && !model.is_empty() {
        return Ok(format!("/models/{model}"));
    }
    let Some((name, version)) = model.split_once(':') else {
        let message = format!("'{model}' is neither a number nor name:version");
        return Err(Failure::Usage(message));
    };
    let (name, version) = (encoded(name), encoded(version));
    Ok(format!("/models/by-name/{name}/{version}"))
}

/// The number of a model that is named by number or by name and version.
pub(super) async fn id_of(client: &Client, model: &str) -> Result<u64, Failure> {
    let found = read(client, &path_of(model)?).await?;
    let id = found["id"].as_u64();
    id.ok_or_else(|| Failure::Missing(format!("there is no model {model}")))
}
