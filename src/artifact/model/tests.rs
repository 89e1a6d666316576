//! The rules of the registry, without a catalog.

use serde_json::json;

use super::{
    plan::{Order, Plan, Situation, Wish},
    *,
};
use crate::artifact::event::EventKind;

fn rules() -> Rules {
    Rules {
        required_suite: None,
        max_event_payload_bytes: 65536,
        protect_production: false,
        patch_status_bypass: false,
    }
}

fn model(id: u64, stage: Stage, score: Option<f64>) -> Model {
    Model {
        id,
        name: "m".into(),
        version: id.to_string(),
        stage,
        metrics: score.map(|score| json!({"suites": {"core": {"score": score}}}).to_string()),
        updated_at: Moment(5000),
        ..Model::default()
    }
}

fn order(wish: Wish, rules: Rules) -> Order {
    Order {
        wish,
        actor: "key:dev…".into(),
        lock: Lock::default(),
        rules,
    }
}

fn situation(model: Model, production: Option<Model>) -> Situation {
    Situation {
        model: Some(model),
        production,
        next_id: 9,
        now: Moment(4000),
    }
}

fn promoted(
    rules: Rules,
    candidate: Option<f64>,
    production: Option<f64>,
) -> Result<Plan, Refusal> {
    let candidate = model(2, Stage::Staging, candidate);
    let production = production.map(|score| model(1, Stage::Production, Some(score)));
    order(Wish::Promote(2, Stage::Production), rules).plan(situation(candidate, production))
}

#[test]
fn a_promotion_demotes_the_former_version_and_tells_of_both() {
    let plan = promoted(rules(), None, Some(1.0)).unwrap();
    let former = plan.demoted.unwrap();
    assert_eq!(
        (plan.model.stage, former.stage),
        (Stage::Production, Stage::Staging)
    );
    let kinds: Vec<_> = plan
        .events
        .iter()
        .map(|event| (event.model_id, event.kind))
        .collect();
    assert_eq!(kinds, [(1, EventKind::AutoDemote), (2, EventKind::Promote)]);
    // A clock behind the last change does not let the model look unchanged.
    assert_eq!(plan.model.updated_at, Moment(5001));
}

#[test]
fn the_gate_wants_the_suite_and_no_lower_score() {
    let gated = || Rules {
        required_suite: Some("core".into()),
        ..rules()
    };
    let missing = promoted(gated(), None, None).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "Promotion requires suite metrics: core"
    );
    let lower = promoted(gated(), Some(0.5), Some(0.75)).unwrap_err();
    assert_eq!(
        lower.to_string(),
        "Promotion blocked: core.score (0.5) < current production score (0.75)"
    );
    assert!(promoted(gated(), Some(0.75), Some(0.75)).is_ok());
    assert!(promoted(gated(), Some(0.1), None).is_ok());
}

#[test]
fn what_an_immutable_model_is_made_of_stays() {
    let patch = Patch {
        made_of: MadeOf {
            run_id: Some("r".into()),
            params: Some(1),
            artifact_uri: "s3://b/k".into(),
            ..MadeOf::default()
        },
        description: Some("d".into()),
        ..Patch::default()
    };
    let wish = Wish::Update(1, Box::new(patch));
    let refusal = order(wish, rules()).plan(situation(model(1, Stage::Production, None), None));
    assert_eq!(
        refusal.unwrap_err().to_string(),
        "Model is immutable (production/frozen); blocked fields: ['artifact_uri', 'params', 'run_id']"
    );
}

#[test]
fn a_payload_beyond_the_limit_changes_nothing() {
    let rules = Rules {
        max_event_payload_bytes: 10,
        ..rules()
    };
    let refusal = promoted(rules, None, None).unwrap_err();
    assert_eq!(refusal, Refusal::EventTooLarge(10));
}
