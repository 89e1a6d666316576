//! Services that give out temporary keys: the token service, the container's and the instance's.

use std::time::{Duration, SystemTime};

use artifact_cache_layers::{
    body::{Body, BoxError},
    extensions::{Delivery, Mode, Target},
    sigv4::Credentials,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use tower::ServiceExt as _;

use super::{Environment, variable};
use crate::s3::{
    client::{Exchange, parameter},
    xml,
};

/// The most that is read of an answer.
const MOST: usize = 64 << 10;
/// How long the instance's service may take: where there is none, nobody answers.
const INSTANCE: Duration = Duration::from_secs(2);
const CONTAINER_HOST: &str = "http://169.254.170.2";
const INSTANCE_HOST: &str = "http://169.254.169.254";

/// Asks services for keys.
pub(super) struct Remote {
    exchange: Exchange,
    environment: Environment,
    region: String,
}

impl Remote {
    pub(super) fn new(exchange: Exchange, environment: Environment, region: &str) -> Self {
        Self {
            exchange,
            environment,
            region: region.to_owned(),
        }
    }

    fn variable(&self, name: &str) -> Option<&str> {
        variable(&self.environment, name)
    }

    /// A role for the identity that a cluster gave this process.
    pub(super) async fn web_identity(&self) -> Result<Option<Credentials>, BoxError> {
        let file = self.variable("AWS_WEB_IDENTITY_TOKEN_FILE");
        let (Some(file), Some(role)) = (file, self.variable("AWS_ROLE_ARN")) else {
            return Ok(None);
        };
        let token = read(file).await?;
        let session = self
            .variable("AWS_ROLE_SESSION_NAME")
            .unwrap_or("artifact-cache");
        let form = format!(
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName={}&WebIdentityToken={}",
            parameter(role),
            parameter(session),
            parameter(token.trim()),
        );
        let aws = format!("https://sts.{}.amazonaws.com/", self.region);
        let service = self.variable("AWS_ENDPOINT_URL_STS").unwrap_or(&aws);
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let fields = HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]);
        let text = self.ask(Method::POST, service, fields, form).await?;
        let element = |name: &str| xml::text(&text, name);
        keys(&element, "SessionToken").map(Some)
    }

    /// The keys of the container that this process runs in.
    pub(super) async fn container(&self) -> Result<Option<Credentials>, BoxError> {
        let relative = self.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let service = match (
            relative,
            self.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        ) {
            (Some(path), _) => format!("{CONTAINER_HOST}{path}"),
            (None, Some(uri)) => uri.to_owned(),
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
        let text = self
            .ask(Method::GET, &service, fields, String::new())
            .await?;
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
        let uri = format!("{host}/latest/api/token");
        let token = self.ask(
            Method::PUT,
            &uri,
            HeaderMap::from_iter([life]),
            String::new(),
        );
        // Most machines are no instances.
        let Ok(Ok(token)) = tokio::time::timeout(INSTANCE, token).await else {
            return Ok(None);
        };
        let token = HeaderValue::from_str(token.trim())?;
        let name = HeaderName::from_static("x-aws-ec2-metadata-token");
        let fields = HeaderMap::from_iter([(name, token)]);
        let roles = format!("{host}/latest/meta-data/iam/security-credentials/");
        let role = self
            .ask(Method::GET, &roles, fields.clone(), String::new())
            .await?;
        let role = role.lines().next().unwrap_or_default().trim();
        let uri = format!("{roles}{role}");
        let text = self.ask(Method::GET, &uri, fields, String::new()).await?;
        of_json(&text).map(Some)
    }

    async fn ask(
        &self,
        method: Method,
        uri: &str,
        fields: HeaderMap,
        body: String,
    ) -> Result<String, BoxError> {
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = method;
        *request.headers_mut() = fields;
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

async fn read(file: &str) -> Result<String, BoxError> {
    let path = file.to_owned();
    let text = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await?;
    text.map_err(|error| format!("cannot read {file}: {error}").into())
}

fn of_json(text: &str) -> Result<Credentials, BoxError> {
    let object: Value = serde_json::from_str(text)?;
    let member = |name: &str| object[name].as_str().map(str::to_owned);
    keys(&member, "Token")
}

fn keys(member: &dyn Fn(&str) -> Option<String>, token: &str) -> Result<Credentials, BoxError> {
    let must = |name: &str| member(name).ok_or_else(|| format!("an answer without {name}"));
    let keys = Credentials::new(&must("AccessKeyId")?, &must("SecretAccessKey")?);
    let mut keys = match member(token) {
        Some(token) => keys.with_session_token(&token),
        None => keys,
    };
    let expires = must("Expiration")?;
    let time = time(&expires).ok_or_else(|| format!("`{expires}` is no time"))?;
    keys.expires = Some(time);
    Ok(keys)
}

/// A time of RFC 3339 in UTC; what stands behind the seconds is left out.
fn time(text: &str) -> Option<SystemTime> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    // Years begin in March, so that the leap day is the last of its year.
    let (year, month) = match month {
        1..=2 => (year.checked_sub(1)?, month + 9),
        3..=12 => (year, month - 3),
        _ => return None,
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    let days = days.checked_sub(719_469)?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400 + seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::timestamp::Timestamp;

    #[test]
    fn times_are_read_as_they_are_written() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2024-02-29T23:59:59Z",
            "2026-11-21T14:35:07Z",
            "2100-03-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp(time(text).unwrap()).to_string(), text);
        }
        for text in ["", "tomorrow", "2026-13-01T00:00:00Z", "2026-11-21"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
