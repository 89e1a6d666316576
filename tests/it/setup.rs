//! One line of set-up: variables that are printed, run with or written, and the page that says the same.

use std::{fs, process::Output};

use crate::support::{
    cache::{Cache, program},
    client::Request,
    origin::{Content, Origin, Reply},
};

fn run(arguments: &[&str], home: &std::path::Path) -> Output {
    let mut command = program();
    command.args(arguments).env("HOME", home).current_dir(home);
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_command_that_is_run_downloads_through_the_cache() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let reply = Reply::ok(Content::literal("artifact")).field("Cache-Control", "max-age=60");
    origin.route("/a", reply);
    let home = tempfile::tempdir().unwrap();
    let server = format!("http://{}", cache.address());
    let url = origin.url("/a");
    for _ in 0..2 {
        // The origin is on loopback, which is exempt: the shell drops that exemption.
        let script = format!("no_proxy= NO_PROXY= exec curl -sS -f '{url}'");
        let arguments = ["run", "--url", &server, "--", "sh", "-c", &script];
        assert_eq!(text(&run(&arguments, home.path())), "artifact");
    }
    assert_eq!(origin.hits("/a"), 1);
    let failed = run(&["run", "--", "sh", "-c", "exit 7"], home.path());
    assert_eq!(
        failed.status.code(),
        Some(7),
        "the exit code is the command's"
    );
}

#[test]
fn variables_name_certificates_only_where_an_authority_was_made() {
    let home = tempfile::tempdir().unwrap();
    let env = [
        "env",
        "--url",
        "http://cache.example.com:81",
        "--data",
        "data",
    ];
    let without = text(&run(&env, home.path()));
    assert!(without.contains("export https_proxy='http://cache.example.com:81'\n"));
    assert!(!without.contains("CERT") && !without.contains("CAINFO"));

    fs::create_dir_all(home.path().join("data/ca")).unwrap();
    let pem = Origin::start_tls().authority().pem();
    fs::write(home.path().join("data/ca/ca.pem"), &pem).unwrap();
    let with = text(&run(&env, home.path()));
    assert!(with.contains("data/ca/bundle.pem") && with.contains("NODE_EXTRA_CA_CERTS"));
    let bundle = fs::read_to_string(home.path().join("data/ca/bundle.pem")).unwrap();
    assert!(bundle.starts_with(&pem));
}

#[test]
fn a_tools_configuration_is_written_once_and_foreign_files_are_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let write = |tool: &str, url: &str| run(&["setup", tool, "--write", "--url", url], home.path());
    fs::write(
        home.path().join(".npmrc"),
        "registry=https://registry.example.com/\n",
    )
    .unwrap();
    for url in ["http://one.example:1", "http://two.example:2"] {
        text(&write("npm", url));
        text(&write("pip", url));
    }
    let npm = fs::read_to_string(home.path().join(".npmrc")).unwrap();
    assert!(npm.starts_with("registry=https://registry.example.com/\n"));
    assert_eq!(npm.matches("https-proxy=").count(), 1);
    assert!(npm.contains("http://two.example:2"));
    let pip = home.path().join(".config/pip/pip.conf");
    assert!(
        fs::read_to_string(&pip)
            .unwrap()
            .contains("proxy = http://two.example:2\n")
    );

    fs::write(&pip, "[global]\ntimeout = 1\n").unwrap();
    let refused = write("pip", "http://three.example:3");
    assert_eq!(refused.status.code(), Some(64));
    assert_eq!(fs::read_to_string(&pip).unwrap(), "[global]\ntimeout = 1\n");
    assert_eq!(
        run(&["setup", "nothing"], home.path()).status.code(),
        Some(64)
    );
    assert!(text(&run(&["setup"], home.path())).contains("maven\n"));
}

#[test]
fn the_page_names_the_cache_as_the_client_did_and_nothing_hostile() {
    let cache = Cache::setup().config("auth: {tokens: true}").start();
    let page = |host: &str| {
        let request = format!("GET /setup HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let mut client = cache.client();
        client.send(request.as_bytes());
        client.response("GET")
    };
    let named = page("cache.example.com:81");
    assert_eq!(named.status(), 200);
    assert!(named.text().contains("http://cache.example.com:81"));
    assert_eq!(
        named.value("content-type"),
        Some("text/html; charset=utf-8")
    );
    for host in ["<script>", "a/b", "\"x", "u:p@a"] {
        let answer = page(host);
        assert!(
            !answer.text().contains("<script>") && !answer.text().contains("u:p@"),
            "{host}"
        );
    }
    assert_eq!(
        cache.exchange(&Request::new("POST", "/setup")).status(),
        405
    );
}
