//! Starting: where it listens, whom it tells, and clear words when it cannot.

use std::{
    fs,
    net::TcpListener,
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram},
    path::Path,
};

use super::{ended, run};
use crate::support::{
    PATIENCE,
    cache::{Cache, program},
    origin::{Content, Origin, Reply},
};

/// The fixture that is the configuration file of the first generation, word for word.
const FIRST_GENERATION: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/fixtures/configs/valid/first-generation.yaml"
);

const PORTS: [&str; 5] = [
    "serve",
    "--listen",
    "127.0.0.1:0",
    "--metrics-listen",
    "127.0.0.1:0",
];

/// Runs `serve` on free ports with these arguments; it must not come up.
fn refused(arguments: &[&str]) -> String {
    let ended = ended(program().args(PORTS).args(arguments));
    assert_eq!(ended.code, 1, "{}{}", ended.out, ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    assert!(ended.err.starts_with("artifact-cache: "), "{}", ended.err);
    ended.err
}

#[test]
fn each_listener_says_once_where_it_listens_and_answers_there() {
    let cache = Cache::start();
    let listening = cache.trace().events("listening");
    let listeners: Vec<_> = listening.iter().map(|line| &line["listener"]).collect();
    assert_eq!(listeners, ["main", "metrics"]);
    for (line, address) in listening
        .iter()
        .zip([cache.address(), cache.metrics_address()])
    {
        assert_eq!(line["address"], address.to_string());
        assert_ne!(address.port(), 0);
        assert_eq!(line["level"], "INFO");
    }
    assert_eq!(cache.get("/healthz").status(), 200);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    for flag in ["--listen", "--metrics-listen"] {
        let error = refused_with(&[flag, &address], data);
        let expected = format!("cannot listen on {address}: Address already in use");
        assert!(error.contains(&expected), "{error}");
    }
}

/// `serve` with flags that come once only.
fn refused_with(flags: &[&str], data: &str) -> String {
    let other = match flags[0] {
        "--listen" => "--metrics-listen",
        _ => "--listen",
    };
    let mut command = program();
    command
        .arg("serve")
        .args(flags)
        .args([other, "127.0.0.1:0"]);
    let ended = ended(command.args(["--data", data]));
    assert_eq!(ended.code, 1, "{}", ended.err);
    ended.err
}

#[test]
fn a_directory_in_use_is_named_and_its_user_goes_on() {
    let cache = Cache::start();
    let data = cache.data().to_str().unwrap();
    let error = refused(&["--data", data]);
    let expected = format!("cannot open the catalog: catalog {data}/catalog is already in use");
    assert!(error.contains(&expected), "{error}");
    let fsck = run(&["fsck", "--data", data]);
    assert_eq!(fsck.code, 1, "{}", fsck.err);
    assert!(fsck.err.contains("a running cache uses"), "{}", fsck.err);
    assert_eq!(cache.get("/readyz").status(), 200);
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = refused(&["--data", file.to_str().unwrap()]);
    assert!(error.contains(file.to_str().unwrap()), "{error}");
    if is_root() {
        return; // nothing is unwritable for root
    }
    let locked = directory.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).unwrap();
    let error = refused(&["--data", locked.to_str().unwrap()]);
    assert!(error.contains("Permission denied"), "{error}");
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn checks_of_a_directory_that_is_not_there_do_not_make_it() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("mistyped");
    for arguments in [&["fsck"][..], &["verify", "--all"]] {
        let data = ["--data", missing.to_str().unwrap()];
        let run = run(&[arguments, &data].concat());
        assert_eq!(run.code, 1);
        assert!(run.err.contains("there is no cache at"), "{}", run.err);
    }
    assert!(!missing.exists());
}

#[test]
fn a_mistyped_setting_is_refused_with_the_one_that_was_meant() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    let path = path.to_str().unwrap();
    fs::write(path, "server: {prot: 8080}\nfetch: {hold: 5 parsecs}\n").unwrap();
    for verb in [&["config", "check"][..], &["serve"]] {
        let run = run(&[verb, &["--config", path]].concat());
        assert_eq!((run.code, run.out.as_str()), (1, ""), "{}", run.err);
        for expected in ["2 problems", "server.prot", "port", "fetch.hold", path] {
            assert!(run.err.contains(expected), "{expected}: {}", run.err);
        }
    }
}

#[test]
fn the_first_generations_configuration_starts_a_cache() {
    let directory = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(FIRST_GENERATION).unwrap();
    let checked = run(&["config", "check", "--config", FIRST_GENERATION]);
    assert_eq!(checked.code, 0, "{}", checked.err);
    // Its paths are those of a container.
    let here = text.replace("/data/", &format!("{}/", directory.path().display()));
    let cache = Cache::setup()
        .config(&here)
        .data(&directory.path().join("by-flag"))
        .start();
    assert_eq!(cache.get("/health").json()["status"], "healthy");
}

#[test]
fn the_first_generations_variables_are_understood() {
    let directory = tempfile::tempdir().unwrap();
    let storage = directory.path().join("artifacts");
    let cache = Cache::setup()
        .environment("USER_AGENT", "Legacy/1.0")
        .environment("LOG_LEVEL", "debug")
        .environment("UPSTREAM_TIMEOUT", "7")
        .data(&storage)
        .start();
    let origin = Origin::start();
    origin.route("/a", Reply::ok(Content::literal("a")));
    cache
        .fetch(&origin.url("/a"))
        .assert_is(&Content::literal("a"));
    assert_eq!(origin.requests()[0].value("User-Agent"), Some("Legacy/1.0"));
    cache
        .trace()
        .wait_for("origin asked", |line| line["level"] == "DEBUG");
}

#[test]
fn what_is_in_force_is_shown_with_its_origin() {
    let mut command = program();
    command
        .env("UPSTREAM_TIMEOUT", "7")
        .env("STORAGE_PATH", "/srv/a");
    let shown = ended(command.args(["config", "show", "--origin"]));
    assert_eq!(shown.code, 0, "{}", shown.err);
    let line = |key: &str| {
        let line = shown.out.lines().find(|line| line.starts_with(key));
        line.unwrap_or_else(|| panic!("{key}: {}", shown.out))
            .to_owned()
    };
    assert!(line("upstream.timeout_seconds ").ends_with("UPSTREAM_TIMEOUT"));
    assert!(line("storage.base_path ").ends_with("STORAGE_PATH"));
    assert!(line("fetch.hold ").ends_with("default"));
}

/// What a service manager was told on its socket.
fn told(socket: &UnixDatagram) -> String {
    let mut message = [0; 512];
    let length = socket.recv(&mut message).expect("the manager is told");
    String::from_utf8_lossy(&message[..length])
        .trim()
        .to_owned()
}

#[test]
fn a_service_manager_is_told_when_it_is_ready_and_when_it_stops() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut cache = Cache::setup()
        .environment("NOTIFY_SOCKET", path.to_str().unwrap())
        .start();
    assert_eq!(told(&socket), "READY=1");
    assert_eq!(cache.get("/readyz").status(), 200);
    assert_eq!(cache.terminate().code(), Some(0));
    assert_eq!(told(&socket), "STOPPING=1");
}

#[test]
fn what_lies_on_disk_is_where_the_documents_say() {
    let cache = Cache::start();
    let is_directory = |name: &str| Path::new(cache.data()).join(name).is_dir();
    assert!(["cache", "catalog", "tmp"].into_iter().all(is_directory));
}
