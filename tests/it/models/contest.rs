//! Many at once: locks let one win, and there is one version in production, whoever comes when.
//! `REGISTRY_ROUNDS` rounds of contest (40 unless set).

use std::{collections::BTreeMap, sync::Barrier, thread};

use serde_json::{Value, json};

use super::*;

const WRITERS: usize = 20;
const PROMOTIONS: usize = 50;

fn rounds() -> usize {
    let rounds = std::env::var("REGISTRY_ROUNDS").ok();
    rounds.map_or(40, |rounds| rounds.parse().expect("a number"))
}

/// What [`WRITERS`] clients with the same lock are answered, round after round.
fn contest(cache: &Cache, model: &Value, round: usize, clients: &mut [Client]) -> Vec<u16> {
    let read_at = accepted(&get(cache, &path(model, "")))["updated_at"].clone();
    let read_at = read_at.as_str().unwrap();
    let together = Barrier::new(clients.len());
    thread::scope(|scope| {
        let writers: Vec<_> = clients
            .iter_mut()
            .enumerate()
            .map(|(writer, client)| {
                let body = json!({"suite": "s", "metrics": {"round": round, "writer": writer}});
                let request = request("POST", &path(model, "/metrics"), &body);
                let request = request.field("If-Updated-At", read_at);
                let together = &together;
                scope.spawn(move || {
                    together.wait();
                    client.exchange(&request).status()
                })
            })
            .collect();
        writers.into_iter().map(|it| it.join().unwrap()).collect()
    })
}

#[test]
fn of_many_writers_with_the_same_lock_exactly_one_wins() {
    let cache = started();
    let model = register(&cache, "m", "1", &Value::Null);
    let mut clients: Vec<_> = (0..WRITERS).map(|_| cache.client()).collect();
    for round in 0..rounds() {
        let answers = contest(&cache, &model, round, &mut clients);
        let winners: Vec<_> = (0..WRITERS).filter(|at| answers[*at] == 200).collect();
        assert_eq!(winners.len(), 1, "round {round}: {answers:?}");
        assert!(answers.iter().all(|status| matches!(status, 200 | 409)));
        let suites = accepted(&get(&cache, &path(&model, "/metrics")));
        assert_eq!(suites["s"]["writer"], winners[0]);
        assert_eq!(suites["s"]["round"], round);
    }
}

#[test]
fn of_many_promotions_at_once_one_version_is_left_in_production() {
    let cache = started();
    let models: Vec<_> = (0..PROMOTIONS)
        .map(|version| register(&cache, "m", &version.to_string(), &Value::Null))
        .collect();
    let together = Barrier::new(PROMOTIONS + 1);
    thread::scope(|scope| {
        let promotions: Vec<_> = models
            .iter()
            .map(|model| {
                let (cache, together) = (&cache, &together);
                scope.spawn(move || {
                    let mut client = cache.client();
                    together.wait();
                    let path = path(model, "/promote");
                    accepted(&client.exchange(&request("POST", &path, &Value::Null)));
                })
            })
            .collect();
        together.wait();
        // While they go on, nobody ever sees two.
        while promotions.iter().any(|promotion| !promotion.is_finished()) {
            assert!(in_production(&cache).len() <= 1);
        }
    });
    assert_eq!(in_production(&cache).len(), 1);
    explained(&cache, &models);
}

fn in_production(cache: &Cache) -> Vec<u64> {
    ids(&accepted(&get(cache, "/models?name=m&status=production")))
}

/// The events of all models, in the order they happened, account for who is where.
#[track_caller]
fn explained(cache: &Cache, models: &[Value]) {
    let mut events = Vec::new();
    for model in models {
        let of_model = accepted(&get(cache, &path(model, "/events")));
        events.extend(of_model.as_array().unwrap().clone());
    }
    events.sort_by_key(|event| event["id"].as_u64());
    let mut stages = BTreeMap::<u64, String>::new();
    for event in &events {
        let (id, payload) = (event["model_id"].as_u64().unwrap(), &event["payload"]);
        let to = match event["event_type"].as_str().unwrap() {
            "create" => &payload["status"],
            "promote" | "auto_demote" => {
                assert_eq!(payload["from"], stages[&id], "{event}");
                &payload["to"]
            }
            other => panic!("{other}"),
        };
        stages.insert(id, to.as_str().unwrap().to_owned());
        let in_production = stages.values().filter(|stage| *stage == "production");
        // A demotion comes before the promotion that it makes room for.
        assert!(in_production.count() <= 1, "{event}");
    }
    for model in models {
        let now = accepted(&get(cache, &path(model, "")))["status"].clone();
        assert_eq!(stages[&model["id"].as_u64().unwrap()], now);
    }
}
