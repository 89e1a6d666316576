//! `get`: files, digests, broken transfers.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    process::Stdio,
};

use artifact_cache_layers::digest::Sha256;
use rustix::process::{Pid, Signal, kill_process};

use super::{
    command, names, run,
    server::{Server, response},
};

#[test]
fn get_writes_a_file_named_by_the_url_and_tells_its_digest() {
    let digest = Sha256::of(b"bytes").to_string();
    let announced = digest.clone();
    let server = Server::start(move |_| {
        let fields = [
            ("X-Cache-Status", "MISS"),
            ("X-Content-SHA256", &*announced),
        ];
        response(200, &fields, b"bytes")
    });
    let directory = tempfile::tempdir().unwrap();
    let url = "https://example.com/dir/a.txt?x=1&y=2";
    let run = run(command(&["get", url, "--json", "--url", &server.url]).current_dir(&directory));
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(run.json()["sha256"], digest.as_str());
    assert_eq!(run.json()["size_bytes"], 5);
    assert_eq!(run.json()["cache_status"], "MISS");
    assert_eq!(fs::read(directory.path().join("a.txt")).unwrap(), b"bytes");
    assert_eq!(names(directory.path()), ["a.txt"]);
    let target = "GET /fetch?url=https%3A%2F%2Fexample.com%2Fdir%2Fa.txt%3Fx%3D1%26y%3D2 HTTP/1.1";
    assert_eq!(server.heads()[0].lines().next(), Some(target));
}

#[test]
fn get_writes_into_a_directory_and_to_standard_output() {
    let server = Server::start(|_| response(200, &[("X-Cache-Status", "HIT")], b"bytes"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let run = server.run(&["get", "http://example.com/a", "-o", path]);
    assert_eq!(run.code, 0);
    assert!(
        run.out.contains("HIT") && run.out.contains("/a"),
        "{}",
        run.out
    );
    assert_eq!(names(directory.path()), ["a"]);
    let run = server.run(&["get", "http://example.com/a", "-o", "-"]);
    assert_eq!(
        (run.code, run.out.as_str(), run.err.as_str()),
        (0, "bytes", "")
    );
}

#[test]
fn get_refuses_wrong_bytes_whoever_named_the_digest_and_leaves_the_old_file() {
    let right = Sha256::of(b"right").to_string();
    let announced = right.clone();
    let server = Server::start(move |head| {
        let is_pinned = head.contains("sha256=");
        let fields: &[_] = if is_pinned {
            &[]
        } else {
            &[("X-Content-SHA256", &*announced)]
        };
        response(200, fields, b"wrong")
    });
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    fs::write(&path, "old").unwrap();
    let output = path.to_str().unwrap();
    let fragment = format!("http://example.com/a#sha256={right}");
    for arguments in [
        &[
            "get",
            "http://example.com/a",
            "-o",
            output,
            "--sha256",
            &right,
        ][..],
        &["get", &fragment, "-o", output],
        &["get", "http://example.com/a", "-o", output],
    ] {
        let run = server.run(arguments);
        assert_eq!(run.code, 4, "{arguments:?}: {}", run.err);
        assert!(run.err.contains(&right), "{}", run.err);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(directory.path()), ["a"]);
    }
}

#[test]
fn get_takes_no_truncated_body_for_a_whole_one() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbytes\r\n";
    for answer in [
        response(200, &[("Content-Length", "9")], b"bytes"),
        chunked.to_vec(),
    ] {
        let server = Server::start(move |_| answer.clone());
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("a");
        let output = output.to_str().unwrap();
        let run = server.run(&["get", "http://example.com/a", "-o", output]);
        assert_eq!(run.code, 1, "{}", run.err);
        assert!(run.err.contains("broke off after 5 bytes"), "{}", run.err);
        assert!(names(directory.path()).is_empty());
    }
}

#[test]
fn an_interrupted_get_leaves_no_file() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let mut child = command(&["get", "http://example.com/a", "--url", &url])
        .current_dir(&directory)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut connection, _) = listener.accept().unwrap();
    let lines = BufReader::new(&connection).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.is_empty()));
    connection
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbytes")
        .unwrap();
    while names(directory.path()).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it waits for more");
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(names(directory.path()).is_empty());
}
