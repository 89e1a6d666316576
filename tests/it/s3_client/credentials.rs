//! Keys of a store from wherever a machine has them, found by the program itself and good for signatures.

mod profiles;
mod renewal;

use std::{collections::BTreeMap, fs};

use serde_json::json;

use crate::support::{
    cache::{Cache, Setup},
    origin::{Content, Origin, Received, Reply},
    s3::{ACCESS_KEY, SECRET_KEY, Store},
};

/// A cache whose store has no keys in the configuration.
fn setup(store: &Store) -> Setup {
    let settings = format!(
        "s3: {{endpoints: {{default: {{url: '{}'}}}}}}\n",
        store.url()
    );
    Cache::setup()
        .allow_cidrs(&[])
        .config(&settings)
        .environment("HOME", "/nonexistent")
}

fn keys(expiration: &str) -> Content {
    let keys = json!({
        "AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY, "Expiration": expiration,
    });
    Content::literal(keys.to_string())
}

/// What the token service answers with to `action`.
fn role_keys(action: &str, session_token: &str) -> Content {
    Content::literal(format!(
        "<{action}Response><{action}Result><Credentials><AccessKeyId>{ACCESS_KEY}</AccessKeyId>\
         <SecretAccessKey>{SECRET_KEY}</SecretAccessKey><SessionToken>{session_token}</SessionToken>\
         <Expiration>{LATER}</Expiration></Credentials></{action}Result></{action}Response>"
    ))
}

/// The fields of a form that was sent.
fn form(request: &Received) -> BTreeMap<String, String> {
    let pairs = url::form_urlencoded::parse(&request.body);
    pairs.into_owned().collect()
}

const LATER: &str = "2100-01-01T00:00:00Z";
const PAST: &str = "2020-01-01T00:00:00Z";

fn store() -> Store {
    let store = Store::start();
    for key in ["a", "b", "c"] {
        store.place(key, b"bytes");
    }
    store
}

#[test]
fn the_environment_has_keys() {
    let store = store();
    let cache = setup(&store)
        .environment("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .environment("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .start();
    assert_eq!(cache.fetch("s3://models/a").text(), "bytes");
}

#[test]
fn a_profile_of_the_shared_files_has_keys() {
    let (store, directory) = (store(), tempfile::tempdir().unwrap());
    let file = directory.path().join("credentials");
    let text =
        format!("[lab]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n");
    fs::write(&file, text).unwrap();
    let cache = setup(&store)
        .environment("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap())
        .environment("AWS_PROFILE", "lab")
        .start();
    assert_eq!(cache.fetch("s3://models/a").text(), "bytes");
}

#[test]
fn a_container_has_keys_which_are_asked_for_once() {
    let (store, service) = (store(), Origin::start());
    service.route("/keys", Reply::ok(keys(LATER)));
    let cache = setup(&store)
        .environment("AWS_CONTAINER_CREDENTIALS_FULL_URI", &service.url("/keys"))
        .environment("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token of the pod")
        .start();
    std::thread::scope(|scope| {
        for key in ["a", "b", "c"] {
            let cache = &cache;
            scope.spawn(move || {
                assert_eq!(cache.fetch(&format!("s3://models/{key}")).text(), "bytes");
            });
        }
    });
    assert_eq!(service.hits("/keys"), 1);
    let token = service.requests()[0]
        .value("authorization")
        .map(str::to_owned);
    assert_eq!(token.as_deref(), Some("token of the pod"));
}

#[test]
fn keys_that_have_ended_are_asked_for_again() {
    let (store, service) = (store(), Origin::start());
    service.route("/keys", Reply::ok(keys(PAST)));
    let cache = setup(&store)
        .environment("AWS_CONTAINER_CREDENTIALS_FULL_URI", &service.url("/keys"))
        .start();
    for key in ["a", "b"] {
        assert_eq!(cache.fetch(&format!("s3://models/{key}")).text(), "bytes");
    }
    assert_eq!(service.hits("/keys"), 2);
}

#[test]
fn an_instance_has_keys_behind_a_token() {
    let (store, service) = (store(), Origin::start());
    let roles = "/latest/meta-data/iam/security-credentials/";
    service.route("/latest/api/token", Reply::ok(Content::literal("t0ken")));
    service.route(roles, Reply::ok(Content::literal("builder\n")));
    service.route(&format!("{roles}builder"), Reply::ok(keys(LATER)));
    let cache = setup(&store)
        .environment("AWS_EC2_METADATA_SERVICE_ENDPOINT", &service.url("/"))
        .start();
    assert_eq!(cache.fetch("s3://models/a").text(), "bytes");
    let asked = service.requests();
    let life = asked[0].value("x-aws-ec2-metadata-token-ttl-seconds");
    assert_eq!((asked[0].method.as_str(), life), ("PUT", Some("300")));
    for request in &asked[1..] {
        assert_eq!(request.value("x-aws-ec2-metadata-token"), Some("t0ken"));
    }
    assert_eq!(asked.len(), 3);
}

#[test]
fn a_web_identity_is_exchanged_for_keys() {
    let (store, service) = (store(), Origin::start());
    let answer = role_keys("AssumeRoleWithWebIdentity", "t");
    service.route("/", Reply::ok(answer));
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    fs::write(&token, "header.claims.signature").unwrap();
    let cache = setup(&store)
        .environment("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap())
        .environment("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")
        .environment("AWS_ENDPOINT_URL_STS", &service.url("/"))
        .start();
    assert_eq!(cache.fetch("s3://models/a").text(), "bytes");
    let asked = &service.requests()[0];
    let form = form(asked);
    assert_eq!(asked.method, "POST");
    assert_eq!(form["Action"], "AssumeRoleWithWebIdentity");
    assert_eq!(form["RoleArn"], "arn:aws:iam::1:role/r");
    assert_eq!(form["WebIdentityToken"], "header.claims.signature");
    assert_eq!(asked.value("authorization"), None);
}

#[test]
fn a_source_that_fails_fails_the_request_and_tells_no_secret() {
    let (store, service) = (store(), Origin::start());
    service.route("/keys", Reply::status(403));
    let cache = setup(&store)
        .environment("AWS_CONTAINER_CREDENTIALS_FULL_URI", &service.url("/keys"))
        .environment("AWS_CONTAINER_AUTHORIZATION_TOKEN", "s3cret-token")
        .start();
    let response = cache.fetch("s3://models/a");
    assert_eq!(response.status(), 500);
    assert!(!response.text().contains("s3cret-token"));
    assert!(store.requests().is_empty());
}
