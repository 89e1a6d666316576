//! The command line as scripts meet it: exit codes, standard output and standard error of the real
//! binary against a small scripted server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod files;
mod get;
mod real;
mod server;

use std::{
    fs,
    io::Read as _,
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use server::{Server, json_response, refusal, response};

/// How the program ended.
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Run {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

impl Server {
    /// Runs the program against this server.
    fn run(&self, arguments: &[&str]) -> Run {
        run(command(arguments).env("ARTIFACT_CACHE_URL", &self.url))
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_artifact-cache"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .env_remove("ARTIFACT_CACHE_TOKEN")
        .env_remove("ARTIFACT_CACHE_URL");
    command
}

fn run(command: &mut Command) -> Run {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    Run {
        code: status.code().unwrap(),
        out: String::from_utf8_lossy(&stdout).into_owned(),
        err: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

fn artifact(id: u64) -> Value {
    json!({
        "id": id, "source_url": format!("https://example.com/{id}"), "content_hash": "00",
        "storage_path": "/data/cache/00", "file_size": 2048, "content_type": "text/plain",
        "first_cached_at": "2024-11-17T10:30:45Z", "last_accessed_at": "2024-11-17T10:30:45Z",
        "access_count": 7, "final_url": null,
        "versions": [{"sha256": "00", "size_bytes": 2048, "first_seen": "a", "last_seen": "b"}],
    })
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn wrong_usage_is_exit_code_64_and_help_is_0() {
    for arguments in [
        &["frobnicate"][..],
        &["get"],
        &["--listen", "nowhere"],
        &["get", "https://example.com/a", "--sha256", "abc"],
        &["get", "ftp://example.com/a"],
        &["get", "https://example.com/a", "-o", "-", "--json"],
        &["stats", "--url", "not a url"],
        &["verify"],
        &["--data", "d", "stats"],
    ] {
        let run = run(&mut command(arguments));
        assert_eq!(run.code, 64, "{arguments:?}: {}", run.err);
        assert_eq!(run.out, "", "{arguments:?}");
        assert!(!run.err.is_empty(), "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["--version"], &["get", "--help"]] {
        let run = run(&mut command(arguments));
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{arguments:?}");
        assert!(run.out.contains("artifact-cache"), "{arguments:?}");
    }
}

/// Status, body and the exit code they become.
fn refusals() -> [(u16, Value, i32); 8] {
    let error = |error: &str| json!({"error": error, "message": "the reason"});
    let upstream = |status: u16| json!({"error": "upstream_error", "status_code": status, "message": "the reason"});
    [
        (400, error("invalid_parameter"), 1),
        (401, error("unauthorized"), 3),
        (403, error("policy_denied"), 5),
        (409, error("checksum_mismatch"), 4),
        (500, error("internal_error"), 1),
        (502, upstream(404), 2),
        (502, upstream(500), 6),
        (503, error("upstream_unavailable"), 6),
    ]
}

#[test]
fn what_the_server_refuses_becomes_its_exit_code_and_message() {
    for (status, body, code) in refusals() {
        let answer = refusal(status, &body);
        let server = Server::start(move |_| answer.clone());
        let run = server.run(&["get", "http://example.com/a", "-o", "-"]);
        assert_eq!((run.code, run.out.as_str()), (code, ""), "{status} {body}");
        assert!(run.err.contains("the reason"), "{}", run.err);
        let run = server.run(&["stats", "--json"]);
        let error: Value = serde_json::from_str(&run.err).unwrap();
        assert_eq!(error["error"], body["error"]);
        assert_eq!(error["exit_code"], code);
    }
}

#[test]
fn a_server_that_is_not_there_is_an_error_that_names_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let run = run(&mut command(&["stats", "--url", &url]));
    assert_eq!(run.code, 1);
    assert!(run.err.contains(&url), "{}", run.err);
}

#[test]
fn an_answer_that_is_no_error_object_is_reported_by_its_status() {
    let server = Server::start(|_| response(404, &[], b"<html>not here</html>"));
    let run = server.run(&["stats"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("404"), "{}", run.err);
}

#[test]
fn head_succeeds_on_a_hit_and_tells_a_miss_by_its_exit_code() {
    for (status, state, arguments, code) in [
        (200, "HIT", &["head", "http://example.com/a"][..], 0),
        (200, "MISS", &["head", "http://example.com/a"], 2),
        (
            504,
            "MISS",
            &["head", "--cached", "http://example.com/a"],
            2,
        ),
        (504, "MISS", &["head", "http://example.com/a"], 6),
        (403, "MISS", &["head", "http://example.com/a"], 5),
    ] {
        let server = Server::start(move |_| {
            response(
                status,
                &[("X-Cache-Status", state), ("Content-Length", "77")],
                b"",
            )
        });
        let run = server.run(arguments);
        assert_eq!(run.code, code, "{status} {state}: {}", run.err);
        assert_eq!(
            run.out.contains("content-length: 77"),
            status == 200,
            "{}",
            run.out
        );
        assert!(server.heads()[0].starts_with("HEAD /fetch?url=http"));
        let is_cached_only = server.heads()[0].contains("only-if-cached");
        assert_eq!(is_cached_only, arguments.contains(&"--cached"));
    }
}

/// Artifacts 1 to 5 in pages of 2, and the artifact 5 alone; DELETE works for each of them.
fn five_artifacts(head: &str) -> Vec<u8> {
    let mut words = head.split_whitespace();
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    if method == "DELETE" {
        return response(204, &[("Content-Length", "0")], b"");
    }
    let page = |ids: &[u64], next: Option<&str>| {
        let items: Vec<_> = ids.iter().copied().map(artifact).collect();
        json_response(&json!({"items": items, "next_cursor": next}))
    };
    match target {
        "/api/v1/artifacts/5" => json_response(&artifact(5)),
        target if target.starts_with("/api/v1/artifacts/") => refusal(
            404,
            &json!({"error": "not_found", "message": "there is no artifact"}),
        ),
        target if target.contains("cursor=two") => page(&[5], None),
        target if target.contains("cursor=one") => page(&[3, 4], Some("two")),
        _ => page(&[1, 2], Some("one")),
    }
}

#[test]
fn ls_shows_every_page() {
    let server = Server::start(five_artifacts);
    let run = server.run(&["ls", "--host", "example.com", "-q", "a b"]);
    assert_eq!((run.code, run.out.lines().count()), (0, 6), "{}", run.out);
    assert!(run.out.contains("2.00 KiB"), "{}", run.out);
    assert!(server.heads()[0].contains("?host=example.com&q=a+b&limit=200 "));
    let run = server.run(&["ls", "--json"]);
    let list = run.json();
    let ids: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["id"].clone())
        .collect();
    assert_eq!(ids, [1, 2, 3, 4, 5]);
}

#[test]
fn ls_of_nothing_is_an_empty_list() {
    let server = Server::start(|_| json_response(&json!({"items": [], "next_cursor": null})));
    let run = server.run(&["ls", "--json"]);
    assert_eq!(
        (run.code, run.json()),
        (0, json!({"items": [], "next_cursor": null}))
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let server = Server::start(five_artifacts);
    let mut child = command(&["ls", "--url", &server.url])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}

#[test]
fn show_finds_an_artifact_by_number_and_by_url() {
    let server = Server::start(five_artifacts);
    for name in ["5", "https://EXAMPLE.com:443/5"] {
        let run = server.run(&["show", name, "--json"]);
        assert_eq!(
            (run.code, run.json()["id"].clone()),
            (0, json!(5)),
            "{name}"
        );
    }
    let run = server.run(&["show", "5"]);
    assert!(run.out.contains("https://example.com/5"), "{}", run.out);
    for name in ["6", "https://example.com/none"] {
        assert_eq!(server.run(&["show", name]).code, 2, "{name}");
    }
}

#[test]
fn rm_removes_only_when_told_yes() {
    let server = Server::start(five_artifacts);
    let deletes = || {
        server
            .heads()
            .iter()
            .filter(|head| head.starts_with("DELETE"))
            .count()
    };
    let run = server.run(&["rm", "5"]);
    assert_eq!((run.code, deletes()), (64, 0), "{}", run.err);
    let run = server.run(&["rm", "5", "--dry-run"]);
    assert_eq!((run.code, deletes()), (0, 0));
    assert_eq!(run.out, "would remove 5 https://example.com/5\n");
    let run = server.run(&["rm", "https://example.com/5", "--yes", "--json"]);
    assert_eq!((run.code, deletes()), (0, 1));
    assert_eq!(run.json()["removed"], true);
    assert!(
        server
            .heads()
            .last()
            .unwrap()
            .starts_with("DELETE /api/v1/artifacts/5 ")
    );
    assert_eq!(server.run(&["rm", "6", "--yes"]).code, 2);
}

#[test]
fn stats_are_for_people_or_for_scripts() {
    let sums = json!({
        "total_items": 42, "total_size_bytes": 5_368_709_120_u64, "total_accesses": 156,
        "logical_size_bytes": 5_368_709_120_u64, "saved_bytes": 0, "total_blobs": 42,
    });
    let answer = json_response(&sums);
    let server = Server::start(move |_| answer.clone());
    let run = server.run(&["stats"]);
    assert!(
        run.out.contains("42") && run.out.contains("5.00 GiB"),
        "{}",
        run.out
    );
    assert_eq!(server.run(&["stats", "--json"]).json(), sums);
}

#[test]
fn a_token_from_a_file_or_the_environment_is_sent_and_never_shown() {
    let server =
        Server::start(|_| refusal(401, &json!({"error": "unauthorized", "message": "no"})));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    fs::write(&path, "ac_1_file\n").unwrap();
    let path = path.to_str().unwrap();
    let by_file = server.run(&["stats", "--token-file", path]);
    let mut by_environment = command(&["stats", "--url", &server.url]);
    let by_environment = run(by_environment.env("ARTIFACT_CACHE_TOKEN", "ac_1_environment"));
    for (run, head, token) in [
        (by_file, 0, "ac_1_file"),
        (by_environment, 1, "ac_1_environment"),
    ] {
        assert_eq!(run.code, 3);
        assert!(server.heads()[head].contains(&format!("authorization: Bearer {token}")));
        assert!(!run.err.contains(token));
    }
}

#[test]
fn a_server_below_a_path_is_asked_below_that_path() {
    let server = Server::start(|_| json_response(&json!({})));
    let url = format!("{}/cache/", server.url);
    assert_eq!(run(&mut command(&["stats", "--url", &url])).code, 0);
    assert!(server.heads()[0].starts_with("GET /cache/api/v1/stats "));
}

#[test]
fn completions_are_a_script_for_each_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let run = run(&mut command(&["completions", shell]));
        assert_eq!(run.code, 0);
        assert!(run.out.contains("artifact-cache"), "{shell}");
    }
}
