//! How clients are set up, for the address by which the visitor reached us.

use askama::Template;
use http::header;

use super::{
    Answer, Panel, Refusal,
    shell::{Section, Shell, ok},
    visit::{Visit, text},
};
use crate::setup::{Setup, Shell as Syntax, TOOLS, Tool, Writing, rendered};

#[derive(Template)]
#[template(path = "clients.html", config = "src/api/ui/askama.toml")]
struct Page<'a> {
    shell: Shell<'a>,
    heading: String,
    about: String,
    tools: Vec<Choice>,
    snippets: Vec<Snippet>,
}

struct Choice {
    name: &'static str,
    is_here: bool,
}

/// A text to be copied.
pub(super) struct Snippet {
    pub(super) what: &'static str,
    pub(super) text: String,
}

impl Snippet {
    pub(super) const fn new(what: &'static str, text: String) -> Self {
        Self { what, text }
    }
}

pub(super) fn show<P: Panel>(panel: &P, visit: &Visit, name: Option<&str>) -> Answer {
    let setup = setup(visit);
    let tool = match name {
        None => None,
        Some(name) => Some(Tool::named(name).ok_or(Refusal::NotFound)?),
    };
    let tools = TOOLS.iter().map(|known| Choice {
        name: known.name,
        is_here: Some(known.name) == name,
    });
    let (heading, about, snippets) = match tool {
        None => everybody(&setup),
        Some(tool) => of_tool(tool, &setup),
    };
    ok(&Page {
        shell: Shell::new(panel, visit, "Set up clients", Section::Clients),
        heading,
        about,
        tools: tools.collect(),
        snippets,
    })
}

fn everybody(setup: &Setup) -> (String, String, Vec<Snippet>) {
    let variables = rendered(&setup.variables(), Syntax::Bash);
    let run = format!("artifact-cache run --url {} -- make", setup.proxy);
    let about = "Nearly every client follows these variables. Those that want a file of their own are below.";
    let snippets = vec![
        Snippet::new("Variables for a shell", variables),
        Snippet::new("One command with these variables", run),
    ];
    ("Set up clients".to_owned(), about.to_owned(), snippets)
}

fn of_tool(tool: &Tool, setup: &Setup) -> (String, String, Vec<Snippet>) {
    let heading = format!("Set up {}", tool.name);
    let text = tool.text(setup);
    if tool.writing == Writing::Environment {
        let about = format!("{} follows the variables of its environment.", tool.name);
        return (
            heading,
            about,
            vec![Snippet::new("Variables for a shell", text)],
        );
    }
    let about = format!("This goes to {}.", tool.file);
    let write = format!(
        "artifact-cache setup {} --url {} --write",
        tool.name, setup.proxy
    );
    let snippets = vec![
        Snippet::new("Configuration", text),
        Snippet::new("Let it be written", write),
    ];
    (heading, about, snippets)
}

/// How the visitor reached us, as a URL without a path.
pub(super) fn base(visit: &Visit) -> String {
    let (scheme, host) = (scheme(visit), host(visit));
    format!("{scheme}://{host}")
}

fn scheme(visit: &Visit) -> &'static str {
    if visit.is_https() { "https" } else { "http" }
}

/// The name by which the visitor called us; one that is no name is not repeated.
fn host(visit: &Visit) -> String {
    let named = text(&visit.head.headers, header::HOST.as_str()).unwrap_or_default();
    let parsed = url::Url::parse(&format!("http://{named}/")).ok();
    let plain = parsed
        .filter(|url| url.path() == "/" && url.username().is_empty() && url.query().is_none());
    plain
        .and_then(|url| {
            let host = url.host_str()?.to_owned();
            Some(
                url.port()
                    .map_or(host.clone(), |port| format!("{host}:{port}")),
            )
        })
        .unwrap_or_else(|| "127.0.0.1:8080".to_owned())
}

fn setup(visit: &Visit) -> Setup {
    let base = base(visit);
    let url = url::Url::parse(&base).ok();
    let host = url
        .as_ref()
        .and_then(url::Url::host_str)
        .unwrap_or("127.0.0.1")
        .to_owned();
    let port = url
        .as_ref()
        .and_then(url::Url::port_or_known_default)
        .unwrap_or(8080);
    Setup {
        proxy: format!("{}://{host}:{port}", scheme(visit)),
        host,
        port,
        trust: None,
    }
}
