//! Parts of section `upstream` that name other hosts: parents, routes, mirrors, and fields of our own.

use std::path::PathBuf;

use http::HeaderName;
use url::Url;

use super::{problem::Problems, setting::section, upstream::Upstream};

/// What `parent` is where none is wanted.
pub const DIRECT: &str = "direct";

section! {
    /// Which way leads to some hosts.
    pub struct Route {
        /// Host; `*.example.com` covers subdomains, `host:port` one port only.
        pub host: String = String::new(),
        /// Proxy as in `upstream.parent`, or `direct`.
        pub parent: String = DIRECT.into(),
        /// File with `user:password` for that proxy.
        pub credentials_file: Option<PathBuf> = None,
    }
}

section! {
    /// Another place from which artifacts below a URL are fetched.
    pub struct Rewrite {
        /// URL prefix that clients ask for.
        pub from: String = String::new(),
        /// URL prefix that is asked instead.
        pub to: String = String::new(),
    }
}

section! {
    /// A field that is sent to one place only.
    pub struct Field {
        /// URL prefix, as it is asked after `rewrite`.
        pub prefix: String = String::new(),
        /// Name of the field.
        pub name: String = "Authorization".into(),
        /// File with a token that is sent as `Bearer`.
        pub bearer_file: Option<PathBuf> = None,
        /// File with the whole value.
        pub value_file: Option<PathBuf> = None,
    }
}

impl Upstream {
    pub(super) fn check_ways(&self, problems: &mut Problems) {
        if let Some(parent) = &self.parent {
            check_parent("upstream.parent", parent, problems);
        }
        for route in &self.routes {
            if route.host.is_empty() {
                problems.add("upstream.routes", "each route needs a `host`");
            }
            if route.parent != DIRECT {
                check_parent("upstream.routes", &route.parent, problems);
            }
        }
        for rewrite in &self.rewrite {
            rewrite.check(problems);
        }
        for field in &self.fields {
            field.check(problems);
        }
    }
}

fn check_parent(key: &str, text: &str, problems: &mut Problems) {
    let Ok(url) = Url::parse(text) else {
        return problems.add(
            key,
            format!("`{text}` is no URL of a proxy, such as `http://proxy.example.com:3128`"),
        );
    };
    // A text that may hold a password is not repeated.
    if !url.username().is_empty() || url.password().is_some() {
        problems.add(key, "credentials do not stand in the URL, which is shown and logged; write `user:password` to a file and name it");
    } else if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") || !url.has_host() {
        problems.add(
            key,
            format!("`{text}` must be an http, https or socks5 URL"),
        );
    } else if !matches!(url.path(), "" | "/") || url.query().is_some() {
        problems.add(
            key,
            format!("`{text}` must name a host and a port, no path"),
        );
    }
}

impl Rewrite {
    fn check(&self, problems: &mut Problems) {
        for text in [&self.from, &self.to] {
            check_prefix("upstream.rewrite", text, problems);
        }
        if self.from.ends_with('/') != self.to.ends_with('/') {
            problems.add(
                "upstream.rewrite",
                format!(
                    "`{}` and `{}` must both end with `/`, or neither",
                    self.from, self.to
                ),
            );
        }
    }
}

impl Field {
    fn check(&self, problems: &mut Problems) {
        check_prefix("upstream.fields", &self.prefix, problems);
        if self.name.parse::<HeaderName>().is_err() {
            problems.add(
                "upstream.fields",
                format!("`{}` is no field name", self.name),
            );
        }
        if self.bearer_file.is_some() == self.value_file.is_some() {
            problems.add(
                "upstream.fields",
                "name either `bearer_file` or `value_file`",
            );
        }
    }
}

fn check_prefix(key: &str, text: &str, problems: &mut Problems) {
    let is_http = |url: &Url| matches!(url.scheme(), "http" | "https");
    if !Url::parse(text).is_ok_and(|url| is_http(&url) && url.username().is_empty()) {
        problems.add(key, format!("`{text}` is no http or https URL"));
    }
}
