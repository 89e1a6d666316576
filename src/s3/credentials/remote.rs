//! [`Remote`]: services of this machine that give out temporary keys, the container's and the instance's.

use std::time::Duration;

use artifact_cache_layers::{
    body::{Body, BoxError},
    extensions::{Delivery, Mode, Target},
    sigv4::Credentials,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use tower::ServiceExt as _;

use super::{Environment, answer::of_json, variable};
use crate::{clock::Clock, s3::client::Exchange};

/// The most that is read of an answer.
const MOST: usize = 64 << 10;
/// How long the instance's service may take: where there is none, nobody answers.
const INSTANCE: Duration = Duration::from_secs(2);
const CONTAINER_HOST: &str = "http://169.254.170.2";
const INSTANCE_HOST: &str = "http://169.254.169.254";
/// Hosts that get the container's token without TLS: this machine and the two services of clusters.
const NEAR: [&str; 5] = [
    "localhost",
    "[::1]",
    "169.254.170.2",
    "169.254.170.23",
    "[fd00:ec2::23]",
];

/// Asks services for keys.
pub(super) struct Remote {
    exchange: Exchange,
    pub(super) environment: Environment,
    pub(super) region: String,
    pub(super) clock: Clock,
}

impl Remote {
    pub(super) fn new(
        exchange: Exchange,
        environment: Environment,
        region: &str,
        clock: Clock,
    ) -> Self {
        Self {
            exchange,
            environment,
            region: region.to_owned(),
            clock,
        }
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        variable(&self.environment, name)
    }

    /// The keys of the container that this process runs in.
    pub(super) async fn container(&self) -> Result<Option<Credentials>, BoxError> {
        let relative = self.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let full = self.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        let service = match (relative, full) {
            (Some(path), _) => format!("{CONTAINER_HOST}{path}").parse()?,
            (None, Some(uri)) => near(uri)?,
            (None, None) => return Ok(None),
        };
        let token = match self.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(file) => Some(read(file).await?.trim().to_owned()),
            None => self
                .variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")
                .map(str::to_owned),
        };
        let mut fields = HeaderMap::new();
        if let Some(token) = token {
            fields.insert(header::AUTHORIZATION, token.parse()?);
        }
        let text = self.ask(Method::GET, service, fields).await?;
        of_json(&text).map(Some)
    }

    /// The keys of the role of this instance (`IMDSv2`); none where there is no such service.
    pub(super) async fn instance(&self) -> Result<Option<Credentials>, BoxError> {
        let off = self.variable("AWS_EC2_METADATA_DISABLED");
        if off.is_some_and(|word| word.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let named = self.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        let host = named.unwrap_or(INSTANCE_HOST).trim_end_matches('/');
        let life = (
            HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds"),
            HeaderValue::from_static("300"),
        );
        let uri = format!("{host}/latest/api/token").parse()?;
        let token = self.ask(Method::PUT, uri, HeaderMap::from_iter([life]));
        // Most machines are no instances.
        let Ok(Ok(token)) = tokio::time::timeout(INSTANCE, token).await else {
            return Ok(None);
        };
        let token = HeaderValue::from_str(token.trim())?;
        let name = HeaderName::from_static("x-aws-ec2-metadata-token");
        let fields = HeaderMap::from_iter([(name, token)]);
        let roles = format!("{host}/latest/meta-data/iam/security-credentials/");
        let role = self
            .ask(Method::GET, roles.parse()?, fields.clone())
            .await?;
        let role = role.lines().next().unwrap_or_default().trim();
        let uri = format!("{roles}{role}").parse()?;
        let text = self.ask(Method::GET, uri, fields).await?;
        of_json(&text).map(Some)
    }

    async fn ask(&self, method: Method, uri: Uri, fields: HeaderMap) -> Result<String, BoxError> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = fields;
        self.send(request).await
    }

    /// Sends a request to its URI; the text of the answer, which must be a success.
    pub(super) async fn send(&self, mut request: Request<Body>) -> Result<String, BoxError> {
        let uri = request.uri().to_string();
        request.extensions_mut().insert(Target {
            uri: uri.parse()?,
            mode: Mode::Internal,
            expect: None,
            delivery: Delivery::default(),
            signed: None,
        });
        let response = self.exchange.clone().oneshot(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MOST).collect().await?;
        if !status.is_success() {
            return Err(format!("{uri} answered with status {}", status.as_u16()).into());
        }
        Ok(String::from_utf8(body.to_bytes().to_vec())?)
    }
}

/// A token is told to a service over TLS or at an address that nobody else has.
fn near(uri: &str) -> Result<Uri, BoxError> {
    let uri: Uri = uri.parse()?;
    let host = uri.host().unwrap_or_default();
    let is_loopback = host.starts_with("127.") && host.parse::<std::net::Ipv4Addr>().is_ok();
    if uri.scheme_str() == Some("https") || is_loopback || NEAR.contains(&host) {
        return Ok(uri);
    }
    Err(format!("`{host}` is no host to ask for the keys of a container without TLS").into())
}

/// The text of a file.
pub(super) async fn read(file: &str) -> Result<String, BoxError> {
    let path = file.to_owned();
    let text = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await?;
    text.map_err(|error| format!("cannot read {file}: {error}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_a_container_are_asked_for_nearby_or_over_tls() {
        for (uri, is_near) in [
            ("http://127.0.0.1:80/k", true),
            ("http://[::1]/k", true),
            ("http://169.254.170.23/v1/credentials", true),
            ("https://keys.example.com/k", true),
            ("http://keys.example.com/k", false),
            ("http://127.example.com/k", false),
            ("http://169.254.169.254/k", false),
        ] {
            assert_eq!(near(uri).is_ok(), is_near, "{uri}");
        }
    }
}
