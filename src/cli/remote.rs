//! Which running cache a verb asks, and with which token: flags, then the environment, then the
//! default address.

use std::path::PathBuf;

use clap::Args;
use http::HeaderValue;
use url::Url;

use super::{client::Client, exit::Failure};

const DEFAULT_URL: &str = "http://127.0.0.1:8080";
const URL_HELP: &str =
    "Address of the cache [default: $ARTIFACT_CACHE_URL or http://127.0.0.1:8080]";
const TOKEN_HELP: &str =
    "File with the access token [default: $ARTIFACT_CACHE_TOKEN has the token]";

/// The flags of every verb that asks a running cache.
#[derive(Args, Clone, Debug)]
pub(super) struct Remote {
    /// Address of the cache
    #[arg(long = "url", value_name = "SERVER", help = URL_HELP)]
    server: Option<String>,
    /// File with the access token
    #[arg(long, value_name = "FILE", help = TOKEN_HELP)]
    token_file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Remote {
    /// A client of that cache.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        Ok(Client::new(self.base()?, self.token()?)?)
    }

    /// Whether a server was named, by flag or environment.
    pub(super) fn is_named(&self) -> bool {
        self.server.is_some() || environment("ARTIFACT_CACHE_URL").is_some()
    }

    fn base(&self) -> Result<Url, Failure> {
        let text = self
            .server
            .clone()
            .or_else(|| environment("ARTIFACT_CACHE_URL"))
            .unwrap_or_else(|| DEFAULT_URL.into());
        let base = Url::parse(&text)
            .map_err(|error| Failure::Usage(format!("'{text}' is not a server's URL: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(Failure::Usage(format!(
                "'{text}' is not a server's URL: expected http://host:port"
            )));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(Failure::Usage(
                "a server's URL takes no user name or password; use --token-file".into(),
            ));
        }
        Ok(base)
    }

    fn token(&self) -> Result<Option<HeaderValue>, Failure> {
        let token = match &self.token_file {
            Some(path) => Some(
                std::fs::read_to_string(path).map_err(|source| Failure::File {
                    action: "read",
                    path: path.clone(),
                    source,
                })?,
            ),
            None => environment("ARTIFACT_CACHE_TOKEN"),
        };
        token.map(|token| bearer(token.trim())).transpose()
    }
}

pub(super) fn bearer(token: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| Failure::Usage("the token has characters that no token may have".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A variable that is set and not empty.
fn environment(name: &str) -> Option<String> {
    let variables = crate::config::environment_of_the_process();
    let found = variables
        .into_iter()
        .find(|(known, value)| known == name && !value.is_empty());
    found.map(|(_, value)| value)
}
