//! `deploy/kubernetes` without a cluster: that what is named is there, and that the program takes its
//! configuration.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use super::directory;
use crate::support::{
    cache::{Cache, program},
    client::{Client, Request},
};

fn objects() -> Vec<Value> {
    let text = fs::read_to_string(directory().join("kubernetes/artifact-cache.yaml")).unwrap();
    let documents = text.split("\n---\n");
    documents
        .map(|document| yaml_serde::from_str(document).unwrap())
        .collect()
}

fn of_kind(kind: &str) -> Vec<Value> {
    let all = objects().into_iter();
    all.filter(|object| object["kind"] == kind).collect()
}

fn the(kind: &str) -> Value {
    let mut found = of_kind(kind);
    assert_eq!(found.len(), 1, "{kind}");
    found.remove(0)
}

fn container() -> Value {
    let pod = &the("StatefulSet")["spec"]["template"]["spec"];
    assert_eq!(pod["containers"].as_array().unwrap().len(), 1);
    pod["containers"][0].clone()
}

/// The ports of the container by name.
fn ports() -> BTreeSet<(String, u64)> {
    let container = container();
    let ports = container["ports"].as_array().unwrap().iter();
    let pair = |port: &Value| {
        let name = port["name"].as_str().unwrap().to_owned();
        (name, port["containerPort"].as_u64().unwrap())
    };
    ports.map(pair).collect()
}

#[test]
fn everything_has_a_kind_a_version_and_a_name() {
    let mut names = BTreeSet::new();
    for object in objects() {
        let version = match object["kind"].as_str().unwrap() {
            "ConfigMap" | "Service" => "v1",
            "StatefulSet" => "apps/v1",
            other => panic!("{other}"),
        };
        assert_eq!(object["apiVersion"], version);
        let name = (
            object["kind"].to_string(),
            object["metadata"]["name"].to_string(),
        );
        assert!(names.insert(name), "twice");
    }
}

#[test]
fn services_find_the_pods_and_their_ports() {
    let set = the("StatefulSet");
    let labels = &set["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&set["spec"]["selector"]["matchLabels"], labels);
    let names: BTreeSet<_> = ports().into_iter().map(|(name, _)| name).collect();
    let mut reached = BTreeSet::new();
    for service in of_kind("Service") {
        assert_eq!(&service["spec"]["selector"], labels);
        for port in service["spec"]["ports"].as_array().unwrap() {
            reached.insert(port["targetPort"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(reached, names);
    let service = set["spec"]["serviceName"].as_str().unwrap();
    assert!(
        of_kind("Service")
            .iter()
            .any(|object| object["metadata"]["name"] == service)
    );
}

/// What the program makes of the configuration.
fn shown() -> String {
    let map = the("ConfigMap");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    fs::write(&file, map["data"]["config.yaml"].as_str().unwrap()).unwrap();
    let show = |verb: &str| {
        let mut command = program();
        let command = command.args(["config", verb, "--config"]).arg(&file);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    show("check");
    show("show")
}

#[test]
fn the_program_takes_the_configuration_and_listens_where_the_ports_are() {
    let shown = shown();
    for (name, port) in ports() {
        let section = if name == "http" { "server" } else { "metrics" };
        assert!(
            shown.contains(&format!("{section}.port: {port}\n")),
            "{shown}"
        );
        assert!(
            shown.contains(&format!("{section}.host: 0.0.0.0\n")),
            "{shown}"
        );
    }
}

#[test]
fn data_lies_on_the_volume_and_the_configuration_is_mounted() {
    let (container, shown) = (container(), shown());
    let mounts = container["volumeMounts"].as_array().unwrap();
    let place = |name: &str| {
        let mount = mounts.iter().find(|mount| mount["name"] == name).unwrap();
        mount["mountPath"].as_str().unwrap()
    };
    for key in ["base_path", "database", "temporary_path"] {
        let beginning = format!("storage.{key}: {}/", place("data"));
        assert!(shown.contains(&beginning), "{key}");
    }
    let arguments = container["args"].as_array().unwrap();
    let file = arguments.last().unwrap().as_str().unwrap();
    assert_eq!(file, format!("{}/config.yaml", place("config")));
}

#[test]
fn it_has_no_more_rights_than_it_needs_and_time_to_stop() {
    let (container, set) = (container(), the("StatefulSet"));
    let pod = &set["spec"]["template"]["spec"];
    let context = &container["securityContext"];
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert_eq!(context["readOnlyRootFilesystem"], true);
    assert_eq!(context["capabilities"]["drop"][0], "ALL");
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(
        set["spec"]["replicas"], 1,
        "the store belongs to one process"
    );
    let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(grace >= 40, "longer than server.drain_timeout and 10 s");
    let image = fs::read_to_string(directory().join("Dockerfile")).unwrap();
    let user = pod["securityContext"]["runAsUser"].to_string();
    assert!(image.contains(&format!("USER {user}\n")));
}

#[test]
fn probes_ask_for_what_is_answered_without_a_token() {
    let cache = Cache::setup().config("auth: {tokens: true}").start();
    let container = container();
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let get = &container[probe]["httpGet"];
        assert!(ports().iter().any(|(name, _)| get["port"] == name.as_str()));
        let request = Request::get(get["path"].as_str().unwrap());
        assert_eq!(
            Client::connect(cache.address()).exchange(&request).status(),
            200,
            "{probe}"
        );
    }
}
