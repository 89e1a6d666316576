//! `/mirror/<name>/…`: a configured name stands for a base URL. Everything behind the name belongs to
//! the artifact's URL byte for byte, query included, so that relative links in what is mirrored lead
//! back here.

use std::sync::Arc;

use http::Uri;

use super::error::{Fault, InvalidTarget};
use crate::semantics::target_uri::TargetUri;

const PATH: &str = "/mirror/";

/// Names and the base URLs that they stand for. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Mirrors(Arc<[Mirror]>);

#[derive(Clone, Debug)]
struct Mirror {
    name: String,
    /// Ends with `/`.
    base: TargetUri,
}

/// Why a name and a URL are no mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidMirror {
    /// The name is empty or holds something else than `a-z`, `A-Z`, `0-9`, `.`, `_` and `-`.
    Name,
    /// The URL is not an absolute `http` or `https` one, or has a query or a fragment.
    Base,
}

impl std::fmt::Display for InvalidMirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Name => "the name may hold letters, digits, `.`, `_` and `-`",
            Self::Base => "the base must be an absolute http or https URL without a query",
        })
    }
}

impl std::error::Error for InvalidMirror {}

impl Mirrors {
    /// Mirrors of these names and base URLs.
    ///
    /// # Errors
    /// The first that is not valid.
    pub fn new<'a>(
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, InvalidMirror> {
        let mirrors = given.into_iter().map(|(name, base)| mirror(name, base));
        Ok(Self(mirrors.collect::<Result<_, _>>()?))
    }

    /// The base URLs.
    pub fn bases(&self) -> impl Iterator<Item = &TargetUri> {
        self.0.iter().map(|mirror| &mirror.base)
    }

    /// What a path of ours stands for; `None` where it is no mirror's.
    pub(super) fn resolve(&self, uri: &Uri) -> Result<Option<TargetUri>, InvalidTarget> {
        let whole = uri.path_and_query().map_or("", |path| path.as_str());
        let Some(rest) = whole.strip_prefix(PATH) else {
            return Ok(None);
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let mirror = self.0.iter().find(|mirror| mirror.name == name);
        let mirror = mirror.ok_or(InvalidTarget::UnknownMirror)?;
        mirror
            .below(rest.strip_prefix('/').unwrap_or(rest))
            .map(Some)
    }

    /// Where a client finds what `reference`, in the answer to a request for `target`, leads to: a path
    /// of ours with its query when a mirror covers it, `None` otherwise.
    #[must_use]
    pub fn path_of(&self, target: &TargetUri, reference: &str) -> Option<String> {
        let absolute = target.join(reference).ok()?;
        let covering = self.0.iter().filter_map(|mirror| {
            let rest = absolute.as_str().strip_prefix(mirror.base.as_str())?;
            Some((
                mirror.base.as_str().len(),
                format!("{PATH}{}/{rest}", mirror.name),
            ))
        });
        let (_, path) = covering.max_by_key(|(length, _)| *length)?;
        let fragment = reference.split_once('#').map(|(_, fragment)| fragment);
        Some(fragment.map_or(path.clone(), |fragment| format!("{path}#{fragment}")))
    }
}

impl Mirror {
    /// The URL of `rest`, which may not lead out of the base by dot segments.
    fn below(&self, rest: &str) -> Result<TargetUri, InvalidTarget> {
        let invalid = |fault| InvalidTarget::AbsoluteForm { fault };
        let uri = format!("{}{rest}", self.base.as_str()).parse::<TargetUri>();
        let uri = uri.map_err(|error| invalid(error.into()))?;
        if uri.as_str().starts_with(self.base.as_str()) {
            Ok(uri)
        } else {
            Err(invalid(Fault::OutOfBase))
        }
    }
}

fn mirror(name: &str, base: &str) -> Result<Mirror, InvalidMirror> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    // `.` and `..` would vanish from a path on its way here.
    if matches!(name, "" | "." | "..") || !name.bytes().all(is_plain) {
        return Err(InvalidMirror::Name);
    }
    if base.contains(['?', '#']) {
        return Err(InvalidMirror::Base);
    }
    let slash = if base.ends_with('/') { "" } else { "/" };
    let base = format!("{base}{slash}").parse::<TargetUri>();
    let base = base.map_err(|_| InvalidMirror::Base)?;
    if !matches!(base.scheme(), "http" | "https") {
        return Err(InvalidMirror::Base);
    }
    let name = name.to_owned();
    Ok(Mirror { name, base })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrors() -> Mirrors {
        let given = [
            ("deb", "http://deb.example.com/debian"),
            ("sec", "http://deb.example.com/debian/security/"),
        ];
        Mirrors::new(given).unwrap()
    }

    fn resolved(path: &str) -> Result<Option<String>, InvalidTarget> {
        let uri = mirrors().resolve(&path.parse().unwrap())?;
        Ok(uri.map(|uri| uri.to_string()))
    }

    #[test]
    fn the_rest_is_kept_byte_for_byte() {
        for (path, url) in [
            (
                "/mirror/deb/a%2Bb//c~1?x=%20&y",
                "http://deb.example.com/debian/a%2Bb//c~1?x=%20&y",
            ),
            ("/mirror/deb/", "http://deb.example.com/debian/"),
            ("/mirror/deb", "http://deb.example.com/debian/"),
            ("/mirror/deb?q", "http://deb.example.com/debian/?q"),
            ("/mirror/sec/x", "http://deb.example.com/debian/security/x"),
        ] {
            assert_eq!(resolved(path).unwrap().as_deref(), Some(url), "{path}");
        }
    }

    #[test]
    fn other_paths_and_unknown_names_are_told_apart() {
        assert_eq!(resolved("/mirror"), Ok(None));
        assert_eq!(resolved("/fetch"), Ok(None));
        for path in [
            "/mirror/",
            "/mirror/none/x",
            "/mirror/DEB/x",
            "/mirror/../deb/x",
        ] {
            assert_eq!(resolved(path), Err(InvalidTarget::UnknownMirror), "{path}");
        }
    }

    #[test]
    fn dot_segments_do_not_lead_out_of_the_base() {
        for path in [
            "/mirror/deb/../x",
            "/mirror/deb/a/../../x",
            "/mirror/deb/%2e%2e/x",
            "/mirror/deb/..\\x",
        ] {
            let fault = Fault::OutOfBase;
            assert_eq!(
                resolved(path),
                Err(InvalidTarget::AbsoluteForm { fault }),
                "{path}"
            );
        }
        let inside = resolved("/mirror/deb/a/../b").unwrap().unwrap();
        assert_eq!(inside, "http://deb.example.com/debian/b");
    }

    #[test]
    fn references_below_a_base_lead_back_through_the_closest_mirror() {
        let target = "http://deb.example.com/debian/a/b".parse().unwrap();
        let path = |reference| mirrors().path_of(&target, reference);
        assert_eq!(path("c?d#e").as_deref(), Some("/mirror/deb/a/c?d#e"));
        assert_eq!(path("/debian/x").as_deref(), Some("/mirror/deb/x"));
        assert_eq!(
            path("http://deb.example.com/debian/security/y").as_deref(),
            Some("/mirror/sec/y")
        );
        assert_eq!(path("/other"), None);
        assert_eq!(path("https://deb.example.com/debian/x"), None);
    }

    #[test]
    fn what_is_no_mirror_is_refused() {
        for (name, base) in [("", "http://a/"), ("a/b", "http://a/"), ("..", "http://a/")] {
            assert_eq!(
                Mirrors::new([(name, base)]).unwrap_err(),
                InvalidMirror::Name
            );
        }
        for base in ["a", "ftp://a/", "http://a/?q", "http://a/#f", "http://u@a/"] {
            assert_eq!(
                Mirrors::new([("n", base)]).unwrap_err(),
                InvalidMirror::Base,
                "{base}"
            );
        }
    }
}
