//! Runs one case: what does `semantics` decide, and where does it differ from what is expected?

use std::time::{Duration, SystemTime};

use artifact_cache_layers::{
    digest::Sha256,
    semantics::{
        cache_key, freshness,
        invalidation::invalidated,
        policy::Policy,
        reuse::{self, Allowance, Reuse, reuse},
        storable::{Storable, storable},
        stored_response::{StoredResponse, fields_to_store},
        validation::{self, Precondition, precondition},
    },
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, request, response};

use super::case::{Case, after_arrival, arrival, fields};

fn request_parts(method: &str, uri: &str, lines: &[String]) -> request::Parts {
    let mut parts = Request::builder()
        .method(method)
        .uri(uri)
        .body(())
        .unwrap()
        .into_parts()
        .0;
    parts.headers = fields(lines);
    parts
}

fn response_parts(case: &Case) -> response::Parts {
    let mut parts = Response::builder()
        .status(case.status)
        .body(())
        .unwrap()
        .into_parts()
        .0;
    parts.headers = fields(&case.response);
    parts
}

/// The response as an archive door may store it too: whether the RFC allows it is asked apart.
fn stored(case: &Case, response: &response::Parts) -> Option<StoredResponse> {
    let stored = StoredResponse {
        status: response.status,
        fields: fields_to_store(&response.headers, arrival()),
        request_time: arrival() - Duration::from_secs(case.delay),
        response_time: arrival(),
        nominated: cache_key::nominated(&response.headers, &fields(&case.original))?,
        digest: Sha256::of(b""),
        length: 0,
    };
    let validated = after_arrival(case.validated_at);
    Some(match &case.not_modified {
        Some(lines) => validation::freshened(&stored, &fields(lines), validated, validated),
        None => stored,
    })
}

struct Run<'a> {
    case: &'a Case,
    request: request::Parts,
    original: request::Parts,
    response: response::Parts,
    policy: Policy,
    wrong: Vec<String>,
}

/// What is wrong, in words; empty when all is as expected.
pub(crate) fn mismatches(case: &Case) -> Vec<String> {
    let mut run = Run {
        case,
        request: request_parts(&case.method, &case.uri, &case.request),
        original: request_parts(&case.original_method, &case.uri, &case.original),
        response: response_parts(case),
        policy: Policy {
            max_heuristic: Duration::from_hours(24),
            heuristic_errors: case.heuristic_errors,
            stale_if_error: case.stale_if_error,
            ..Policy::default()
        },
        wrong: Vec::new(),
    };
    run.check_storing();
    run.check_invalidation();
    match stored(case, &run.response) {
        Some(stored) => run.check_stored(&stored),
        None => run.equal("matches", case.expect.matches, false),
    }
    run.wrong
}

impl Run<'_> {
    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, expected: Option<T>, got: T) {
        let differs = expected
            .zip(Some(got))
            .filter(|(expected, got)| expected != got);
        if let Some((expected, got)) = differs {
            self.wrong
                .push(format!("{what}: expected {expected:?}, got {got:?}"));
        }
    }

    fn check_storing(&mut self) {
        let store = match storable(&self.original, &self.response, &self.policy) {
            Storable::Store => "store",
            Storable::DoNot(reason) => reason.as_str(),
        };
        self.equal("store", self.case.expect.store.as_deref(), store);
    }

    fn check_invalidation(&mut self) {
        let target = self.case.uri.parse().unwrap();
        let uris = invalidated(&self.request.method, &target, &self.response);
        let uris = uris.iter().map(ToString::to_string).collect();
        self.equal("invalidates", self.case.expect.invalidates.clone(), uris);
    }

    fn check_stored(&mut self, stored: &StoredResponse) {
        let (case, now) = (self.case, after_arrival(self.case.at));
        let matches = cache_key::matches(&stored.nominated, &self.request.headers);
        self.equal("matches", case.expect.matches, matches);
        self.check_reuse(stored, now);
        let on_error = reuse::may_serve_stale_on_error(&self.request, stored, &self.policy, now);
        self.equal("on_error", case.expect.on_error, on_error);
        self.equal(
            "only_if_cached",
            case.expect.only_if_cached,
            reuse::only_if_cached(&self.request),
        );
        let lifetime = freshness::freshness_lifetime(stored, &self.policy).as_secs();
        self.equal("lifetime", case.expect.lifetime, lifetime);
        self.equal(
            "age",
            case.expect.age,
            freshness::current_age(stored, now).as_secs(),
        );
        self.check_validation(stored);
        self.check_fields(stored);
    }

    fn check_reuse(&mut self, stored: &StoredResponse, now: SystemTime) {
        let reuse = reuse(&self.request, stored, &self.policy, now);
        let (text, ttl) = match reuse {
            Reuse::Fresh { ttl, .. } => ("fresh".to_owned(), Some(ttl.as_secs())),
            Reuse::Stale {
                allowance: Allowance::MaxStale,
                ..
            } => ("stale max-stale".to_owned(), None),
            Reuse::Stale { .. } => ("stale stale-while-revalidate".to_owned(), None),
            Reuse::Validate(reason) => (format!("validate {}", reason.as_str()), None),
            Reuse::Forward(reason) => (format!("forward {}", reason.as_str()), None),
        };
        self.equal("reuse", self.case.expect.reuse.clone(), text);
        self.equal("ttl", self.case.expect.ttl.map(Some), ttl);
    }

    fn check_validation(&mut self, stored: &StoredResponse) {
        let expect = &self.case.expect;
        let sent = lines(&validation::conditional_fields(stored));
        self.equal(
            "conditional",
            expect.conditional.as_deref().map(sorted),
            sent,
        );
        let headers = &self.request.headers;
        let outcome = precondition(&self.request.method, headers, stored.status, &stored.fields);
        let outcome = match outcome {
            Precondition::Proceed => "proceed",
            Precondition::NotModified => "not-modified",
            Precondition::Failed => "failed",
        };
        let forward = validation::must_forward_precondition(headers);
        self.equal("precondition", expect.precondition.as_deref(), outcome);
        self.equal("forward_precondition", expect.forward_precondition, forward);
        let selected = self.case.not_modified.as_ref().is_some_and(|lines| {
            let unchanged = StoredResponse {
                fields: fields_to_store(&self.response.headers, arrival()),
                ..stored.clone()
            };
            validation::is_selected_by(&unchanged, &fields(lines))
        });
        self.equal("selected", expect.selected, selected);
    }

    fn check_fields(&mut self, stored: &StoredResponse) {
        let got = lines(&stored.fields);
        for line in sorted(&self.case.expect.fields) {
            if !got.contains(&line) {
                self.wrong.push(format!("no field {line} in {got:?}"));
            }
        }
        for name in &self.case.expect.absent {
            if stored.fields.contains_key(name.as_str()) {
                self.wrong.push(format!("field {name} in {got:?}"));
            }
        }
        let carried = lines(&validation::not_modified_fields(&stored.fields));
        let expected = self.case.expect.not_modified_fields.as_deref().map(sorted);
        self.equal("not_modified_fields", expected, carried);
    }
}

/// The lines of `fields` as they compare: sorted, names in lower case.
fn lines(fields: &HeaderMap) -> Vec<String> {
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    };
    let mut lines: Vec<_> = fields.iter().map(line).collect();
    lines.sort_unstable();
    lines
}

fn sorted(written: &[String]) -> Vec<String> {
    lines(&fields(written))
}
