//! [`Reach`]: which artifacts a token is good for.

use std::str::FromStr;

use artifact_cache_layers::{egress::HostPattern, semantics::target_uri::TargetUri};

/// Hosts and URL prefixes; everything when there are none.
#[derive(Clone, Debug, Default)]
pub struct Reach(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Host(HostPattern),
    /// Normalised as targets are.
    Prefix(String),
}

/// A text that is neither a host nor a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is neither a host such as `*.example.com` nor a URL prefix such as `https://example.com/team/`"
)]
pub struct InvalidReach(pub String);

impl Reach {
    /// What `texts` describe.
    ///
    /// # Errors
    /// For the first text that is neither a host nor a URL.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidReach> {
        texts
            .into_iter()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether an artifact is within.
    pub(super) fn covers(&self, uri: &TargetUri) -> bool {
        self.0.is_empty() || self.0.iter().any(|part| part.covers(uri))
    }

    /// Whether a tunnel to a host is within. What is asked for inside is not seen, so that a prefix
    /// allows none.
    pub(super) fn covers_host(&self, host: &str) -> bool {
        let is_host = |part: &Part| matches!(part, Part::Host(pattern) if pattern.matches(host));
        self.0.is_empty() || self.0.iter().any(is_host)
    }

    /// Whether there is no limit.
    pub(super) fn is_everything(&self) -> bool {
        self.0.is_empty()
    }
}

impl Part {
    fn covers(&self, uri: &TargetUri) -> bool {
        match self {
            Self::Host(pattern) => pattern.matches(uri.host()),
            Self::Prefix(prefix) => is_below(uri.as_str(), prefix),
        }
    }
}

/// `https://example.com/a` covers `…/a/b` and `…/a?b`, not `…/ab`.
fn is_below(uri: &str, prefix: &str) -> bool {
    let Some(rest) = uri.strip_prefix(prefix) else {
        return false;
    };
    rest.is_empty() || prefix.ends_with('/') || rest.starts_with(['/', '?'])
}

impl FromStr for Part {
    type Err = InvalidReach;

    fn from_str(text: &str) -> Result<Self, InvalidReach> {
        let invalid = || InvalidReach(text.chars().take(200).collect());
        if text.contains("://") {
            let uri: TargetUri = text.parse().map_err(|_| invalid())?;
            return Ok(Self::Prefix(uri.as_str().to_owned()));
        }
        text.parse().map(Self::Host).map_err(|_| invalid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(reach: &[&str], uri: &str) -> bool {
        let reach = Reach::new(reach.iter().copied()).unwrap();
        reach.covers(&uri.parse().unwrap())
    }

    #[test]
    fn without_a_limit_everything_is_within() {
        assert!(covers(&[], "http://a.example/x"));
        assert!(Reach::default().covers_host("a.example"));
    }

    #[test]
    fn prefixes_end_where_a_segment_ends() {
        let team = ["https://a.example/team"];
        for within in ["", "/", "/x", "?q"] {
            assert!(covers(&team, &format!("https://a.example/team{within}")));
        }
        for outside in [
            "https://a.example/team2",
            "http://a.example/team/",
            "https://b.example/team/",
            "https://a.example/team/../other",
            "https://a.example:8443/team/",
        ] {
            assert!(!covers(&team, outside), "{outside}");
        }
    }

    #[test]
    fn hosts_cover_tunnels_and_prefixes_do_not() {
        let host = Reach::new(["*.a.example"]).unwrap();
        assert!(host.covers_host("x.a.example") && !host.covers_host("b.example"));
        let prefix = Reach::new(["https://a.example/"]).unwrap();
        assert!(!prefix.covers_host("a.example"));
    }

    #[test]
    fn what_is_no_host_and_no_url_is_refused() {
        for text in ["", "a b", "ftp://", "https://"] {
            assert!(Reach::new([text]).is_err(), "{text}");
        }
    }
}
