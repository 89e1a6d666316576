//! Objects in parts: large ones, and what is left when one breaks off.

use std::{fs, process::Stdio};

use super::{done, failed, run, s3};
use crate::support::{eventually, origin::Content, s3::Store};

/// Large enough for seven parts.
const LARGE: u64 = 105 << 20;

fn large_file(directory: &std::path::Path) -> (String, Content) {
    let content = Content::seeded(9, LARGE);
    let path = directory.join("large");
    let mut file = fs::File::create(&path).unwrap();
    let (mut buffer, mut offset) = (vec![0; 1 << 20], 0);
    while offset < LARGE {
        let length = content.read_at(offset, &mut buffer);
        std::io::Write::write_all(&mut file, &buffer[..length]).unwrap();
        offset += length as u64;
    }
    (path.to_str().unwrap().to_owned(), content)
}

#[test]
fn a_large_file_goes_in_parts_and_comes_back_checked() {
    let (store, directory) = (Store::start(), tempfile::tempdir().unwrap());
    let (file, content) = large_file(directory.path());
    let said = done(&run(&store, &["put", &file, "dir/large", "--json"]));
    assert!(said.contains(&content.sha256().to_string()), "{said}");
    let parts = store.requests();
    let parts = parts.iter().filter(|line| line.contains("partNumber="));
    assert_eq!(parts.count(), 7);
    assert_eq!(store.count("POST"), 2);
    let target = directory.path().join("back");
    let said = done(&run(
        &store,
        &["get", "dir/large", target.to_str().unwrap()],
    ));
    assert!(said.starts_with(&content.sha256().to_string()), "{said}");
    assert_eq!(fs::metadata(target).unwrap().len(), LARGE);
}

#[test]
fn a_store_that_dies_in_the_middle_shows_nothing_half_written() {
    let (mut store, directory) = (Store::start(), tempfile::tempdir().unwrap());
    let (file, _) = large_file(directory.path());
    let mut put = s3(&store, &["put", &file, "dir/large"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("a part is on its way", || {
        store
            .requests()
            .iter()
            .any(|line| line.contains("partNumber="))
    });
    store.stop();
    assert_eq!(put.wait().unwrap().code(), Some(1));
    store.restart();
    failed(&run(&store, &["exists", "dir/large", "--strict"]), 2);
    assert_eq!(done(&run(&store, &["ls", "dir/"])), "");
}

#[test]
fn an_upload_that_is_interrupted_is_aborted() {
    let (store, directory) = (Store::start(), tempfile::tempdir().unwrap());
    let (file, _) = large_file(directory.path());
    let put = s3(&store, &["put", &file, "dir/large"]).spawn().unwrap();
    eventually("a part is on its way", || {
        store
            .requests()
            .iter()
            .any(|line| line.contains("partNumber="))
    });
    let id = rustix::process::Pid::from_child(&put);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let output = put.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let requests = store.requests();
    let is_abort = |line: &String| line.starts_with("DELETE ") && line.contains("uploadId=");
    assert!(requests.iter().any(is_abort), "{requests:?}");
    failed(&run(&store, &["exists", "dir/large", "--strict"]), 2);
}
