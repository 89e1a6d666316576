//! Killed in a storm of writes: what was acknowledged is there, and nothing is half there.
//! `REGISTRY_KILLS` kills (2 unless set).

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use super::*;

const WRITERS: u64 = 8;
/// Writes acknowledged before each kill.
const STORM: u64 = 60;

/// The last state that each model was acknowledged in, by number.
type Acknowledged = Mutex<BTreeMap<u64, Value>>;

#[test]
fn a_killed_registry_has_every_acknowledged_write_and_no_half_of_another() {
    let kills = std::env::var("REGISTRY_KILLS").ok();
    let kills: u64 = kills.map_or(2, |kills| kills.parse().expect("a number"));
    let mut cache = started();
    let acknowledged = Acknowledged::default();
    for kill in 0..kills {
        storm(&cache, kill, &acknowledged);
        cache.restart();
        whole(&cache, &acknowledged.lock().unwrap());
    }
}

/// Writers that go on until the cache is killed under them.
fn storm(cache: &Cache, kill: u64, acknowledged: &Acknowledged) {
    let count = AtomicU64::new(0);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let count = &count;
            scope.spawn(move || {
                let name = format!("m{kill}-{writer}");
                write_until_the_end(cache, &name, acknowledged, count);
            });
        }
        crate::support::eventually("enough writes", || count.load(Ordering::Relaxed) >= STORM);
        cache.signal(rustix::process::Signal::KILL);
    });
}

fn write_until_the_end(cache: &Cache, name: &str, acknowledged: &Acknowledged, count: &AtomicU64) {
    let Some(mut client) = Client::try_connect(cache.address()) else {
        return;
    };
    for version in 0.. {
        let create = json!({"name": name, "version": version.to_string(), "artifact_uri": "u"});
        let Some(model) = answered(&mut client, "POST", "/models", &create) else {
            return;
        };
        let metrics = json!({"suite": "s", "metrics": {"score": version}});
        for (path, body) in [
            (path(&model, "/metrics"), metrics),
            (path(&model, "/promote"), Value::Null),
        ] {
            let Some(model) = answered(&mut client, "POST", &path, &body) else {
                return;
            };
            let id = model["id"].as_u64().unwrap();
            acknowledged.lock().unwrap().insert(id, model);
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn answered(client: &mut Client, method: &str, path: &str, body: &Value) -> Option<Value> {
    let response = client.exchange(&request(method, path, body));
    (response.is_complete() && response.status() == 200).then(|| response.json())
}

/// Every acknowledged state is there, or a later one of the same model; lists, names, numbers and events
/// say the same.
#[track_caller]
fn whole(cache: &Cache, acknowledged: &BTreeMap<u64, Value>) {
    for (id, model) in acknowledged {
        let found = accepted(&get(cache, &format!("/models/{id}")));
        assert!(found["updated_at"].as_str() >= model["updated_at"].as_str());
        assert_eq!(found["metrics"], model["metrics"]);
    }
    let mut all = Vec::new();
    for offset in (0..).step_by(200) {
        let page = accepted(&get(cache, &format!("/models?limit=200&offset={offset}")));
        let page = page.as_array().unwrap().clone();
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    let stats = accepted(&get(cache, "/stats"));
    assert_eq!(stats["total_models"], all.len());
    let mut production = BTreeMap::<String, u64>::new();
    for model in &all {
        let by_name = format!(
            "/models/by-name/{}/{}",
            text(model, "name"),
            text(model, "version")
        );
        assert_eq!(accepted(&get(cache, &by_name)), *model);
        let events = accepted(&get(cache, &path(model, "/events")));
        explains(model, events.as_array().unwrap());
        let is_production = u64::from(model["status"] == "production");
        *production.entry(text(model, "name")).or_default() += is_production;
    }
    assert!(
        production.values().all(|count| *count <= 1),
        "{production:?}"
    );
}

fn text(model: &Value, key: &str) -> String {
    model[key].as_str().unwrap().to_owned()
}

/// The events of a model say of it what it says itself.
#[track_caller]
fn explains(model: &Value, events: &[Value]) {
    let moved = |event: &&Value| {
        matches!(
            event["event_type"].as_str(),
            Some("promote" | "auto_demote")
        )
    };
    let stage = events.iter().find(moved).map_or("experimental", |event| {
        event["payload"]["to"].as_str().unwrap()
    });
    assert_eq!(model["status"], stage);
    let has_metrics = events.iter().any(|event| event["event_type"] == "eval");
    assert_eq!(model["metrics"].is_object(), has_metrics);
    assert_eq!(events.last().unwrap()["event_type"], "create");
}
