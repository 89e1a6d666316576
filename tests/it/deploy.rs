//! `deploy/compose.yaml` without an engine: its form, and that what it names is there.

mod kubernetes;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::support::cache::program;

/// What the Compose specification lets stand at the top, and in a service (those that we use or may).
const TOP: [&str; 6] = [
    "configs", "name", "networks", "secrets", "services", "volumes",
];
const SERVICE: [&str; 28] = [
    "build",
    "cap_add",
    "cap_drop",
    "command",
    "container_name",
    "depends_on",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extra_hosts",
    "healthcheck",
    "hostname",
    "image",
    "labels",
    "networks",
    "ports",
    "profiles",
    "read_only",
    "restart",
    "security_opt",
    "stop_grace_period",
    "stop_signal",
    "sysctls",
    "tmpfs",
    "ulimits",
    "user",
    "volumes",
];
const HEALTH: [&str; 7] = [
    "disable",
    "interval",
    "retries",
    "start_interval",
    "start_period",
    "test",
    "timeout",
];
const RESTART: [&str; 4] = ["no", "always", "on-failure", "unless-stopped"];
/// Variables that no setting has: the zone is the C library's, the keys are those of a store without any.
const OTHERS: [&str; 3] = ["TZ", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

fn compose() -> Value {
    let text = fs::read_to_string(directory().join("compose.yaml")).unwrap();
    yaml_serde::from_str(&text).unwrap()
}

fn services() -> Map<String, Value> {
    compose()["services"].as_object().unwrap().clone()
}

#[track_caller]
fn assert_known(what: &str, object: &Value, known: &[&str]) {
    for key in object.as_object().into_iter().flat_map(Map::keys) {
        assert!(known.contains(&key.as_str()), "{what} has `{key}`");
    }
}

/// Every text of a list, or none where there is no list.
fn texts(value: &Value) -> Vec<&str> {
    let list = value.as_array().into_iter().flatten();
    list.map(|text| text.as_str().expect("a text")).collect()
}

fn is_span(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let digits = text.trim_end_matches(['s', 'm', 'h']);
    digits.len() < text.len() && digits.parse::<u32>().is_ok()
}

#[test]
fn the_file_has_the_form_of_the_specification() {
    let file = compose();
    assert_known("the file", &file, &TOP);
    for (name, service) in services() {
        assert_known(&name, &service, &SERVICE);
        assert!(
            service["image"].is_string() || service["build"].is_object(),
            "{name}"
        );
        assert_known(
            &name,
            &service["build"],
            &["args", "context", "dockerfile", "target"],
        );
        assert_known(&name, &service["healthcheck"], &HEALTH);
        for span in ["interval", "timeout", "start_period"] {
            let span = &service["healthcheck"][span];
            assert!(span.is_null() || is_span(span), "{name}: {span}");
        }
        let grace = &service["stop_grace_period"];
        assert!(grace.is_null() || is_span(grace), "{name}: {grace}");
        let restart = service["restart"].as_str().unwrap_or("no");
        assert!(RESTART.contains(&restart), "{name}: {restart}");
    }
}

#[test]
fn ports_are_numbers_and_taken_once() {
    let mut taken = BTreeSet::new();
    for (name, service) in services() {
        for port in texts(&service["ports"]) {
            let parts: Vec<_> = port.rsplitn(3, ':').collect();
            let numbers = parts.iter().take(2).map(|part| part.parse::<u16>());
            assert!(
                numbers.clone().all(|number| number.is_ok()),
                "{name}: {port}"
            );
            assert_eq!(
                parts.get(2),
                Some(&"127.0.0.1"),
                "{name}: open to the network"
            );
            assert!(taken.insert(parts[1].to_owned()), "{name}: {port} is taken");
        }
    }
    assert!(!taken.is_empty());
}

#[test]
fn volumes_are_declared_and_all_used() {
    let declared: BTreeSet<String> = compose()["volumes"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    let mut used = BTreeSet::new();
    for (name, service) in services() {
        for volume in texts(&service["volumes"]) {
            let (source, target) = volume.split_once(':').expect("source and target");
            assert!(target.starts_with('/'), "{name}: {volume}");
            if !source.starts_with(['.', '/']) {
                used.insert(source.to_owned());
            }
        }
    }
    assert_eq!(used, declared);
}

#[test]
fn who_waits_waits_for_somebody_who_comes() {
    let services = services();
    for (name, service) in &services {
        for (other, how) in service["depends_on"].as_object().into_iter().flatten() {
            let other_service = services.get(other).expect("it is there");
            let condition = how["condition"].as_str().unwrap_or("service_started");
            match condition {
                "service_healthy" => {
                    assert!(other_service["healthcheck"]["test"].is_array(), "{other}");
                }
                "service_started" | "service_completed_successfully" => {}
                unknown => panic!("{name}: {unknown}"),
            }
            let mine: BTreeSet<_> = texts(&service["profiles"]).into_iter().collect();
            let theirs: BTreeSet<_> = texts(&other_service["profiles"]).into_iter().collect();
            assert!(
                theirs.is_empty() || mine.is_subset(&theirs) && !mine.is_empty(),
                "{name} → {other}"
            );
        }
    }
}

/// The names and defaults of `${NAME:-default}`, which must be the whole of a value.
fn environment(service: &Value) -> BTreeMap<String, String> {
    let pairs = service["environment"].as_object().unwrap().iter();
    let pairs = pairs.map(|(name, value)| {
        let text = value.as_str().unwrap_or_default();
        let Some(inner) = text.strip_prefix("${") else {
            assert!(!text.contains('$'), "{name}: {text}");
            return (name.clone(), text.to_owned());
        };
        let inner = inner.strip_suffix('}').expect("a closing brace");
        let (variable, default) = inner.split_once(":-").expect("a default");
        assert_eq!(variable, name, "passed on under its own name");
        (name.clone(), default.to_owned())
    });
    pairs.collect()
}

#[test]
fn every_variable_of_the_cache_means_something_to_it() {
    let given = environment(&services()["artifact-cache"]);
    for name in given.keys().filter(|name| !OTHERS.contains(&name.as_str())) {
        let output = program()
            .args(["config", "show", "--origin"])
            .env(name, "http://store:9000")
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(shown.contains(name), "{name} sets nothing");
    }
    let defaults = program()
        .args(["config", "check"])
        .envs(given)
        .output()
        .unwrap();
    assert!(defaults.status.success(), "{defaults:?}");
}

#[test]
fn the_image_is_the_one_that_the_file_expects() {
    let cache = services()["artifact-cache"].clone();
    let context = directory().join(cache["build"]["context"].as_str().unwrap());
    let file = context.join(cache["build"]["dockerfile"].as_str().unwrap());
    let text = fs::read_to_string(file).unwrap();
    let line = |word: &str| {
        let mut lines = text.lines();
        lines
            .find_map(|line| line.strip_prefix(word))
            .unwrap_or_default()
            .trim()
    };
    let exposed: BTreeSet<_> = line("EXPOSE").split(' ').collect();
    let published = texts(&cache["ports"]).into_iter();
    let published = published.map(|port| port.rsplit(':').next().unwrap());
    assert_eq!(published.collect::<BTreeSet<_>>(), exposed);
    let volumes = texts(&cache["volumes"]);
    assert!(
        volumes
            .iter()
            .any(|volume| volume.ends_with(&format!(":{}", line("VOLUME"))))
    );
    for word in ["FROM", "USER", "ENTRYPOINT", "CMD", "HEALTHCHECK"] {
        assert!(!line(word).is_empty(), "{word}");
    }
}

#[test]
fn the_store_of_development_is_the_one_that_the_bucket_is_made_in() {
    let services = services();
    let (store, bucket) = (&services["minio"], &services["bucket"]);
    let [user, password] = ["MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"]
        .map(|name| store["environment"][name].as_str().unwrap().to_owned());
    let command = texts(&bucket["command"]).join(" ");
    let alias = format!("http://minio:9000 {user} {password}");
    assert!(command.contains(&alias) && command.contains("mb --ignore-existing store/artifacts"));
    let target = "127.0.0.1:9000:9000";
    assert!(texts(&store["ports"]).contains(&target));
}
