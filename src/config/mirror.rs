//! Section `mirror`: prefixes of our own that stand for upstream base URLs.

use artifact_cache_layers::{
    semantics::target_uri::TargetUri,
    target::{InvalidMirror, Mirrors},
};

use super::{problem::Problems, setting::section};

section! {
    /// Mirrors: `/mirror/<name>/path` is answered with what the base URL of that name has at `path`, by
    /// the rules of the forward proxy. Clients need neither a proxy setting nor a certificate.
    pub struct Mirror {
        /// Mirrors as `name=URL`, such as `debian=https://deb.example.com/debian`. Their hosts may be
        /// reached whatever their address, by every door.
        pub upstreams: Vec<String> = Vec::new(),
        /// The URL under which clients reach this cache, such as `https://cache.example.com`. With it,
        /// redirects within a mirror are absolute, else they are paths.
        pub public_url: Option<String> = None,
    }
}

impl Mirror {
    /// The mirrors.
    ///
    /// # Errors
    /// The first entry that is none; a validated configuration has none.
    pub fn mirrors(&self) -> Result<Mirrors, InvalidMirror> {
        Mirrors::new(self.upstreams.iter().map(|entry| split(entry)))
    }

    /// The mirrors by name, as they are written.
    pub fn named(&self) -> impl Iterator<Item = (&str, &str)> {
        self.upstreams.iter().map(|entry| split(entry))
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        let mut names = Vec::new();
        for entry in &self.upstreams {
            let (name, base) = split(entry);
            if let Err(error) = Mirrors::new([(name, base)]) {
                problems.add(
                    "mirror.upstreams",
                    format!("`{entry}` is no mirror; write `name=URL`: {error}"),
                );
            }
            if names.contains(&name) {
                problems.add("mirror.upstreams", format!("`{name}` is there twice"));
            }
            names.push(name);
        }
        if let Some(url) = &self.public_url
            && !url.parse::<TargetUri>().is_ok_and(|url| is_plain(&url))
        {
            problems.add(
                "mirror.public_url",
                format!("`{url}` is no http or https URL without query"),
            );
        }
    }
}

fn split(entry: &str) -> (&str, &str) {
    let (name, base) = entry.split_once('=').unwrap_or((entry, ""));
    (name.trim(), base.trim())
}

fn is_plain(url: &TargetUri) -> bool {
    matches!(url.scheme(), "http" | "https") && !url.path_and_query().contains('?')
}
