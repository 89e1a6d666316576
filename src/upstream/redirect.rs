//! `Itinerary`: where redirects lead (RFC 9110 §15.4), and what may not go along.

use artifact_cache_layers::{body::Body, semantics::target_uri::TargetUri};
use http::{
    HeaderMap, Response, StatusCode,
    header::{AUTHORIZATION, COOKIE, LOCATION, PROXY_AUTHORIZATION},
};

use super::{Reason, UpstreamFailure};

/// The way of one request from redirect to redirect.
pub(super) struct Itinerary {
    here: TargetUri,
    left: u32,
}

/// A redirect that is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRedirect {
    /// There were too many before it.
    #[error("too many redirects")]
    TooMany,
    /// It does not say where to go, or not to an http or https URL.
    #[error("the Location of a redirect is not a URL that can be fetched")]
    Location,
    /// It leads from https to http.
    #[error("a redirect leads from https to http")]
    Downgrade,
}

impl Itinerary {
    pub(super) fn new(start: TargetUri, most: u32) -> Self {
        Self {
            here: start,
            left: most,
        }
    }

    /// The URI that is asked for now.
    pub(super) fn here(&self) -> &TargetUri {
        &self.here
    }

    /// Where `response` sends us on; `None` when it is what was asked for. It was `asked` elsewhere if so.
    pub(super) fn next(
        &self,
        response: &Response<Body>,
        asked: Option<&TargetUri>,
    ) -> Result<Option<TargetUri>, UpstreamFailure> {
        let Some(location) = location(response) else {
            return Ok(None);
        };
        let next = self.resolve(location, asked.unwrap_or(&self.here));
        next.map(Some)
            .map_err(|bad| UpstreamFailure::caused(Reason::Invalid, bad))
    }

    fn resolve(&self, location: &[u8], here: &TargetUri) -> Result<TargetUri, BadRedirect> {
        if self.left == 0 {
            return Err(BadRedirect::TooMany);
        }
        let location = std::str::from_utf8(location).map_err(|_| BadRedirect::Location)?;
        let next = here
            .url()
            .join(location)
            .map_err(|_| BadRedirect::Location)?;
        let next: TargetUri = next.as_str().parse().map_err(|_| BadRedirect::Location)?;
        match (here.scheme(), next.scheme()) {
            ("https", "http") => Err(BadRedirect::Downgrade),
            (_, "http" | "https") => Ok(next),
            _ => Err(BadRedirect::Location),
        }
    }

    /// Goes on to `next`. What was meant for one origin is not shown to another.
    pub(super) fn go(&mut self, next: TargetUri, fields: &mut HeaderMap) {
        if !next.is_same_origin(&self.here) {
            for secret in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
                fields.remove(secret);
            }
        }
        self.left -= 1;
        self.here = next;
    }
}

fn location(response: &Response<Body>) -> Option<&[u8]> {
    let redirects = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    let location = response.headers().get(LOCATION)?;
    redirects
        .contains(&response.status())
        .then(|| location.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(from: &str, location: &str) -> Result<String, BadRedirect> {
        let itinerary = Itinerary::new(from.parse().unwrap(), 1);
        itinerary
            .resolve(location.as_bytes(), itinerary.here())
            .map(|uri| uri.to_string())
    }

    #[test]
    fn locations_are_resolved_against_where_we_are() {
        let from = "https://a.example/dir/file?old";
        for (location, to) in [
            ("other", "https://a.example/dir/other"),
            ("/top?x=1#frag", "https://a.example/top?x=1"),
            ("//b.example/y", "https://b.example/y"),
            ("https://a.example:444/", "https://a.example:444/"),
        ] {
            assert_eq!(next(from, location).as_deref(), Ok(to));
        }
    }

    #[test]
    fn some_redirects_are_not_followed() {
        let from = "https://a.example/";
        assert_eq!(next(from, "http://a.example/"), Err(BadRedirect::Downgrade));
        for location in [
            "ftp://a.example/",
            "https://u:p@a.example/",
            "https://",
            "file:///x",
        ] {
            assert_eq!(
                next(from, location),
                Err(BadRedirect::Location),
                "{location}"
            );
        }
    }

    #[test]
    fn secrets_stay_with_their_origin() {
        let mut fields = HeaderMap::new();
        for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
            fields.insert(name, "secret".parse().unwrap());
        }
        fields.insert("accept", "x/y".parse().unwrap());
        let mut itinerary = Itinerary::new("https://a.example/1".parse().unwrap(), 2);
        itinerary.go("https://a.example/2".parse().unwrap(), &mut fields);
        assert_eq!(fields.len(), 4);
        itinerary.go("https://a.example:8443/3".parse().unwrap(), &mut fields);
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["accept"]);
        let beyond = itinerary.resolve(b"/4", itinerary.here());
        assert_eq!(beyond, Err(BadRedirect::TooMany));
    }
}
