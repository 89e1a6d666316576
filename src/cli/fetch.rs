//! The argument that names an artifact of an origin, and the target of `/fetch` for it.

use artifact_cache_layers::{
    digest::{InvalidDigest, Sha256},
    semantics::target_uri::TargetUri,
};
use clap::Args;
use url::form_urlencoded;

use super::exit::Failure;

/// What to fetch.
#[derive(Args, Clone, Debug)]
pub(super) struct Source {
    /// URL of the artifact at its origin; #sha256=<hex> at its end pins it
    #[arg(value_name = "URL")]
    url: String,
    /// Digest it must have: hex, sha256:<hex> or sha256-<base64>
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    sha256: Option<Sha256>,
}

/// A checked source: an absolute http or https URL, and its pin.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The URL without a fragment.
    pub(super) uri: TargetUri,
    /// The digest it must have.
    pub(super) pin: Option<Sha256>,
}

impl Source {
    /// Checks the arguments.
    pub(super) fn wanted(&self) -> Result<Wanted, Failure> {
        let uri = target_uri(&self.url)?;
        let fragment = fragment_pin(&self.url)?;
        if fragment.is_some() && self.sha256.is_some() && fragment != self.sha256 {
            let message = "--sha256 and the fragment of the URL name different digests";
            return Err(Failure::Usage(message.into()));
        }
        let pin = self.sha256.or(fragment);
        Ok(Wanted { uri, pin })
    }
}

impl Wanted {
    /// Path and query of the request.
    pub(super) fn target(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("url", self.uri.as_str());
        if let Some(pin) = self.pin {
            query.append_pair("sha256", &pin.to_string());
        }
        format!("/fetch?{}", query.finish())
    }

    /// The last segment of the path, as `curl -O` names files; `artifact` where there is none.
    pub(super) fn file_name(&self) -> &str {
        let mut segments = self.uri.url().path_segments().into_iter().flatten();
        segments
            .next_back()
            .filter(|name| !matches!(*name, "" | "." | ".."))
            .unwrap_or("artifact")
    }
}

/// An absolute http or https URL.
pub(super) fn target_uri(text: &str) -> Result<TargetUri, Failure> {
    let uri: TargetUri = text
        .parse()
        .map_err(|error| Failure::Usage(format!("'{text}': {error}")))?;
    match uri.scheme() {
        "http" | "https" => Ok(uri),
        _ if uri.object().is_some() => Ok(uri),
        scheme => Err(Failure::Usage(format!(
            "'{text}': scheme {scheme} is not http, https or s3"
        ))),
    }
}

/// A digest on the command line.
pub(super) fn digest(text: &str) -> Result<Sha256, InvalidDigest> {
    text.parse()
}

fn fragment_pin(url: &str) -> Result<Option<Sha256>, Failure> {
    let parsed = TargetUri::parse_with_fragment(url);
    let (_, fragment) = parsed.map_err(|error| Failure::Usage(error.to_string()))?;
    let pin = fragment.as_deref();
    let pin = pin.and_then(|text| text.strip_prefix("sha256="));
    pin.map(digest)
        .transpose()
        .map_err(|error| Failure::Usage(format!("fragment of the URL: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(url: &str, sha256: Option<Sha256>) -> Result<Wanted, Failure> {
        let url = url.into();
        Source { url, sha256 }.wanted()
    }

    #[test]
    fn the_url_is_encoded_once_and_whole() {
        let wanted = wanted("https://example.com/a%20b+c?x=1&y=2", None).unwrap();
        let target = "/fetch?url=https%3A%2F%2Fexample.com%2Fa%2520b%2Bc%3Fx%3D1%26y%3D2";
        assert_eq!(wanted.target(), target);
    }

    #[test]
    fn a_fragment_is_a_pin_like_the_flag() {
        let digest = Sha256::of(b"x");
        let url = format!("https://example.com/a#sha256={digest}");
        let by_fragment = wanted(&url, None).unwrap();
        let by_flag = wanted("https://example.com/a", Some(digest)).unwrap();
        assert_eq!(by_fragment.target(), by_flag.target());
        assert!(wanted(&url, Some(Sha256::of(b"y"))).is_err());
    }

    #[test]
    fn a_file_is_named_by_the_last_segment() {
        for (url, name) in [
            ("https://example.com/dir/a.tar.gz?x=/y", "a.tar.gz"),
            ("https://example.com/", "artifact"),
            ("https://example.com/dir/", "artifact"),
            ("https://example.com/a/..%2f..%2fetc", "..%2f..%2fetc"),
        ] {
            assert_eq!(wanted(url, None).unwrap().file_name(), name);
        }
    }

    #[test]
    fn other_schemes_and_credentials_are_wrong_usage() {
        for url in [
            "ftp://example.com/a",
            "example.com/a",
            "https://u:p@example.com/a",
            "",
        ] {
            assert!(matches!(wanted(url, None), Err(Failure::Usage(_))), "{url}");
        }
    }
}
