//! Section `classes`: what may be taken for granted of a URL, by its path.

mod pattern;

use std::sync::Arc;

use artifact_cache_layers::semantics::{class::Class, target_uri::TargetUri};
use regex::{RegexSet, RegexSetBuilder};

use super::{problem::Problems, setting::section, units::Span};

/// The rules that ship with the program, most particular first within each ecosystem. No host is named.
const SHIPPED: &str = include_str!("shipped.txt");

section! {
    /// Classes of resources, for the forward proxy and mirrors: `immutable` is fresh as long as it is
    /// stored, `index` is validated unless it just was, `default` follows RFC 9111 alone, `bypass` is
    /// never stored. What a response forbids stays forbidden. `artifact-cache explain URL` says which
    /// rule a URL falls under.
    pub struct Classes {
        /// Rules as `class pattern`, the first that matches wins. A pattern is a path, or a host and a
        /// path: `*` stands for anything within a segment, `**` for anything, `<hex>` for 32 or more
        /// hexadecimal digits; a host may begin with `*.`.
        pub rules: Vec<String> = Vec::new(),
        /// Whether the rules for common ecosystems that ship with the program follow after `rules`.
        pub shipped: bool = true,
        /// How long an `index` without explicit freshness is taken for current after it was validated.
        pub index_window: Span = Span::seconds(10),
        /// Whether the signature of a presigned URL is left out of its key, and a redirect to such a
        /// URL followed inside, so that what is behind it is stored under the first URL.
        pub presigned: bool = true,
    }
}

/// Finds the class of a URL: one pass over it, however many rules there are. Clones share the rules.
#[derive(Clone, Debug)]
pub struct Classifier(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    patterns: RegexSet,
    rules: Vec<(Class, String)>,
}

/// A text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no rule; write a class (immutable, index, default, bypass) and a pattern, such as `immutable /**.deb`"
)]
pub struct InvalidRule(String);

/// Most bytes that the compiled rules may take.
const COMPILED_BYTES: usize = 16 << 20;

impl Classes {
    /// The rules in force.
    ///
    /// # Errors
    /// The first text that is no rule; a validated configuration has none.
    pub fn classifier(&self) -> Result<Classifier, InvalidRule> {
        let shipped = SHIPPED.lines().filter(|_| self.shipped);
        let shipped = shipped.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let own = self.rules.iter().map(String::as_str);
        Classifier::new(own.chain(shipped))
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        for rule in &self.rules {
            if let Err(error) = Classifier::new([rule.as_str()]) {
                problems.add("classes.rules", error.to_string());
            }
        }
    }
}

impl Classifier {
    fn new<'a>(rules: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidRule> {
        let rules = rules
            .into_iter()
            .map(parse)
            .collect::<Result<Vec<_>, _>>()?;
        let patterns = rules.iter().map(|(_, pattern)| pattern::regex(pattern));
        let patterns = RegexSetBuilder::new(patterns)
            .size_limit(COMPILED_BYTES)
            .build()
            .map_err(|error| InvalidRule(error.to_string()))?;
        Ok(Self(Arc::new(Rules { patterns, rules })))
    }

    /// The class of `uri`, and the pattern that says so.
    #[must_use]
    pub fn find(&self, uri: &TargetUri) -> (Class, Option<&str>) {
        let path = uri.path_and_query().split('?').next().unwrap_or_default();
        let found = self.0.patterns.matches(&format!("{}{path}", uri.host()));
        let first = found
            .iter()
            .next()
            .and_then(|index| self.0.rules.get(index));
        first.map_or((Class::Default, None), |(class, pattern)| {
            (*class, Some(pattern))
        })
    }
}

fn parse(text: &str) -> Result<(Class, String), InvalidRule> {
    let invalid = || InvalidRule(text.to_owned());
    let (class, pattern) = text
        .trim()
        .split_once(char::is_whitespace)
        .ok_or_else(invalid)?;
    let class = Class::ALL.into_iter().find(|known| known.as_str() == class);
    let pattern = pattern.trim();
    let is_pattern = pattern.contains('/') && !pattern.contains(char::is_whitespace);
    match class {
        Some(class) if is_pattern => Ok((class, pattern.to_owned())),
        _ => Err(invalid()),
    }
}

#[cfg(test)]
mod tests;
