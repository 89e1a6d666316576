//! `Ways`: what the configuration says of the way to an origin: which parent leads there, where artifacts are
//! fetched from instead, and which fields of our own are sent where.

use artifact_cache_layers::{body::BoxError, semantics::target_uri::TargetUri};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    exempt::Exempt,
    parent::{Parent, secret},
};
use crate::config::{
    upstream::Upstream,
    ways::{DIRECT, Field, Rewrite, Route},
};

/// The ways to origins.
#[derive(Debug, Default)]
pub(super) struct Ways {
    parent: Option<Parent>,
    exempt: Exempt,
    routes: Vec<(Exempt, Option<Parent>)>,
    rewrites: Vec<(TargetUri, TargetUri)>,
    fields: Vec<(TargetUri, HeaderName, HeaderValue)>,
}

impl Ways {
    /// The ways of these settings; the files they name are read now.
    pub(super) fn new(settings: &Upstream) -> Result<Self, BoxError> {
        let parent = settings.parent.as_deref().map(|url| {
            let credentials = settings.parent_credentials_file.as_deref();
            Parent::new(url, credentials)
        });
        Ok(Self {
            parent: parent.transpose()?,
            exempt: Exempt::new(&settings.no_proxy),
            routes: settings
                .routes
                .iter()
                .map(route)
                .collect::<Result<_, _>>()?,
            rewrites: settings
                .rewrite
                .iter()
                .map(rewrite)
                .collect::<Result<_, _>>()?,
            fields: settings
                .fields
                .iter()
                .map(field)
                .collect::<Result<_, _>>()?,
        })
    }

    /// The parent that leads to a host; the first route that names it decides.
    pub(super) fn parent_of(&self, host: &str, port: u16) -> Option<&Parent> {
        let mut routes = self.routes.iter();
        if let Some((_, parent)) = routes.find(|(hosts, _)| hosts.contains(host, port)) {
            return parent.as_ref();
        }
        let parent = self.parent.as_ref();
        parent.filter(|_| !self.exempt.contains(host, port))
    }

    /// Where the artifact of `uri` is asked for; `uri` itself, mostly.
    pub(super) fn rewritten(&self, uri: &TargetUri) -> Option<TargetUri> {
        let mut rewrites = self.rewrites.iter();
        rewrites.find_map(|(from, to)| moved(uri, from, to))
    }

    /// Which artifact is meant by a place that a rewriting leads to.
    pub(super) fn restored(&self, uri: TargetUri) -> TargetUri {
        let mut rewrites = self.rewrites.iter();
        let restored = rewrites.find_map(|(from, to)| moved(&uri, to, from));
        restored.unwrap_or(uri)
    }

    /// Whether a rewriting leads to this host, which makes it one that may be reached.
    pub(super) fn is_endpoint(&self, host: &str, port: u16) -> bool {
        let mut rewrites = self.rewrites.iter();
        rewrites.any(|(_, to)| to.host() == host && to.port() == port)
    }

    /// Adds the fields that are meant for `uri`. What the client says itself is left as it is.
    pub(super) fn add_fields(&self, uri: &TargetUri, fields: &mut HeaderMap) {
        for (prefix, name, value) in &self.fields {
            if rest_below(uri, prefix).is_some() {
                fields.entry(name).or_insert_with(|| value.clone());
            }
        }
    }
}

fn route(route: &Route) -> Result<(Exempt, Option<Parent>), BoxError> {
    let parent = (route.parent != DIRECT)
        .then(|| Parent::new(&route.parent, route.credentials_file.as_deref()));
    Ok((Exempt::exactly(&route.host), parent.transpose()?))
}

fn rewrite(rewrite: &Rewrite) -> Result<(TargetUri, TargetUri), BoxError> {
    Ok((rewrite.from.parse()?, rewrite.to.parse()?))
}

fn field(field: &Field) -> Result<(TargetUri, HeaderName, HeaderValue), BoxError> {
    let text = match (&field.bearer_file, &field.value_file) {
        (Some(path), _) => format!("Bearer {}", secret(path)?),
        (None, Some(path)) => secret(path)?,
        (None, None) => return Err("a field without a file".into()),
    };
    let mut value = HeaderValue::try_from(text).map_err(|_| "the file holds no field value")?;
    value.set_sensitive(true);
    Ok((field.prefix.parse()?, field.name.parse()?, value))
}

fn moved(uri: &TargetUri, from: &TargetUri, to: &TargetUri) -> Option<TargetUri> {
    let rest = rest_below(uri, from)?;
    format!("{}{rest}", to.as_str()).parse().ok()
}

/// What follows the prefix; `https://example.com/a` is before `/b` and `?b`, not before `b`.
fn rest_below<'u>(uri: &'u TargetUri, prefix: &TargetUri) -> Option<&'u str> {
    let rest = uri.as_str().strip_prefix(prefix.as_str())?;
    let ends = rest.is_empty() || prefix.as_str().ends_with('/') || rest.starts_with(['/', '?']);
    ends.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> TargetUri {
        text.parse().unwrap()
    }

    fn ways(from: &str, to: &str) -> Ways {
        let (from, to) = (from.to_owned(), to.to_owned());
        Ways::new(&Upstream {
            rewrite: vec![Rewrite { from, to }],
            parent: Some("http://parent.example:3128".into()),
            no_proxy: vec!["near.example".into()],
            routes: vec![Route {
                host: "*.direct.example".into(),
                ..Route::default()
            }],
            ..Upstream::default()
        })
        .unwrap()
    }

    #[test]
    fn artifacts_below_a_prefix_are_asked_for_elsewhere_and_found_again() {
        let ways = ways("https://a.example/pool/", "http://b.example:81/mirror/a/");
        let there = ways
            .rewritten(&uri("https://a.example/pool/x?y=1"))
            .unwrap();
        assert_eq!(there.as_str(), "http://b.example:81/mirror/a/x?y=1");
        assert_eq!(
            ways.restored(there).as_str(),
            "https://a.example/pool/x?y=1"
        );
        for other in [
            "https://a.example/pool",
            "https://a.example/pool/../x",
            "http://a.example/pool/x",
            "https://a.example.evil.example/pool/x",
        ] {
            assert!(ways.rewritten(&uri(other)).is_none(), "{other}");
        }
        assert!(ways.is_endpoint("b.example", 81) && !ways.is_endpoint("b.example", 80));
    }

    #[test]
    fn routes_decide_before_exemptions_and_those_before_the_parent() {
        let ways = ways("https://a.example/", "https://b.example/");
        assert!(ways.parent_of("far.example", 443).is_some());
        assert!(ways.parent_of("near.example", 443).is_none());
        assert!(ways.parent_of("x.direct.example", 80).is_none());
    }
}
