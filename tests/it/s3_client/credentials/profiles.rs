//! Profiles of the shared files that lead further: to roles, programs and single sign-on.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::json;
use tempfile::TempDir;

use super::{LATER, form, keys, role_keys, setup, store};
use crate::{
    fetch::assert_error,
    support::{
        cache::{Cache, Setup},
        origin::{Content, Origin, Reply},
        s3::{ACCESS_KEY, SECRET_KEY, Store},
    },
};

/// A cache whose user has this in `~/.aws/config`, and asks for the profile `work`.
fn profiled(store: &Store, home: &Path, settings: &str) -> Setup {
    fs::create_dir_all(home.join(".aws")).unwrap();
    fs::write(home.join(".aws/config"), settings).unwrap();
    setup(store)
        .environment("HOME", home.to_str().unwrap())
        .environment("AWS_PROFILE", "work")
        .environment("AWS_EC2_METADATA_DISABLED", "true")
}

#[track_caller]
fn assert_works(cache: &Cache) {
    assert_eq!(cache.fetch("s3://models/a").text(), "bytes");
}

/// A role that is assumed with another role, and that with keys.
const CHAIN: &str = "[profile work]\nrole_arn = arn:aws:iam::2:role/reader\nsource_profile = hub\n\
                    external_id = a b\nduration_seconds = 900\nregion = eu-west-1\n\
                    [profile hub]\nrole_arn = arn:aws:iam::1:role/hub\nsource_profile = base\n\
                    role_session_name = me\n\
                    [profile base]\naws_access_key_id = AKBASE\naws_secret_access_key = s\n";

#[test]
fn roles_are_assumed_one_with_the_keys_of_the_other() {
    let (store, service, home) = (store(), Origin::start(), TempDir::new().unwrap());
    service.sequence(
        "/",
        [
            Reply::ok(role_keys("AssumeRole", "first token")),
            Reply::ok(role_keys("AssumeRole", "second token")),
        ],
    );
    let cache = profiled(&store, home.path(), CHAIN)
        .environment("AWS_ENDPOINT_URL_STS", &service.url("/"))
        .start();
    assert_works(&cache);
    let asked = service.requests();
    let (hub, reader) = (form(&asked[0]), form(&asked[1]));
    assert_eq!(hub["RoleArn"], "arn:aws:iam::1:role/hub");
    assert_eq!(hub["RoleSessionName"], "me");
    assert_eq!(reader["RoleArn"], "arn:aws:iam::2:role/reader");
    assert_eq!(reader["ExternalId"], "a b");
    assert_eq!(reader["DurationSeconds"], "900");
    let signed = |at: usize| asked[at].value("authorization").unwrap().to_owned();
    assert!(signed(0).contains("Credential=AKBASE/"), "{}", signed(0));
    assert!(
        signed(0).contains("/us-east-1/sts/aws4_request"),
        "{}",
        signed(0)
    );
    let scope = format!("Credential={ACCESS_KEY}/");
    assert!(signed(1).contains(&scope), "{}", signed(1));
    assert!(
        signed(1).contains("/eu-west-1/sts/aws4_request"),
        "{}",
        signed(1)
    );
    let token = asked[1].value("x-amz-security-token");
    assert_eq!(token, Some("first token"));
    assert_works(&cache);
    assert_eq!(asked.len(), service.requests().len());
}

#[test]
fn a_role_may_be_assumed_with_the_keys_of_the_container() {
    let (store, service, home) = (store(), Origin::start(), TempDir::new().unwrap());
    service.route("/keys", Reply::ok(keys(LATER)));
    service.route("/sts", Reply::ok(role_keys("AssumeRole", "t")));
    let settings = "[profile work]\nrole_arn = arn:1\ncredential_source = EcsContainer\n";
    let cache = profiled(&store, home.path(), settings)
        .environment("AWS_CONTAINER_CREDENTIALS_FULL_URI", &service.url("/keys"))
        .environment("AWS_ENDPOINT_URL_STS", &service.url("/sts"))
        .start();
    assert_works(&cache);
    assert_eq!((service.hits("/keys"), service.hits("/sts")), (1, 1));
}

#[test]
fn a_program_prints_keys_and_is_run_once() {
    let (store, home) = (store(), TempDir::new().unwrap());
    let (program, log) = (home.path().join("my keys"), home.path().join("runs"));
    let printed = json!({
        "Version": 1, "AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY,
        "SessionToken": "t", "Expiration": LATER,
    });
    let script = format!(
        "#!/bin/sh\necho \"$1\" >> '{}'\necho '{printed}'\n",
        log.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let settings = format!(
        "[profile work]\ncredential_process = \"{}\" 'two words'\n",
        program.display()
    );
    let cache = profiled(&store, home.path(), &settings).start();
    for key in ["a", "b"] {
        assert_eq!(cache.fetch(&format!("s3://models/{key}")).text(), "bytes");
    }
    assert_eq!(fs::read_to_string(log).unwrap(), "two words\n");
}

#[test]
fn a_sign_on_is_exchanged_for_the_keys_of_an_account() {
    let (store, service, home) = (store(), Origin::start(), TempDir::new().unwrap());
    let keys = json!({"roleCredentials": {
        "accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_KEY, "sessionToken": "t",
        "expiration": 4_102_444_800_000_u64,
    }});
    let path = "/federation/credentials";
    service.route(path, Reply::ok(Content::literal(keys.to_string())));
    let settings = "[profile work]\nsso_session = corp\nsso_account_id = 123456789012\n\
                    sso_role_name = Reader\n\
                    [sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.example\n";
    let token = |ends: &str| json!({"accessToken": "sign-on token", "expiresAt": ends}).to_string();
    // The SHA-1 of `corp`, which is how the AWS tools name the file.
    let file = home.path().join(".aws/sso/cache");
    fs::create_dir_all(&file).unwrap();
    let file = file.join("ee0bfd2552fbd840c02cc48b6e823320543c450f.json");
    fs::write(&file, token("2020-01-01T00:00:00Z")).unwrap();
    let cache = profiled(&store, home.path(), settings)
        .environment("AWS_ENDPOINT_URL_SSO", &service.url("/"))
        .start();
    assert_error(&cache.fetch("s3://models/a"), 500, "internal_error");
    cache.trace().wait_for("fetch failed", |event| {
        event.to_string().contains("aws sso login")
    });
    fs::write(&file, token(LATER)).unwrap();
    assert_works(&cache);
    let asked = &service.requests()[0];
    assert_eq!(asked.value("x-amz-sso_bearer_token"), Some("sign-on token"));
    let query = "?role_name=Reader&account_id=123456789012";
    assert_eq!(asked.target, format!("{path}{query}"));
}

#[test]
fn a_profile_of_the_configuration_counts_before_the_environment() {
    let (store, home) = (store(), TempDir::new().unwrap());
    let directory = home.path().join(".aws");
    fs::create_dir_all(&directory).unwrap();
    let text =
        format!("[lab]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n");
    fs::write(directory.join("credentials"), text).unwrap();
    let settings = format!(
        "s3: {{endpoints: {{default: {{url: '{}', profile: lab}}}}}}\n",
        store.url()
    );
    let cache = Cache::setup()
        .allow_cidrs(&[])
        .config(&settings)
        .environment("HOME", home.path().to_str().unwrap())
        .environment("AWS_ACCESS_KEY_ID", "SOMEBODY")
        .environment("AWS_SECRET_ACCESS_KEY", "else")
        .start();
    assert_works(&cache);
}

#[test]
fn a_profile_that_leads_nowhere_asks_nobody_else() {
    let (store, service, home) = (store(), Origin::start(), TempDir::new().unwrap());
    service.route("/keys", Reply::ok(keys(LATER)));
    let settings = "[profile work]\nrole_arn = arn:1\nsource_profile = gone\n";
    let cache = profiled(&store, home.path(), settings)
        .environment("AWS_CONTAINER_CREDENTIALS_FULL_URI", &service.url("/keys"))
        .start();
    assert_error(&cache.fetch("s3://models/a"), 500, "internal_error");
    assert!(store.requests().is_empty() && service.requests().is_empty());
}
