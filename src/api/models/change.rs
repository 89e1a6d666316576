//! Changing: what a request asks for becomes an order, and the outcome of the order an answer.

mod create;
mod update;

use artifact_cache_layers::body::Body;
use http::{Response, header};
use serde_json::Value;

use super::{
    Actor, Asked, answer, body,
    form::Query,
    local::invalid,
    read::number,
    record::Deleted,
    requests::{CreateModel, UpdateModel, WriteMetrics},
    route::Route,
    settings,
};
use crate::{
    artifact::{
        model::{
            Evaluation, Lock, Refusal, Stage,
            plan::{Order, Plan, Wish},
        },
        moment::Moment,
    },
    error::Error,
};

impl Asked<'_> {
    /// Answers a request that writes.
    pub(super) async fn change(
        self,
        route: &Route,
        actor: Actor,
        body: Body,
    ) -> Result<Response<Body>, Error> {
        let wish = self.wish(route, &actor, body).await?;
        let order = Order {
            wish,
            lock: self.lock(),
            actor: actor.0,
            rules: settings::rules(&self.registry.config.registry),
        };
        let plan = self.carry_out(order).await?;
        if plan.removes {
            let (status, id) = ("deleted", plan.model.id);
            return answer::json(&Deleted { status, id });
        }
        self.registry.show(&plan.model)
    }

    async fn wish(&self, route: &Route, actor: &Actor, body: Body) -> Result<Wish, Error> {
        let settings = &self.registry.config.registry;
        match route {
            Route::Models => {
                let limit = settings.max_write_body_bytes.0;
                let form = CreateModel::read(self.json(body, limit).await?)?;
                self.create(form, actor).await
            }
            Route::Metrics(id) => {
                let limit = settings.max_metrics_body_bytes.0;
                let body = self.json(body, limit).await?;
                let id = number(id)?;
                self.evaluate(id, WriteMetrics::read(body)?)
            }
            Route::Promote(id) => self.promote(id),
            // DELETE takes no body; PATCH is the only other method of a model.
            Route::Model(id) if self.head.method == http::Method::DELETE => {
                Ok(Wish::Delete(number(id)?))
            }
            Route::Model(id) => {
                let limit = settings.max_write_body_bytes.0;
                let body = self.json(body, limit).await?;
                let id = number(id)?;
                self.update(UpdateModel::read(body)?, id).await
            }
            _ => Err(Error::NotFound),
        }
    }

    fn promote(&self, id: &str) -> Result<Wish, Error> {
        let query = Query::of(self.head.uri.query());
        let stages = Stage::ALL.map(|stage| (stage.word(), stage));
        let to = query.word("to_status", &stages, Stage::Production)?;
        Ok(Wish::Promote(number(id)?, to))
    }

    fn evaluate(&self, id: u64, form: WriteMetrics) -> Result<Wish, Error> {
        let suite = form.suite.trim().to_owned();
        if suite.is_empty() {
            return Err(invalid("suite is required".into()));
        }
        let now = self.registry.catalog.clock().now();
        let evaluation = Evaluation {
            suite,
            metrics: form.metrics,
            dataset: form.dataset,
            eval_commit: form.eval_commit,
            eval_config: form.eval_config,
            notes: form.notes,
            recorded_at: Moment::of(now).iso(),
        };
        Ok(Wish::Evaluate(id, Box::new(evaluation)))
    }

    fn json(&self, body: Body, limit: u64) -> impl Future<Output = Result<Value, Error>> + Send {
        body::json(self.head.headers.clone(), body, limit)
    }

    /// The state that the client means to change, by `If-Updated-At` (or the query) and `If-Match`.
    fn lock(&self) -> Lock {
        let fields = &self.head.headers;
        let by_field = fields.get("if-updated-at");
        let by_field = by_field.and_then(|value| value.to_str().ok());
        let query = Query::of(self.head.uri.query());
        let given = by_field
            .filter(|text| !text.is_empty())
            .or_else(|| query.given("if_updated_at"));
        let updated_at = given.map(|text| text.trim().to_owned());
        Lock {
            updated_at: updated_at.filter(|text| !text.is_empty()),
            tags: answer::tags(fields, &header::IF_MATCH),
        }
    }

    /// Waits until the order is durable.
    async fn carry_out(&self, order: Order) -> Result<Plan, Error> {
        let outcome = self.registry.clone().commit(order).await?;
        outcome.map_err(|refusal| refused(&refusal))
    }
}

/// What a refusal is to a client.
fn refused(refusal: &Refusal) -> Error {
    let message = refusal.to_string();
    match refusal {
        Refusal::NotFound => Error::Absent { message },
        Refusal::TagMismatch => Error::PreconditionFailed { message },
        Refusal::EventTooLarge(limit) => Error::TooLong {
            limit: *limit as u64,
            what: "Event payload",
        },
        _ => Error::Conflict { message },
    }
}

/// Lower-case hex of a digest as people write it; empty is none.
fn digest(text: Option<String>) -> Result<Option<String>, Error> {
    let text = text.unwrap_or_default().trim().to_ascii_lowercase();
    let hex = text.strip_prefix("sha256:").unwrap_or(&text).trim();
    let is_digest = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    match hex {
        "" => Ok(None),
        hex if is_digest => Ok(Some(hex.to_owned())),
        _ => Err(invalid(
            "Invalid sha256 (expected 64 hex characters)".into(),
        )),
    }
}

/// A size, which cannot be negative.
fn size(name: &str, bytes: Option<i64>) -> Result<Option<u64>, Error> {
    let bytes = bytes.map(u64::try_from).transpose();
    bytes.map_err(|_| invalid(format!("{name} must be >= 0")))
}

/// An object as it is stored.
fn text(object: Option<serde_json::Map<String, Value>>) -> Option<String> {
    object.map(|object| Value::Object(object).to_string())
}
