//! The object store that artifacts are kept in, as library and command line use it, against a server of
//! somebody else's making.

mod credentials;
mod library;
mod multipart;
mod through;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::support::{
    cache::program,
    origin::Content,
    s3::{ACCESS_KEY, BUCKET, SECRET_KEY, Store},
};

/// `s3` with this store in its environment.
fn s3(store: &Store, arguments: &[&str]) -> Command {
    let mut command = program();
    command
        .arg("s3")
        .args(arguments)
        .env("ARTIFACTS_ENDPOINT", store.url())
        .env("ARTIFACTS_ACCESS_KEY", ACCESS_KEY)
        .env("ARTIFACTS_SECRET_KEY", SECRET_KEY)
        .env("ARTIFACTS_BUCKET", BUCKET);
    command
}

fn run(store: &Store, arguments: &[&str]) -> Output {
    s3(store, arguments).output().unwrap()
}

#[track_caller]
fn done(output: &Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{complaint}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn failed(output: &Output, code: i32) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{complaint}");
    complaint
}

fn written(directory: &Path, name: &str, content: &Content) -> String {
    let path = directory.join(name);
    fs::write(&path, content.bytes()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn what_is_put_can_be_found_listed_fetched_and_removed() {
    let (store, directory) = (Store::start(), tempfile::tempdir().unwrap());
    let content = Content::seeded(1, 300_000);
    let file = written(directory.path(), "a.onnx", &content);
    let name = "models/dir/a.onnx";
    let said = done(&run(
        &store,
        &["put", &file, name, "--metadata", "precision=fp16"],
    ));
    assert_eq!(
        said,
        format!("{}  s3://models/dir/a.onnx\n", content.sha256())
    );
    done(&run(&store, &["exists", name]));
    let listed = done(&run(&store, &["ls", "dir/", "--json"]));
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (&listed["key"], &listed["size_bytes"]),
        (&"dir/a.onnx".into(), &300_000.into())
    );
    let target = directory.path().join("b");
    done(&run(&store, &["get", name, target.to_str().unwrap()]));
    assert_eq!(fs::read(&target).unwrap(), content.bytes());
    done(&run(&store, &["rm", name]));
    failed(&run(&store, &["exists", name]), 2);
    failed(&run(&store, &["get", name, target.to_str().unwrap()]), 2);
    done(&run(&store, &["rm", name]));
}

#[test]
fn every_key_goes_there_and_back() {
    let (store, directory) = (Store::start(), tempfile::tempdir().unwrap());
    for (at, key) in [
        "a+b", "a=b&c", "a b", "ü/ß", "100%", "a%20b", "q?x=1", "#1", "x//y", "x/../y",
    ]
    .into_iter()
    .enumerate()
    {
        let content = Content::seeded(at as u64, 1000);
        let file = written(directory.path(), "in", &content);
        let (name, target) = (format!("s3://models/{key}"), directory.path().join("out"));
        done(&run(&store, &["put", &file, &name]));
        done(&run(&store, &["get", &name, target.to_str().unwrap()]));
        assert_eq!(fs::read(&target).unwrap(), content.bytes(), "{key}");
    }
}

#[test]
fn a_download_that_is_damaged_leaves_no_file() {
    let (store, directory) = (Store::start(), tempfile::tempdir().unwrap());
    let file = written(directory.path(), "in", &Content::seeded(1, 5000));
    done(&run(&store, &["put", &file, "a"]));
    fs::write(store.file("a"), Content::seeded(2, 5000).bytes()).unwrap();
    let target = directory.path().join("out");
    let complaint = failed(&run(&store, &["get", "a", target.to_str().unwrap()]), 4);
    assert!(complaint.contains("damaged"), "{complaint}");
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn exit_codes_tell_credentials_from_absence_and_outage() {
    let mut store = Store::start();
    let wrong = s3(&store, &["exists", "a", "--strict"])
        .env("ARTIFACTS_SECRET_KEY", "wrong")
        .output()
        .unwrap();
    assert!(failed(&wrong, 3).contains("SignatureDoesNotMatch") || wrong.stdout.is_empty());
    let none = s3(&store, &["get", "a"])
        .env_remove("ARTIFACTS_ACCESS_KEY")
        .output();
    assert!(failed(&none.unwrap(), 3).contains("ARTIFACTS_ACCESS_KEY is not set"));
    failed(&run(&store, &["put", "/does/not/exist", "a"]), 1);
    failed(&run(&store, &["get", "s3://models"]), 64);
    store.stop();
    failed(&run(&store, &["exists", "a", "--strict"]), 1);
    assert!(failed(&run(&store, &["exists", "a"]), 2).contains("not known"));
}

#[test]
fn the_doctor_says_what_is_wrong() {
    let store = Store::start();
    let said = done(&run(&store, &["doctor", "--json"]));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["bucket"], BUCKET);
    let wrong = s3(&store, &["doctor", "--bucket", "nowhere"])
        .output()
        .unwrap();
    failed(&wrong, 1);
}

#[test]
fn the_choice_of_bucket_and_key_is_told_when_asked_for() {
    let store = Store::start();
    let told = |name: &str, legacy: &str| {
        let mut command = s3(&store, &["exists", name, "--verbose"]);
        let output = command
            .env("ARTIFACTS_URI_LEGACY", legacy)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stderr)
            .lines()
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        told("engines/a.trt", ""),
        "engines/a.trt: bucket models, key engines/a.trt"
    );
    assert_eq!(
        told("engines/a.trt", "1"),
        "engines/a.trt: bucket engines, key a.trt"
    );
    assert_eq!(told("models/a", ""), "models/a: bucket models, key a");
    assert_eq!(told("minio://b/a", ""), "minio://b/a: bucket b, key a");
}
