//! Who may use the cache: tokens and networks, at every door, and that a token never leaves.

mod doors;
mod limits;
mod networks;
mod registry;
mod tokens;

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{
    cache::{Cache, Setup, program},
    client::{Request, Response},
};

/// A cache that asks for tokens.
fn shut() -> Setup {
    Cache::setup().config("auth: {tokens: true}\nupstream: {max_retries: 0}")
}

/// What `artifact-cache token …` of this machine's operator prints.
#[track_caller]
pub(crate) fn operate(cache: &Cache, arguments: &[&str]) -> Value {
    let output = command(arguments)
        .arg("--data")
        .arg(cache.data())
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8(output.stdout),
        String::from_utf8(output.stderr),
    );
    assert!(output.status.success(), "{arguments:?}: {}", err.unwrap());
    serde_json::from_str(&out.unwrap()).unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = program();
    command
        .arg("token")
        .args(arguments)
        .arg("--json")
        .stdin(Stdio::null());
    command
}

/// A new token with these scopes and further arguments.
#[track_caller]
pub(crate) fn token(cache: &Cache, scopes: &str, further: &[&str]) -> String {
    let arguments = [
        &["create", "--name", "test", "--scope", scopes][..],
        further,
    ]
    .concat();
    let created = operate(cache, &arguments);
    created["token"].as_str().unwrap().to_owned()
}

/// `user:token` as a client sends it.
pub(crate) fn basic(token: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    format!("Basic {}", STANDARD.encode(format!("user:{token}")))
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// GET of one of our own routes with a token.
fn get_with(cache: &Cache, path: &str, token: &str) -> Response {
    cache.exchange(&Request::get(path).field("X-API-Key", token))
}

/// Panics unless it is this error.
#[track_caller]
fn assert_refused(response: &Response, status: u16, code: &str) {
    assert_eq!(response.status(), status, "{response:?}");
    assert_eq!(response.json()["error"], json!(code));
}
