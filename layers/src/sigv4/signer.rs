//! [`Signer`]: the signature itself, on a request or in a URL.

use std::{fmt, sync::Arc, time::Duration, time::SystemTime};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableRequest, SignatureLocation,
    SigningInstructions, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, RANGE},
};

use super::{Credentials, Payload};
use crate::body::BoxError;

/// What an earlier signature left on a request.
const SIGNATURE: [HeaderName; 4] = [
    AUTHORIZATION,
    HeaderName::from_static("x-amz-date"),
    HeaderName::from_static("x-amz-content-sha256"),
    HeaderName::from_static("x-amz-security-token"),
];

/// Signs for one region of one service.
#[derive(Clone, Debug)]
pub struct Signer {
    region: Arc<str>,
    service: Arc<str>,
    paths: Paths,
    /// Whether `x-amz-content-sha256` is sent.
    tells_digest: bool,
}

/// How the path enters the signature.
#[derive(Clone, Copy, Debug)]
enum Paths {
    /// As it is sent: S3, where a key may hold `//`, `.` and `..`.
    AsSent,
    /// Escaped once more, normalised or not: every other service.
    Escaped { normalised: bool },
}

/// A request cannot be signed.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotSigned {
    /// Its URI does not say which host it goes to.
    NoHost,
    /// A field that would be signed is not UTF-8.
    Field(HeaderName),
    /// The calculation failed.
    Signature(BoxError),
}

impl Signer {
    /// For S3 and everything that speaks its protocol.
    #[must_use]
    pub fn s3(region: &str) -> Self {
        Self::service("s3", region)
            .with_paths_as_sent()
            .with_digest_field()
    }

    /// For any other service, such as `sts`.
    #[must_use]
    pub fn service(service: &str, region: &str) -> Self {
        Self {
            region: region.into(),
            service: service.into(),
            paths: Paths::Escaped { normalised: true },
            tells_digest: false,
        }
    }

    /// The same without normalising paths.
    #[must_use]
    pub fn without_normalisation(mut self) -> Self {
        if let Paths::Escaped { normalised } = &mut self.paths {
            *normalised = false;
        }
        self
    }

    /// The same for a service that takes paths as they are sent.
    #[must_use]
    pub fn with_paths_as_sent(mut self) -> Self {
        self.paths = Paths::AsSent;
        self
    }

    /// The same with the digest of the body in a field, as some services want it.
    #[must_use]
    pub fn with_digest_field(mut self) -> Self {
        self.tells_digest = true;
        self
    }

    /// The region it signs for.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The same for another region.
    #[must_use]
    pub fn in_region(mut self, region: &str) -> Self {
        self.region = region.into();
        self
    }

    /// Puts a signature on `request`, in place of one that it may have. Its URI is absolute and escaped
    /// as it will be sent. Covered are `Host`, and the fields that say what is asked for; not those
    /// that a proxy in between may change.
    pub fn sign<B>(
        &self,
        request: &mut Request<B>,
        credentials: &Credentials,
        payload: Payload,
        now: SystemTime,
    ) -> Result<(), NotSigned> {
        let host = host(request.uri())?;
        let fields = request.headers_mut();
        for name in SIGNATURE {
            fields.remove(name);
        }
        fields.entry(HOST).or_insert(host);
        let instructions = self.instructions(
            (request.method(), request.uri(), request.headers()),
            credentials,
            payload,
            (now, self.settings()),
        )?;
        let (fields, _) = instructions.into_parts();
        for field in fields {
            let mut value = HeaderValue::from_str(field.value()).map_err(failed)?;
            value.set_sensitive(field.sensitive());
            request.headers_mut().insert(field.name(), value);
        }
        Ok(())
    }

    /// `uri` with a signature in its query: whoever has it may send `method` to it until `expires` after
    /// `now`, which S3 bounds to seven days. The body is not covered.
    pub fn presign(
        &self,
        method: &Method,
        uri: &Uri,
        credentials: &Credentials,
        expires: Duration,
        now: SystemTime,
    ) -> Result<Uri, NotSigned> {
        let fields = HeaderMap::from_iter([(HOST, host(uri)?)]);
        let mut settings = self.settings();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(expires);
        // S3 takes a presigned body as it comes; the other services sign that there is none.
        let payload = match self.paths {
            Paths::AsSent => Payload::Unsigned,
            Paths::Escaped { .. } => Payload::Empty,
        };
        let asked = (method, uri, &fields);
        let instructions = self.instructions(asked, credentials, payload, (now, settings))?;
        with_query(uri, instructions.params())
    }

    fn settings(&self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        settings.uri_path_normalization_mode = match self.paths {
            Paths::AsSent => {
                settings.percent_encoding_mode = PercentEncodingMode::Single;
                UriPathNormalizationMode::Disabled
            }
            Paths::Escaped { normalised } => normalised.into(),
        };
        if self.tells_digest {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        settings
    }

    fn instructions(
        &self,
        (method, uri, fields): (&Method, &Uri, &HeaderMap),
        credentials: &Credentials,
        payload: Payload,
        (now, settings): (SystemTime, SigningSettings),
    ) -> Result<SigningInstructions, NotSigned> {
        let identity = identity(credentials).into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(now)
            .settings(settings)
            .build()
            .map_err(failed)?
            .into();
        let fields = self.signed_fields(fields)?;
        let request = SignableRequest::new(
            method.as_str(),
            uri.to_string(),
            fields.into_iter(),
            payload.signable(),
        );
        let signed = sign(request.map_err(failed)?, &parameters).map_err(failed)?;
        Ok(signed.into_parts().0)
    }

    fn signed_fields<'a>(
        &self,
        fields: &'a HeaderMap,
    ) -> Result<Vec<(&'a str, &'a str)>, NotSigned> {
        let signed = fields.iter().filter(|(name, _)| self.covers(name));
        signed
            .map(|(name, value)| {
                let text = str::from_utf8(value.as_bytes());
                let text = text.map_err(|_| NotSigned::Field(name.clone()))?;
                Ok((name.as_str(), text))
            })
            .collect()
    }

    /// S3 wants `Host` and every `x-amz-…`; the conditions and the range are worth the protection. The
    /// other services are few requests of our own making, so that everything counts.
    fn covers(&self, name: &HeaderName) -> bool {
        let text = name.as_str();
        match self.paths {
            Paths::Escaped { .. } => true,
            Paths::AsSent => {
                [HOST, RANGE, CONTENT_TYPE].contains(name)
                    || text.starts_with("x-amz-")
                    || text.starts_with("if-")
                    || text == "content-md5"
            }
        }
    }
}

fn identity(credentials: &Credentials) -> AwsCredentials {
    AwsCredentials::new(
        &*credentials.access_key,
        &*credentials.secret_key,
        credentials.session_token.as_deref().map(str::to_owned),
        credentials.expires,
        "artifact-cache-layers",
    )
}

/// `Host` as HTTP sends it: aws-sigv4 panics where there is none.
fn host(uri: &Uri) -> Result<HeaderValue, NotSigned> {
    let authority = uri.authority().ok_or(NotSigned::NoHost)?;
    let default = matches!(
        (uri.scheme_str(), uri.port_u16()),
        (Some("http"), Some(80)) | (Some("https"), Some(443))
    );
    let host = if default {
        uri.host().unwrap_or_default()
    } else {
        authority.as_str()
    };
    HeaderValue::from_str(host).map_err(failed)
}

/// `uri` with further parameters, percent-encoded: a space is `%20` in a signature, never `+`.
fn with_query(
    uri: &Uri,
    parameters: &[(&str, std::borrow::Cow<'static, str>)],
) -> Result<Uri, NotSigned> {
    let mut text = uri.to_string();
    for (name, value) in parameters {
        text.push(if text.contains('?') { '&' } else { '?' });
        text.push_str(name);
        text.push('=');
        text.push_str(&escaped(value));
    }
    text.parse().map_err(failed)
}

fn escaped(value: &str) -> String {
    use fmt::Write as _;
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn failed(error: impl Into<BoxError>) -> NotSigned {
    NotSigned::Signature(error.into())
}

impl fmt::Display for NotSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHost => f.write_str("a request without a host cannot be signed"),
            Self::Field(name) => write!(f, "the field {name} is not UTF-8 and cannot be signed"),
            Self::Signature(_) => f.write_str("the request cannot be signed"),
        }
    }
}

impl std::error::Error for NotSigned {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Signature(error) => Some(&**error),
            _ => None,
        }
    }
}
