//! The time series of the main figures.

use serde_json::Value;

use super::with_one;
use crate::{fetch::assert_error, support::cache::Cache};

fn sum(cache: &Cache, step: &str, figure: &str) -> u64 {
    let history = cache.get(&format!("/api/v1/history?step={step}")).json();
    let items = history["items"].as_array().unwrap().iter();
    items.map(|item| item[figure].as_u64().unwrap()).sum()
}

#[test]
fn every_step_tells_the_same_up_to_this_moment_and_after_a_restart() {
    let (origin, mut cache, _) = with_one();
    for _ in 0..3 {
        cache.fetch(&origin.url("/a.bin"));
    }
    cache.fetch(&origin.url("/missing"));
    let expected = [
        ("requests", 5),
        ("hits", 3),
        ("misses", 1),
        ("errors", 1),
        ("bytes_served", 8192),
        ("bytes_downloaded", 2048),
    ];
    let check = |cache: &Cache| {
        for step in ["10s", "1m", "15m"] {
            for (figure, value) in expected {
                let told = sum(cache, step, figure);
                assert!(told >= value, "{figure} by {step}: {told}");
                if figure != "bytes_served" {
                    assert_eq!(told, value, "{figure} by {step}");
                }
            }
        }
    };
    check(&cache);
    let last = |cache: &Cache| -> Value {
        let history = cache.get("/api/v1/history").json();
        history["items"].as_array().unwrap().last().unwrap().clone()
    };
    assert_eq!(last(&cache)["objects"], 1);
    assert_eq!(last(&cache)["stored_bytes"], 2048);
    cache.terminate();
    cache.restart();
    check(&cache);
    cache.fetch(&origin.url("/a.bin"));
    assert_eq!(sum(&cache, "15m", "hits"), 4, "it goes on where it was");
}

#[test]
fn the_step_is_one_of_three() {
    let cache = Cache::start();
    let history = cache.get("/api/v1/history?step=15m").json();
    assert_eq!(history["step_seconds"], 900);
    assert_eq!(history["kept_seconds"], 30 * 86_400);
    assert_error(
        &cache.get("/api/v1/history?step=2m"),
        422,
        "invalid_parameter",
    );
    assert_error(
        &cache.get("/api/v1/history?steps=1m"),
        400,
        "unknown_parameter",
    );
    let post = cache.exchange(&crate::support::client::Request::new(
        "POST",
        "/api/v1/history",
    ));
    assert_error(&post, 405, "method_not_allowed");
}
