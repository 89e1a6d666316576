//! Logging in and out, where tokens are asked for.

use artifact_cache_layers::body::Body;
use askama::Template;
use http::{Method, Response, StatusCode};
use url::form_urlencoded;

use super::{
    Answer, Panel, Refusal,
    form::Form,
    shell::{Section, Shell, page},
    visit::{Visit, to},
};
use crate::error::Error;

#[derive(Template)]
#[template(path = "login.html", config = "src/api/ui/askama.toml")]
struct Page<'a> {
    shell: Shell<'a>,
    error: Option<String>,
    next: String,
}

/// The form; there is none where nobody needs to log in.
pub(super) fn show<P: Panel>(panel: &P, visit: &Visit, error: Option<String>) -> Answer {
    if !visit.is_guarded {
        return Ok(to("/ui/"));
    }
    let next = local(&visit.parameter("next")).to_owned();
    form(panel, visit, error, next)
}

fn form<P: Panel>(panel: &P, visit: &Visit, error: Option<String>, next: String) -> Answer {
    let status = match error {
        None => StatusCode::OK,
        Some(_) => StatusCode::FORBIDDEN,
    };
    let shell = Shell::new(panel, visit, "Log in", Section::None);
    page(status, &Page { shell, error, next })
}

/// Begins a session with a new cookie, so that one that somebody else knew is of no use.
pub(super) fn log_in<P: Panel>(panel: &P, visit: &Visit, sent: &Form) -> Answer {
    let next = local(sent.text("next"));
    if !visit.is_guarded {
        return Ok(to("/ui/"));
    }
    match panel.gate().log_in(sent.text("token")) {
        Ok(cookie) => Ok(visit.with_cookie(to(next), &cookie, None)),
        Err(error) => {
            let text = format!("Not logged in: {error}.");
            form(panel, visit, Some(text), next.to_owned())
        }
    }
}

/// Ends the session and forgets its cookie.
pub(super) fn log_out<P: Panel>(panel: &P, visit: &Visit) -> Response<Body> {
    panel.gate().sessions().end(&visit.cookie);
    visit.with_cookie(to("/ui/login"), "", Some(0))
}

/// What somebody sees whom the gate turned away: the form to log in, or why not even that helps.
pub(super) fn turned_away(visit: &Visit, error: &Error) -> Answer {
    if !matches!(error, Error::Unauthorized { .. }) {
        return Err(Refusal::Forbidden(error.message()));
    }
    let is_read = matches!(visit.head.method, Method::GET | Method::HEAD);
    let asked = visit.head.uri.path_and_query().filter(|_| is_read);
    let asked = asked.map_or("/ui/", |asked| asked.as_str());
    let next: String = form_urlencoded::byte_serialize(asked.as_bytes()).collect();
    Ok(to(&format!("/ui/login?next={next}")))
}

/// A place of these pages; nobody is led elsewhere.
fn local(place: &str) -> &str {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    if place.starts_with("/ui/") && place.bytes().all(is_plain) {
        place
    } else {
        "/ui/"
    }
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn nobody_is_led_elsewhere() {
        assert_eq!(local("/ui/artifacts?q=a%20b"), "/ui/artifacts?q=a%20b");
        for place in [
            "",
            "//evil.example/",
            "https://evil.example/ui/",
            "/fetch?url=x",
            "/ui/\r\nx: y",
            "/ui/\\x",
        ] {
            assert_eq!(local(place), "/ui/", "{place:?}");
        }
    }
}
