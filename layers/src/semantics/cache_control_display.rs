//! `CacheControl` as a field value.

use std::fmt;

use http::HeaderName;

use super::{CacheControl, FLAGS};

impl fmt::Display for CacheControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = Written { f, any: false };
        for (bit, name) in FLAGS.iter().enumerate() {
            if self.flags & (1 << bit) != 0 {
                written.directive(name, None)?;
            }
        }
        for (name, value) in [
            ("max-age", self.max_age),
            ("s-maxage", self.s_maxage),
            ("stale-while-revalidate", self.stale_while_revalidate),
            ("stale-if-error", self.stale_if_error),
            ("min-fresh", self.min_fresh),
        ] {
            if let Some(value) = value {
                written.directive(name, Some(&value))?;
            }
        }
        match &self.max_stale {
            Some(Some(limit)) => written.directive("max-stale", Some(limit))?,
            Some(None) => written.directive("max-stale", None)?,
            None => {}
        }
        written.names("no-cache", &self.no_cache_fields)?;
        written.names("private", &self.private_fields)
    }
}

struct Written<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    any: bool,
}

impl Written<'_, '_> {
    fn directive(&mut self, name: &str, argument: Option<&dyn fmt::Display>) -> fmt::Result {
        self.f.write_str(if self.any { ", " } else { "" })?;
        self.any = true;
        self.f.write_str(name)?;
        argument.map_or(Ok(()), |argument| write!(self.f, "={argument}"))
    }

    fn names(&mut self, directive: &str, names: &[HeaderName]) -> fmt::Result {
        if names.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
        self.directive(directive, Some(&format_args!("\"{}\"", names.join(", "))))
    }
}
