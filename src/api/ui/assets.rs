//! What pages load: a style sheet, a script, an icon. Part of the program, named by their digests, so that
//! browsers keep them until they change.

use std::sync::LazyLock;

use artifact_cache_layers::{body::Body, digest::Sha256};
use http::{HeaderValue, Method, Response, StatusCode, header, request::Parts};

use super::super::answer;

const STYLE: &str = include_str!("assets/ui.css");
const SCRIPT: &str = include_str!("assets/ui.js");
const ICON: &str = include_str!("assets/icon.svg");

/// Where what pages load is.
pub(super) struct Assets {
    pub(super) style: String,
    pub(super) script: String,
    pub(super) icon: String,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: named("ui.css", STYLE),
    script: named("ui.js", SCRIPT),
    icon: named("icon.svg", ICON),
});

fn named(name: &str, text: &str) -> String {
    let digest = Sha256::of(text.as_bytes()).to_string();
    format!("/ui/assets/{name}?v={}", &digest[..12])
}

/// Where what pages load is.
pub(super) fn all() -> &'static Assets {
    &ASSETS
}

/// The answer to a request for what pages load; none for a page.
pub(super) fn find(head: &Parts) -> Option<Response<Body>> {
    let name = head.uri.path().strip_prefix("/ui/assets/")?;
    let (media_type, text) = match name {
        "ui.css" => ("text/css; charset=utf-8", STYLE),
        "ui.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return Some(bare(StatusCode::NOT_FOUND)),
    };
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return Some(bare(StatusCode::METHOD_NOT_ALLOWED));
    }
    let mut response = answer::typed(media_type, text.into());
    let lasting = HeaderValue::from_static("public, max-age=31536000, immutable");
    let is_current = head.uri.path_and_query().is_some_and(|asked| {
        let assets = all();
        [&assets.style, &assets.script, &assets.icon]
            .iter()
            .any(|known| known.as_str() == asked.as_str())
    });
    if is_current {
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, lasting);
    }
    Some(response)
}

fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let allow = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}
