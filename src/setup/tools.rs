//! The configuration of tools that want their own, and where it stands.

use super::Setup;

/// A tool that can be set up.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// As it is called.
    pub name: &'static str,
    /// Where its configuration stands, below the home directory unless it is absolute.
    pub file: &'static str,
    /// How the configuration is put there.
    pub writing: Writing,
    text: fn(&Setup) -> String,
}

/// How a text gets into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// As a block between two marks, beside whatever else is there.
    Block,
    /// As the whole file; one that somebody else wrote is left alone.
    Whole,
    /// Not at all: it is read from the environment.
    Environment,
}

impl Tool {
    /// The tool of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TOOLS.iter().find(|tool| tool.name == name)
    }

    /// Its configuration.
    #[must_use]
    pub fn text(&self, setup: &Setup) -> String {
        (self.text)(setup)
    }
}

macro_rules! tools {
    ($($name:literal, $file:literal, $writing:ident, $text:expr;)+) => {
        /// Every tool, in alphabetical order.
        pub static TOOLS: &[Tool] = &[$(Tool {
            name: $name,
            file: $file,
            writing: Writing::$writing,
            text: $text,
        }),+];
    };
}

tools! {
    "ansible", "group_vars/all/artifact_cache.yml", Whole, ansible;
    "apt", "/etc/apt/apt.conf.d/30artifact-cache", Whole, apt;
    "cargo", ".cargo/config.toml", Whole, cargo;
    "conda", ".condarc", Whole, conda;
    "curl", ".curlrc", Block, curl;
    "docker", "/etc/systemd/system/docker.service.d/artifact-cache.conf", Whole, docker;
    "gem", "", Environment, environment;
    "git", ".gitconfig", Block, git;
    "go", "", Environment, environment;
    "gradle", ".gradle/gradle.properties", Block, gradle;
    "huggingface", "", Environment, environment;
    "maven", ".m2/settings.xml", Whole, maven;
    "npm", ".npmrc", Block, npm;
    "pip", ".config/pip/pip.conf", Whole, pip;
    "pnpm", ".npmrc", Block, npm;
    "terraform", "", Environment, environment;
    "uv", "", Environment, environment;
    "wget", ".wgetrc", Block, wget;
    "yarn", ".yarnrc.yml", Block, yarn;
}

fn environment(setup: &Setup) -> String {
    super::rendered(&setup.variables(), super::Shell::Bash)
}

/// Lines, and those that name certificates where there are some.
fn lines(setup: &Setup, lines: &str, with_bundle: impl Fn(&str) -> String) -> String {
    let bundle = setup.bundle().map(with_bundle).unwrap_or_default();
    format!("{lines}{bundle}")
}

fn ansible(setup: &Setup) -> String {
    let head = "# In a play: environment: \"{{ artifact_cache_environment }}\"\nartifact_cache_environment:\n";
    let variables = setup.variables().into_iter();
    let entries = variables.map(|(name, value)| format!("  {name}: {}\n", quoted(&value)));
    std::iter::once(head.to_owned()).chain(entries).collect()
}

fn apt(setup: &Setup) -> String {
    let proxy = &setup.proxy;
    let text = format!("Acquire::http::Proxy \"{proxy}\";\nAcquire::https::Proxy \"{proxy}\";\n");
    lines(setup, &text, |file| {
        format!("Acquire::https::CAInfo \"{file}\";\n")
    })
}

fn cargo(setup: &Setup) -> String {
    let text = format!("[http]\nproxy = {}\n", quoted(&setup.proxy));
    lines(setup, &text, |file| format!("cainfo = {}\n", quoted(file)))
}

fn conda(setup: &Setup) -> String {
    let proxy = quoted(&setup.proxy);
    let text = format!("proxy_servers:\n  http: {proxy}\n  https: {proxy}\n");
    lines(setup, &text, |file| {
        format!("ssl_verify: {}\n", quoted(file))
    })
}

fn curl(setup: &Setup) -> String {
    let text = format!(
        "proxy = {}\nnoproxy = \"{}\"\n",
        quoted(&setup.proxy),
        super::NO_PROXY
    );
    lines(setup, &text, |file| format!("cacert = {}\n", quoted(file)))
}

fn docker(setup: &Setup) -> String {
    let proxy = &setup.proxy;
    // In a unit, `%` begins a specifier.
    let proxy = proxy.replace('%', "%%");
    format!(
        "# then: systemctl daemon-reload && systemctl restart docker\n[Service]\n\
         Environment=\"HTTP_PROXY={proxy}\" \"HTTPS_PROXY={proxy}\" \"NO_PROXY={}\"\n",
        super::NO_PROXY
    )
}

fn git(setup: &Setup) -> String {
    let text = format!("[http]\n\tproxy = {}\n", quoted(&setup.proxy));
    lines(setup, &text, |file| {
        format!("\tsslCAInfo = {}\n", quoted(file))
    })
}

fn gradle(setup: &Setup) -> String {
    let (host, port) = (&setup.host, setup.port);
    ["http", "https"]
        .map(|scheme| {
            format!("systemProp.{scheme}.proxyHost={host}\nsystemProp.{scheme}.proxyPort={port}\n")
        })
        .concat()
        + "systemProp.http.nonProxyHosts=localhost|127.*|[::1]\n"
}

fn maven(setup: &Setup) -> String {
    let (host, port) = (&setup.host, setup.port);
    let proxies = ["http", "https"].map(|protocol| {
        format!(
            "    <proxy>\n      <id>artifact-cache-{protocol}</id>\n      <active>true</active>\n      \
             <protocol>{protocol}</protocol>\n      <host>{host}</host>\n      <port>{port}</port>\n      \
             <nonProxyHosts>localhost|127.*</nonProxyHosts>\n    </proxy>\n"
        )
    });
    let proxies = proxies.concat();
    format!("<settings>\n  <proxies>\n{proxies}  </proxies>\n</settings>\n")
}

fn npm(setup: &Setup) -> String {
    let (proxy, exempt) = (&setup.proxy, super::NO_PROXY);
    let text = format!("proxy={proxy}\nhttps-proxy={proxy}\nnoproxy={exempt}\n");
    lines(setup, &text, |file| format!("cafile={file}\n"))
}

fn pip(setup: &Setup) -> String {
    let text = format!("[global]\nproxy = {}\n", setup.proxy);
    lines(setup, &text, |file| format!("cert = {file}\n"))
}

fn wget(setup: &Setup) -> String {
    let (proxy, exempt) = (&setup.proxy, super::NO_PROXY);
    let text = format!(
        "use_proxy = on\nhttp_proxy = {proxy}\nhttps_proxy = {proxy}\nno_proxy = {exempt}\n"
    );
    lines(setup, &text, |file| format!("ca_certificate = {file}\n"))
}

fn yarn(setup: &Setup) -> String {
    let proxy = quoted(&setup.proxy);
    let text = format!("httpProxy: {proxy}\nhttpsProxy: {proxy}\n");
    lines(setup, &text, |file| {
        format!("httpsCaFilePath: {}\n", quoted(file))
    })
}

/// In double quotes, as YAML, TOML and the configuration of git and curl read them.
fn quoted(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::example;

    #[test]
    fn every_tool_is_told_the_proxy_and_the_certificates_it_can_be_told() {
        for tool in TOOLS {
            let (with, without) = (tool.text(&example(true)), tool.text(&example(false)));
            assert!(without.contains("cache.example.com"), "{}", tool.name);
            assert!(!without.contains(".pem"), "{}", tool.name);
            // What trusts its own store, or the machine's, cannot be told by a line.
            let is_told = !matches!(tool.name, "docker" | "gradle" | "maven");
            assert_eq!(with.contains("bundle.pem"), is_told, "{}", tool.name);
        }
    }

    #[test]
    fn names_stand_in_order_and_once() {
        let names: Vec<_> = TOOLS.iter().map(|tool| tool.name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
    }

    #[test]
    fn yaml_is_yaml() {
        for name in ["ansible", "conda", "yarn"] {
            let text = Tool::named(name).unwrap().text(&example(true));
            let value: serde_json::Value = yaml_serde::from_str(&text).unwrap();
            assert!(value.is_object(), "{name}");
        }
    }
}
