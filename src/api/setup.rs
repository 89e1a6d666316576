//! `/setup`: the page that tells clients how to use this cache.

use std::fmt::Write as _;

use artifact_cache_layers::body::Body;
use http::{Response, header, request::Parts};

use super::answer;
use crate::setup::{Setup, Shell, TOOLS, Writing, rendered};

/// The page, for the name by which the client reached us.
pub(super) fn show(request: &Parts) -> Response<Body> {
    let setup = setup(request);
    let mut page = String::from(HEAD);
    section(
        &mut page,
        "Environment",
        &rendered(&setup.variables(), Shell::Bash),
    );
    for tool in TOOLS
        .iter()
        .filter(|tool| tool.writing != Writing::Environment)
    {
        let title = format!("{} ({})", tool.name, tool.file);
        section(&mut page, &title, &tool.text(&setup));
    }
    page.push_str("</body></html>\n");
    answer::typed("text/html; charset=utf-8", page.into())
}

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><title>artifact-cache: set-up</title></head><body>\n\
    <h1>Set-up</h1>\n<p>The same from the command line: <code>artifact-cache env</code>, \
    <code>artifact-cache run -- CMD</code>, <code>artifact-cache setup TOOL [--write]</code>. \
    Clients of https need the cache's certificate authority where https is read on the way.</p>\n";

fn section(page: &mut String, title: &str, text: &str) {
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "<h2>{}</h2>\n<pre>{}</pre>\n",
        escaped(title),
        escaped(text)
    );
}

/// What the client called us; a name that is no name is not repeated.
fn setup(request: &Parts) -> Setup {
    let named = request
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let parsed = named.and_then(|host| url::Url::parse(&format!("http://{host}/")).ok());
    let plain = parsed.filter(|url| url.path() == "/" && url.username().is_empty());
    let host = plain
        .as_ref()
        .and_then(url::Url::host_str)
        .unwrap_or("127.0.0.1")
        .to_owned();
    let port = plain
        .as_ref()
        .and_then(url::Url::port_or_known_default)
        .unwrap_or(8080);
    Setup {
        proxy: format!("http://{host}:{port}"),
        host,
        port,
        trust: None,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
