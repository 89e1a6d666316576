//! How clients are told to use this cache: the variables of the environment that nearly all of them read, and
//! the configuration of those that want their own. Texts only; who writes them where is the command
//! line's affair.

mod shell;
mod tools;

pub use self::{
    shell::{Shell, rendered},
    tools::{TOOLS, Tool, Writing},
};

/// What a client is to use.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The proxy's URL without a path, credentials included if it wants some.
    pub proxy: String,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The certificates to trust, where https is read on the way.
    pub trust: Option<Trust>,
}

/// Certificates in PEM files.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The cache's own authority, for clients that add it to what they trust.
    pub authority: String,
    /// The same together with the machine's, for clients that trust one file only.
    pub bundle: String,
}

/// What is never asked through the proxy.
const NO_PROXY: &str = "localhost,127.0.0.1,::1";

/// Variables for a file with all that is to be trusted. The last client is named for each.
const BUNDLES: [&str; 11] = [
    "SSL_CERT_FILE",      // OpenSSL: Python, Go, Ruby, httpx, uv
    "CURL_CA_BUNDLE",     // curl
    "REQUESTS_CA_BUNDLE", // requests
    "PIP_CERT",           // pip
    "CARGO_HTTP_CAINFO",  // cargo
    "GIT_SSL_CAINFO",     // git
    "AWS_CA_BUNDLE",      // boto3, awscli
    "NIX_SSL_CERT_FILE",  // nix
    "BUNDLE_SSL_CA_CERT", // bundler
    "npm_config_cafile",  // npm, pnpm
    "DENO_CERT",          // deno
];

impl Setup {
    /// The variables that point clients to the cache. Both spellings: curl reads one in lower case only, as
    /// a server may be made to set the other, and some clients know the capitals only.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let proxies = ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"];
        let mut variables: Vec<_> = proxies.map(|name| (name, self.proxy.clone())).into();
        variables.extend(["no_proxy", "NO_PROXY"].map(|name| (name, NO_PROXY.to_owned())));
        // Node's own clients heed the others only when told so.
        variables.push(("NODE_USE_ENV_PROXY", "1".to_owned()));
        if let Some(trust) = &self.trust {
            variables.extend(BUNDLES.map(|name| (name, trust.bundle.clone())));
            variables.push(("NODE_EXTRA_CA_CERTS", trust.authority.clone()));
        }
        variables
    }

    fn bundle(&self) -> Option<&str> {
        self.trust.as_ref().map(|trust| trust.bundle.as_str())
    }
}

#[cfg(test)]
pub(crate) fn example(trust: bool) -> Setup {
    Setup {
        proxy: "http://cache.example.com:8080".into(),
        host: "cache.example.com".into(),
        port: 8080,
        trust: trust.then(|| Trust {
            authority: "/srv/ca/ca.pem".into(),
            bundle: "/srv/ca/bundle.pem".into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_named_only_where_there_are_some() {
        let names = |trust| -> Vec<_> {
            let variables = example(trust).variables();
            variables.into_iter().map(|(name, _)| name).collect()
        };
        assert!(
            !names(false)
                .iter()
                .any(|name| name.contains("CERT") || name.contains("CA"))
        );
        assert!(names(true).contains(&"SSL_CERT_FILE"));
    }
}
