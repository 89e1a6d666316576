//! `/api/v1/tokens`: list, make and revoke access tokens. A layer before the other local routes, because
//! it alone reads a request body.

use std::time::Duration;

use artifact_cache_layers::body::{Body, BoxError};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    ApiError, answer,
    openapi::{Answer, Operation},
    routed::{Routed, Routes},
    template::{captures, first},
    timestamp::rfc3339,
};
use crate::{
    access::{Gate, Minted, NotKept, Wanted},
    catalog::TokenRecord,
    error::Error,
};

const PATH: &str = "/api/v1/tokens";
const METHODS: &str = "GET, HEAD, POST";
const ONE: &str = "/api/v1/tokens/{id}";
const METHODS_OF_ONE: &str = "DELETE";
/// Largest description of a token, in bytes.
const MAX_BODY: usize = 64 << 10;

/// The routes of tokens.
#[derive(Clone)]
pub struct Tokens(Gate);

/// Every route with its methods.
#[cfg(test)]
pub(super) fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    [(PATH, METHODS), (ONE, METHODS_OF_ONE)].into_iter()
}

/// The routes as the description of the API has them.
pub(super) fn operations(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let listed = generator.subschema_for::<Listed>().to_value();
    let created = generator.subschema_for::<Created>().to_value();
    let wanted = generator.subschema_for::<Description>().to_value();
    let created = Answer::Json(created);
    vec![
        Operation::new(PATH, "get", "Access tokens, without their secrets", &listed),
        Operation::answering(PATH, "post", "Make an access token", "201", created)
            .with_body(&wanted),
        Operation::answering(
            ONE,
            "delete",
            "Revoke an access token",
            "204",
            Answer::Nothing,
        ),
    ]
}

/// The access token that is wanted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CreateToken")]
struct Description {
    #[serde(default)]
    name: String,
    scopes: Vec<String>,
    #[serde(default)]
    targets: Vec<String>,
    expires_in_seconds: Option<u64>,
}

impl Tokens {
    /// The tokens of `gate`, in front of `inner`.
    pub const fn before<S>(gate: Gate, inner: S) -> Routed<Self, S> {
        Routed::new(Self(gate), inner)
    }
}

/// The id in a path; empty for all of them, `None` for a path of somebody else.
fn id_in(path: &str) -> Option<&str> {
    match path {
        PATH => Some(""),
        _ => first(&captures(ONE, path)?),
    }
}

async fn respond(
    gate: Gate,
    id: String,
    request: Request<Body>,
) -> Result<Response<Body>, BoxError> {
    match (request.method(), id.as_str()) {
        (&Method::GET, "") => Ok(list(&gate)?),
        (&Method::HEAD, "") => Ok(answer::without_body(list(&gate)?)),
        (&Method::POST, "") => create(&gate, request.into_body()).await,
        (&Method::DELETE, id) if !id.is_empty() => revoke(&gate, id).await,
        (_, "") => Err(ApiError::MethodNotAllowed(METHODS).into()),
        _ => Err(ApiError::MethodNotAllowed(METHODS_OF_ONE).into()),
    }
}

fn list(gate: &Gate) -> Result<Response<Body>, ApiError> {
    let items = gate.keyring().list().iter().map(Token::of).collect();
    let next_cursor = None;
    answer::json(StatusCode::OK, &Listed { items, next_cursor })
}

async fn create(gate: &Gate, body: Body) -> Result<Response<Body>, BoxError> {
    let body = Limited::new(body, MAX_BODY)
        .collect()
        .await
        .map_err(|_| invalid("it is too large or broke off"))?;
    let wanted: Description =
        serde_json::from_slice(&body.to_bytes()).map_err(|error| invalid(&error.to_string()))?;
    let wanted = Wanted {
        name: wanted.name,
        scopes: wanted.scopes,
        targets: wanted.targets,
        expires_in: wanted.expires_in_seconds.map(Duration::from_secs),
    };
    let created = gate.keyring().create(wanted, gate.clock().now()).await;
    let (minted, record) = created.map_err(refused)?;
    Ok(answer::json(
        StatusCode::CREATED,
        &self::created(minted, &record),
    )?)
}

async fn revoke(gate: &Gate, id: &str) -> Result<Response<Body>, BoxError> {
    if gate.keyring().revoke(id).await.map_err(refused)? {
        return Ok(answer::no_content());
    }
    Err(Error::NotFound.into())
}

fn invalid(reason: &str) -> Error {
    Error::UnprocessableParameter {
        parameter: "body",
        reason: reason.to_owned(),
    }
}

fn refused(error: NotKept) -> BoxError {
    let parameter = match &error {
        NotKept::Scope(_) | NotKept::NoScope => "scopes",
        NotKept::Reach(_) => "targets",
        NotKept::TooLong(_) => "name",
        NotKept::Expiry => "expires_in_seconds",
        NotKept::TooMany => "body",
        NotKept::Random(_) | NotKept::Catalog(_) => {
            return ApiError::Internal(error.into()).into();
        }
    };
    let reason = error.to_string();
    Error::UnprocessableParameter { parameter, reason }.into()
}

/// A token that was just made, with its secret.
pub fn created(minted: Minted, record: &TokenRecord) -> Value {
    let (shown, token) = (Token::of(record), minted.text);
    json!(Created { shown, token })
}

/// What may be known of a token: everything but the secret and its digest.
pub fn shown(token: &TokenRecord) -> Value {
    json!(Token::of(token))
}

/// An access token, without its secret.
#[derive(Serialize, JsonSchema)]
struct Token {
    id: String,
    /// The beginning of its text.
    prefix: String,
    name: String,
    scopes: Vec<String>,
    targets: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

/// An access token that was just made.
#[derive(Serialize, JsonSchema)]
struct Created {
    #[serde(flatten)]
    shown: Token,
    /// Its text, which is never shown again.
    token: String,
}

/// Every access token.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Tokens")]
struct Listed {
    items: Vec<Token>,
    next_cursor: Option<String>,
}

impl Token {
    fn of(token: &TokenRecord) -> Self {
        Self {
            id: token.id.clone(),
            prefix: format!("ac_{}", token.id),
            name: token.name.clone(),
            scopes: token.scopes.clone(),
            targets: token.targets.clone(),
            created_at: rfc3339(token.created_at),
            expires_at: token.expires_at.map(rfc3339),
            last_used_at: token.last_used_at.map(rfc3339),
        }
    }
}

impl Routes for Tokens {
    fn is_own(&self, path: &str) -> bool {
        id_in(path).is_some()
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let id = id_in(request.uri().path()).unwrap_or_default().to_owned();
        respond(self.0, id, request).await
    }
}
