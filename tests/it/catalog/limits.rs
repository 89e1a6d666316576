//! The catalog keeps what it acknowledged when the map or the disk is full and when it is killed.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use artifact_cache::{
    catalog::{Catalog, CatalogError, CatalogOptions, Change},
    clock::Clock,
};

use super::{addition, key, open, store};

/// Set in a child process: what it shall do, and where.
const CHILD: &str = "CATALOG_TEST_CHILD";

/// Long, so that few of them fill a catalog.
fn long_url(number: u32) -> String {
    format!("https://example.com/?{number:0>2000}")
}

/// Stores until it fails; how many were stored, and why no more.
fn fill(catalog: &Catalog) -> (u32, CatalogError) {
    for number in 0..200_000 {
        let url = long_url(number);
        let stored = catalog.write_blocking(addition(&url, url.as_bytes()).into());
        if let Err(error) = stored {
            return (number, error);
        }
    }
    panic!("never full");
}

/// Everything stored before is there, and room can be made.
fn check_full(catalog: &Catalog, stored: u32) {
    for number in 0..stored {
        let key = key(&long_url(number));
        assert!(catalog.responses(&key).expect("read").is_some(), "{number}");
    }
    assert_eq!(
        catalog.totals().expect("totals").total_items,
        u64::from(stored)
    );
    for number in 0..stored / 2 {
        let key = key(&long_url(number));
        catalog
            .write_blocking(Change::RemoveUrl { key })
            .expect("removed");
    }
    let again = addition("https://example.com/again", b"again");
    catalog.write_blocking(again.into()).expect("room again");
    assert_eq!(catalog.audit().expect("audit").inconsistencies, []);
}

#[test]
fn a_full_map_loses_nothing_and_is_told_from_other_errors() {
    let directory = tempfile::tempdir().expect("directory");
    let options = CatalogOptions {
        map_size_bytes: 2 << 20,
        ..CatalogOptions::default()
    };
    let catalog = Catalog::open(directory.path(), &options, Clock::system()).expect("catalog");
    let (stored, error) = fill(&catalog);
    assert!(matches!(error, CatalogError::MapFull), "{error}");
    assert!(stored > 100, "{stored}");
    check_full(&catalog, stored);
}

/// A child of this test binary that runs `child_process` with `task` in `directory`.
fn child(task: &str, directory: &Path) -> Command {
    // A file size limit instead of a full disk; exceeding it must be an error, not a signal.
    let limited = "trap '' XFSZ; test \"$1\" = fill && ulimit -f 8192; shift; exec \"$@\"";
    let mut command = Command::new("sh");
    command
        .args(["-c", limited, "sh", task])
        .arg(std::env::current_exe().expect("test binary"))
        .args(["--exact", "catalog::limits::child_process", "--nocapture"])
        .env(CHILD, format!("{task}:{}", directory.display()))
        .stdout(Stdio::piped());
    command
}

/// Not a test by itself: the body of the child processes of the tests below.
#[test]
fn child_process() {
    let Ok(task) = std::env::var(CHILD) else {
        return;
    };
    let (task, directory) = task.split_once(':').expect("task and directory");
    let catalog = open(Path::new(directory));
    if task == "fill" {
        let (stored, error) = fill(&catalog);
        assert!(matches!(error, CatalogError::DiskFull(_)), "{error:?}");
        assert!(stored > 50, "{stored}");
        check_full(&catalog, stored);
        println!("\nfull after {stored}");
    } else {
        storm(&catalog);
    }
}

/// Writes for ever from many tasks, telling each acknowledged number.
fn storm(catalog: &Catalog) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build();
    runtime.expect("runtime").block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..32_u32 {
            let catalog = catalog.clone();
            tasks.spawn(async move {
                for number in (task..).step_by(32) {
                    let url = format!("https://example.com/{number}");
                    let body = (number % 50).to_string();
                    store(&catalog, &url, body.as_bytes()).await;
                    let line = format!("\nacknowledged {number}\n");
                    std::io::stdout().write_all(line.as_bytes()).expect("told");
                }
            });
        }
        tasks.join_next().await;
    });
}

#[test]
fn a_full_disk_is_an_error_that_loses_nothing() {
    let directory = tempfile::tempdir().expect("directory");
    let output = child("fill", directory.path()).output().expect("child");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("full after"), "{text}");
}

#[test]
fn every_acknowledged_write_survives_a_kill_and_none_is_there_by_half() {
    let directory = tempfile::tempdir().expect("directory");
    for round in 1..=3 {
        let mut child = child("storm", directory.path()).spawn().expect("child");
        let output = BufReader::new(child.stdout.take().expect("output"));
        let mut acknowledged = Vec::new();
        for line in output.lines() {
            let line = line.expect("line");
            acknowledged.extend(line.strip_prefix("acknowledged ").map(str::to_owned));
            if acknowledged.len() == 300 * round {
                // The process is in the middle of its storm; what it still tells is read, too.
                child.kill().expect("killed");
            }
        }
        child.wait().expect("waited");
        assert!(acknowledged.len() >= 300 * round);
        let catalog = open(directory.path());
        for number in &acknowledged {
            let url = format!("https://example.com/{number}");
            assert!(
                catalog.responses(&key(&url)).expect("read").is_some(),
                "{url}"
            );
        }
        assert_eq!(catalog.audit().expect("audit").inconsistencies, []);
    }
}
