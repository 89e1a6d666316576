//! Lists, comparison and numbers.

use serde_json::{Value, json};

use super::*;

fn listed(cache: &Cache, query: &str) -> Vec<u64> {
    ids(&accepted(&get(cache, &format!("/models?{query}"))))
}

/// What each query lists of the models below.
const LISTS: [(&str, &[u64]); 25] = [
    ("", &[4, 3, 2, 1]),
    ("order=asc", &[1, 2, 3, 4]),
    ("sort=updated_at", &[2, 4, 3, 1]),
    ("sort=training_step&order=asc", &[3, 2, 4, 1]),
    ("sort=training_step&order=desc", &[1, 4, 2, 3]),
    ("status=staging", &[4, 2]),
    ("name=alpha", &[2, 1]),
    ("name=alph", &[]),
    ("name=alpha&status=staging", &[2]),
    ("tag=x", &[4, 1]),
    ("tag=100%25", &[1]),
    ("tag=x&status=staging", &[4]),
    ("run_id=r1", &[3]),
    ("name=beta&run_id=r2", &[]),
    ("q=ALPH", &[2, 1]),
    ("q=big_o", &[2]),
    ("q=big%25", &[]),
    ("q=%5F", &[2]),
    ("q=2", &[2]),
    ("limit=1", &[4]),
    ("limit=2&offset=1", &[3, 2]),
    ("offset=9", &[]),
    ("q=1&limit=1&offset=1", &[3]),
    ("name=&status=staging&tag=&q=", &[4, 2]),
    ("unknown=ignored&limit=200", &[4, 3, 2, 1]),
];

#[test]
fn lists_are_filtered_sorted_and_cut() {
    let cache = started();
    let more = [
        (
            "alpha",
            "1",
            json!({"training_step": 30, "tags": ["x", "100%"]}),
        ),
        (
            "alpha",
            "2",
            json!({"training_step": 10, "status": "staging", "description": "Big_One"}),
        ),
        ("beta", "1", json!({"tags": ["xy"], "run_id": "r1"})),
        (
            "gamma",
            "1",
            json!({"training_step": 20, "status": "staging", "tags": ["x"]}),
        ),
    ];
    for (name, version, more) in more {
        register(&cache, name, version, &more);
    }
    ok(&cache, "PATCH", "/models/2", &json!({"dataset": "d"}));
    for (query, expected) in LISTS {
        assert_eq!(listed(&cache, query), expected, "{query}");
    }
}

#[test]
fn what_a_list_cannot_be_asked_is_refused() {
    let cache = started();
    for (query, field, kind) in [
        ("limit=201", "limit", "less_than_equal"),
        ("limit=0", "limit", "greater_than_equal"),
        ("limit=x", "limit", "int_parsing"),
        ("offset=-1", "offset", "greater_than_equal"),
        ("sort=name", "sort", "literal_error"),
        ("order=up", "order", "literal_error"),
        ("status=live", "status", "literal_error"),
    ] {
        let response = get(&cache, &format!("/models?{query}"));
        assert_field(&response, &json!(["query", field]), kind);
    }
    let response = get(&cache, "/models/1/events?limit=501");
    assert_field(&response, &json!(["query", "limit"]), "less_than_equal");
    let response = get(&cache, "/models/status/live");
    assert_field(&response, &json!(["path", "status"]), "literal_error");
}

#[test]
fn a_stage_is_listed_whole_with_the_newest_change_first() {
    let cache = started();
    for version in 0..60 {
        register(
            &cache,
            "m",
            &version.to_string(),
            &json!({"status": "staging"}),
        );
    }
    register(&cache, "m", "other", &Value::Null);
    ok(&cache, "PATCH", "/models/7", &json!({"dataset": "d"}));
    let staging = ids(&accepted(&get(&cache, "/models/status/staging")));
    assert_eq!((staging.len(), staging[0], staging[1]), (60, 7, 60));
    assert_eq!(accepted(&get(&cache, "/models/status/archived")), json!([]));
}

#[test]
fn models_are_compared_in_three_orders() {
    let cache = started();
    register(
        &cache,
        "m",
        "1",
        &json!({"params": 5, "training_loss": 0.5, "training_step": 1}),
    );
    register(&cache, "m", "2", &json!({"params": 7, "training_step": 3}));
    register(
        &cache,
        "m",
        "3",
        &json!({"training_loss": 0.0, "training_step": 2}),
    );
    let compared = accepted(&get(&cache, "/compare?ids=3,%201,2,77,1"));
    assert_eq!(ids(&compared["models"]), [1, 2, 3]);
    let comparison = &compared["comparison"];
    assert_eq!(ids(&comparison["by_params"]), [2, 1, 3]);
    assert_eq!(ids(&comparison["by_loss"]), [3, 1, 2]);
    assert_eq!(ids(&comparison["by_step"]), [2, 3, 1]);
    assert_eq!(keys_of(&comparison["by_loss"][0]), KEYS);
    for ids in ["a", "1,", "1,b", ""] {
        let response = get(&cache, &format!("/compare?ids={ids}"));
        assert_field(&response, &json!(["query", "ids"]), "int_parsing");
    }
    assert_field(
        &get(&cache, "/compare"),
        &json!(["query", "ids"]),
        "missing",
    );
}

#[test]
fn numbers_follow_every_change() {
    let cache = started();
    let empty = json!({"total_models": 0, "by_status": {}, "by_name": {}});
    assert_eq!(accepted(&get(&cache, "/stats")), empty);
    let one = register(&cache, "a", "1", &Value::Null);
    register(&cache, "a", "2", &Value::Null);
    register(&cache, "b", "1", &json!({"status": "archived"}));
    promote(&cache, &one, "production");
    assert_eq!(
        accepted(&get(&cache, "/stats")),
        json!({
            "total_models": 3,
            "by_status": {"experimental": 1, "production": 1, "archived": 1},
            "by_name": {"a": 2, "b": 1},
        })
    );
    ok(&cache, "DELETE", &path(&one, ""), &Value::Null);
    let stats = accepted(&get(&cache, "/stats"));
    assert_eq!(
        stats["by_status"],
        json!({"experimental": 1, "archived": 1})
    );
}

#[test]
fn the_version_in_production_is_found_by_name() {
    let cache = started();
    let model = register(&cache, "m", "1", &Value::Null);
    let none = get(&cache, "/production/m");
    assert_detail(&none, 404, "No production model found for 'm'");
    let model = accepted(&promote(&cache, &model, "production"));
    assert_eq!(accepted(&get(&cache, "/production/m")), model);
    assert_eq!(accepted(&get(&cache, "/registry/production/m")), model);
    promote(&cache, &model, "archived");
    assert_eq!(get(&cache, "/production/m").status(), 404);
}
