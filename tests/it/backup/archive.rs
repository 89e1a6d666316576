//! Backups as one archive, made and read through pipes.

use std::{
    fs::{self, File},
    path::Path,
    process::Stdio,
};

use tempfile::TempDir;

use super::{Ran, filled, is_sound, serves_all};
use crate::support::{
    cache::{Cache, program},
    origin::Origin,
};

fn pack(cache: &Cache, to: &Path) -> Ran {
    let mut command = program();
    command.args(["backup", "-", "--data"]).arg(cache.data());
    let output = command
        .stdout(File::create(to).unwrap())
        .stdin(Stdio::null());
    Ran::of(&output.output().unwrap())
}

fn unpack(from: &Path, data: &Path) -> Ran {
    let mut command = program();
    command.args(["restore", "-", "--json", "--data"]).arg(data);
    Ran::of(&command.stdin(File::open(from).unwrap()).output().unwrap())
}

#[test]
fn an_archive_of_a_cache_that_runs_or_is_stopped_is_restored_from_a_pipe() {
    let mut origin = Origin::start();
    let (mut cache, contents) = filled(&origin, 25, 50_000);
    let directory = TempDir::new().unwrap();
    let paths = ["running.tar", "stopped.tar"].map(|name| directory.path().join(name));
    pack(&cache, &paths[0]).done();
    cache.terminate();
    pack(&cache, &paths[1]).done();
    origin.stop();
    for path in paths {
        let new = path.with_extension("new");
        let restored = unpack(&path, &new);
        assert_eq!(restored.number("copied"), 25, "{}", restored.error);
        is_sound(&new);
        serves_all(&new, &origin, &contents);
    }
}

#[test]
fn an_archive_that_is_cut_or_changed_restores_nothing_that_is_wrong() {
    let origin = Origin::start();
    let (cache, _) = filled(&origin, 5, 50_000);
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("whole.tar");
    pack(&cache, &path).done();
    let whole = fs::read(&path).unwrap();
    let bad = directory.path().join("bad.tar");
    for length in [0, 100, 512, 1024, whole.len() / 2, whole.len() - 2048] {
        fs::write(&bad, &whole[..length]).unwrap();
        let new = directory.path().join(format!("cut-{length}"));
        let cut = unpack(&bad, &new);
        assert_eq!(cut.code, 1, "{length}: {}", cut.json);
        assert!(!new.join("catalog/data.mdb").exists());
    }
    let mut changed = whole.clone();
    let near_the_end = changed.len() - 30_000;
    changed[near_the_end] ^= 1;
    fs::write(&bad, &changed).unwrap();
    let new = directory.path().join("changed");
    let restored = unpack(&bad, &new);
    assert_eq!(
        (restored.code, restored.number("lost")),
        (4, 1),
        "{}",
        restored.error
    );
    assert_eq!(restored.json["damaged"].as_array().unwrap().len(), 1);
}

#[test]
fn an_archive_that_names_anything_else_is_refused() {
    let directory = TempDir::new().unwrap();
    let bad = directory.path().join("bad.tar");
    for name in ["../escape", "/etc/escape", "blobs/../escape", "catalog.mdb"] {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(1);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        let mut archive = tar::Builder::new(File::create(&bad).unwrap());
        archive.append(&header, &b"x"[..]).unwrap();
        archive.finish().unwrap();
        let new = directory.path().join("new");
        let refused = unpack(&bad, &new);
        assert_eq!(refused.code, 1, "{name}: {}", refused.json);
        assert!(
            refused.error.contains("refused"),
            "{name}: {}",
            refused.error
        );
        assert!(!new.exists() && !directory.path().join("escape").exists());
    }
}
