//! `/api/v1/jobs`: what works in the background, how far it has come, what became of it; and the routes
//! that start such work. A layer before the other local routes. Reading needs `admin:read`, everything
//! else `admin:write`.

mod order;
pub(super) mod shown;

use std::sync::Arc;

use arc_swap::ArcSwap;
use artifact_cache_layers::body::{Body, BoxError};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use schemars::SchemaGenerator;
use serde_json::json;
use url::form_urlencoded;

pub(super) use self::order::refused;
use self::{
    order::{Key, Refresh, Scrub, Verify, Warm},
    shown::{JobList, JobShown},
};
use super::{
    ApiError, answer,
    openapi::{Answer, Operation, number, query},
    routed::{Routed, Routes},
    template::{captures, first},
};
use crate::{
    catalog::JobRecord,
    config::Config,
    error::Error,
    jobs::{Jobs, Started, warm::Means},
    telemetry::metrics::Metrics,
};

const ALL: &str = "/api/v1/jobs";
const ONE: &str = "/api/v1/jobs/{id}";
const CANCEL: &str = "/api/v1/jobs/{id}/cancel";
const VERIFY: &str = "/api/v1/verify";
const WARM: &str = "/api/v1/warm";
const REFRESH: &str = "/api/v1/refresh";
const SCRUB: &str = "/api/v1/scrub";

const READ: &str = "GET, HEAD";
const POST: &str = "POST";

/// Every route with its methods.
const ROUTES: [(&str, &str); 7] = [
    (ALL, READ),
    (ONE, READ),
    (CANCEL, POST),
    (VERIFY, POST),
    (WARM, POST),
    (REFRESH, POST),
    (SCRUB, POST),
];

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// The routes.
#[derive(Clone)]
pub struct JobRoutes {
    jobs: Jobs,
    means: Means,
    config: Arc<ArcSwap<Config>>,
    metrics: Metrics,
}

/// Every route with its methods.
#[cfg(test)]
pub(super) fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROUTES.into_iter()
}

/// The routes as the description of the API has them.
pub(super) fn operations(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let list = generator.subschema_for::<JobList>().to_value();
    let job = generator.subschema_for::<JobShown>().to_value();
    let verify = generator.subschema_for::<Verify>().to_value();
    let scrub = generator.subschema_for::<Scrub>().to_value();
    let warm = generator.subschema_for::<Warm>().to_value();
    let refresh = generator.subschema_for::<Refresh>().to_value();
    let word = json!({"type": "string"});
    let states = ["running", "done", "failed", "cancelled", "interrupted"];
    let started =
        |path, about| Operation::answering(path, "post", about, "202", Answer::Json(job.clone()));
    vec![
        Operation::new(ALL, "get", "Jobs, the latest first", &list).with(vec![
            query("limit", &number(1, Some(MAX_LIMIT as u64))),
            query("cursor", &word),
            query("kind", &word),
            query("state", &json!({"enum": states})),
        ]),
        Operation::new(ONE, "get", "One job, with what it failed with", &job),
        started(CANCEL, "Stop a job"),
        started(VERIFY, "Hash everything that is stored").with_body(&verify),
        started(WARM, "Bring what a list or a lock file names").with_body(&warm),
        started(SCRUB, "Go on with the scrub, or begin a round").with_body(&scrub),
        started(REFRESH, "Ask origins whether they changed").with_body(&refresh),
    ]
}

impl JobRoutes {
    /// The routes over these jobs, which work with these means.
    pub const fn new(
        jobs: Jobs,
        means: Means,
        config: Arc<ArcSwap<Config>>,
        metrics: Metrics,
    ) -> Self {
        Self {
            jobs,
            means,
            config,
            metrics,
        }
    }

    /// The same in front of `inner`.
    pub const fn before<S>(self, inner: S) -> Routed<Self, S> {
        Routed::new(self, inner)
    }

    async fn start(&self, path: &str, request: Request<Body>) -> Result<Started, BoxError> {
        let (head, body) = request.into_parts();
        let key = Key::of(&head.headers)?;
        match path {
            VERIFY => self.verify(key, body).await,
            WARM => self.warm(key, body).await,
            REFRESH => self.refresh(key, body).await,
            SCRUB => self.scrub(key, body).await,
            _ => Err(ApiError::NoRoute.into()),
        }
    }

    fn list(&self, query: &str) -> Result<Response<Body>, BoxError> {
        let wanted = Wanted::parse(query)?;
        // One more than wanted tells whether there is a next page.
        let found = self
            .jobs
            .list(wanted.before, wanted.limit + 1, |job| wanted.has(job));
        let mut found = found.map_err(internal)?;
        let has_more = found.len() > wanted.limit;
        found.truncate(wanted.limit);
        let next = found.last().filter(|_| has_more);
        let next_cursor = next.map(|last| format!("j{:x}", last.number));
        let items = found.into_iter().map(JobShown::in_list).collect();
        Ok(answer::json(
            StatusCode::OK,
            &JobList { items, next_cursor },
        )?)
    }

    fn one(&self, id: &str) -> Result<JobRecord, BoxError> {
        let found = id.parse().map(|number| self.jobs.show(number));
        let found = found.unwrap_or(Ok(None)).map_err(internal)?;
        found.ok_or_else(|| absent(id))
    }

    fn cancel(&self, id: &str) -> Result<Response<Body>, BoxError> {
        let job = self.one(id)?;
        if !self.jobs.cancel(job.number) {
            let message = format!("job {id} has ended");
            return Err(Error::Conflict { message }.into());
        }
        Ok(answer::json(
            StatusCode::ACCEPTED,
            &JobShown::of(self.one(id)?),
        )?)
    }
}

impl Routes for JobRoutes {
    fn is_own(&self, path: &str) -> bool {
        ROUTES
            .iter()
            .any(|(template, _)| captures(template, path).is_some())
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let path = request.uri().path().to_owned();
        let mut routes = ROUTES.iter();
        let found =
            routes.find_map(|(route, allow)| Some((*route, *allow, captures(route, &path)?)));
        let (route, allow, places) = found.ok_or(ApiError::NoRoute)?;
        let method = request.method().clone();
        if !allow.split(", ").any(|allowed| allowed == method.as_str()) {
            return Err(ApiError::MethodNotAllowed(allow).into());
        }
        let id = first(&places).unwrap_or_default();
        let response = match route {
            ALL => self.list(request.uri().query().unwrap_or_default())?,
            ONE => answer::json(StatusCode::OK, &JobShown::of(self.one(id)?))?,
            CANCEL => self.cancel(id)?,
            start => started(self.start(start, request).await?)?,
        };
        Ok(if method == Method::HEAD {
            answer::without_body(response)
        } else {
            response
        })
    }
}

/// 202: it goes on, and here is where to look. Whoever asks again under the same key is told the same.
pub(super) fn started(started: Started) -> Result<Response<Body>, BoxError> {
    let location = format!("{ALL}/{}", started.record.number);
    let mut response = answer::json(StatusCode::ACCEPTED, &JobShown::of(started.record))?;
    let location = HeaderValue::try_from(location)?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// What a request for a list asks.
struct Wanted {
    before: u64,
    limit: usize,
    kind: Option<String>,
    state: Option<String>,
}

impl Wanted {
    fn parse(query: &str) -> Result<Self, BoxError> {
        let mut wanted = Self {
            before: u64::MAX,
            limit: DEFAULT_LIMIT,
            kind: None,
            state: None,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "cursor" => wanted.before = cursor(&value)?,
                "limit" => wanted.limit = limit(&value)?,
                "kind" => wanted.kind = Some(value.into_owned()),
                "state" => wanted.state = Some(value.into_owned()),
                _ => return Err(ApiError::UnknownParameter(name.into_owned()).into()),
            }
        }
        Ok(wanted)
    }

    fn has(&self, job: &JobRecord) -> bool {
        let is = |wanted: &Option<String>, word: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == word)
        };
        is(&self.kind, &job.kind) && is(&self.state, job.state.word())
    }
}

fn cursor(text: &str) -> Result<u64, BoxError> {
    let number = text.strip_prefix('j');
    let number = number.and_then(|number| u64::from_str_radix(number, 16).ok());
    number.ok_or_else(|| invalid("cursor", "is not one that this list gave out"))
}

fn limit(text: &str) -> Result<usize, BoxError> {
    let limit = text.parse().ok();
    limit
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or_else(|| invalid("limit", "must be a number from 1 to 200"))
}

fn invalid(parameter: &'static str, reason: &str) -> BoxError {
    let reason = reason.to_owned();
    Error::UnprocessableParameter { parameter, reason }.into()
}

fn absent(id: &str) -> BoxError {
    let message = format!("there is no job {id}");
    Error::Absent { message }.into()
}

fn internal(error: crate::catalog::CatalogError) -> BoxError {
    ApiError::Internal(error.into()).into()
}
