//! The token service: roles for an identity, and for keys that are had already.

use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::Sha256,
    sigv4::{Credentials, Payload, Signer},
};
use http::{HeaderValue, Method, Request, header};

use super::{
    answer::{expiration, keys},
    remote::{Remote, read},
};
use crate::s3::{client::parameter, xml};

/// The name of a session whose profile has none.
const SESSION: &str = "artifact-cache";

/// A role.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) session: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) seconds: Option<u32>,
    pub(super) region: Option<String>,
}

/// A role for the identity that a cluster wrote into a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WebIdentity {
    pub(super) file: String,
    pub(super) arn: String,
    pub(super) session: Option<String>,
    pub(super) region: Option<String>,
}

impl WebIdentity {
    /// The one that the environment names.
    pub(super) fn of_environment(remote: &Remote) -> Option<Self> {
        let text = |name| remote.variable(name).map(str::to_owned);
        Some(Self {
            file: text("AWS_WEB_IDENTITY_TOKEN_FILE")?,
            arn: text("AWS_ROLE_ARN")?,
            session: text("AWS_ROLE_SESSION_NAME"),
            region: None,
        })
    }

    /// Exchanges the identity for keys. The file is read each time: the cluster writes it anew.
    pub(super) async fn exchanged(&self, remote: &Remote) -> Result<Credentials, BoxError> {
        let token = read(&self.file).await?;
        let form = form(
            "AssumeRoleWithWebIdentity",
            &[
                ("RoleArn", &self.arn),
                (
                    "RoleSessionName",
                    self.session.as_deref().unwrap_or(SESSION),
                ),
                ("WebIdentityToken", token.trim()),
            ],
        );
        let request = request(remote, self.region.as_deref(), form)?;
        of_xml(&remote.send(request).await?)
    }
}

impl Role {
    /// Keys of the role, asked for with `keys`.
    pub(super) async fn assumed(
        &self,
        remote: &Remote,
        keys: &Credentials,
    ) -> Result<Credentials, BoxError> {
        let seconds = self.seconds.map(|seconds| seconds.to_string());
        let mut fields = vec![
            ("RoleArn", self.arn.as_str()),
            (
                "RoleSessionName",
                self.session.as_deref().unwrap_or(SESSION),
            ),
        ];
        fields.extend(self.external_id.as_deref().map(|id| ("ExternalId", id)));
        fields.extend(seconds.as_deref().map(|text| ("DurationSeconds", text)));
        let form = form("AssumeRole", &fields);
        let payload = Payload::Digest(Sha256::of(form.as_bytes()));
        let mut request = request(remote, self.region.as_deref(), form)?;
        let region = self.region.as_deref().unwrap_or(&remote.region);
        let signer = Signer::service("sts", region);
        signer.sign(&mut request, keys, payload, remote.clock.now())?;
        of_xml(&remote.send(request).await?)
    }
}

fn form(action: &str, fields: &[(&str, &str)]) -> String {
    let start = format!("Action={action}&Version=2011-06-15");
    let fields = fields.iter();
    fields.fold(start, |form, (name, value)| {
        form + "&" + name + "=" + &parameter(value)
    })
}

fn request(remote: &Remote, region: Option<&str>, form: String) -> Result<Request<Body>, BoxError> {
    let region = region.unwrap_or(&remote.region);
    let aws = format!("https://sts.{region}.amazonaws.com/");
    let service = remote.variable("AWS_ENDPOINT_URL_STS").unwrap_or(&aws);
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    let mut request = Request::new(Body::from(form));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = service.parse()?;
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(request)
}

fn of_xml(text: &str) -> Result<Credentials, BoxError> {
    let element = |name: &str| xml::text(text, name);
    let mut keys = keys(&element, "SessionToken")?;
    keys.expires = Some(expiration(&element)?);
    Ok(keys)
}
