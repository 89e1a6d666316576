//! Who may use the registry: whoever has one of its keys. Without any key configured, nobody.

use artifact_cache_layers::body::Body;
use http::{HeaderMap, Request, header};

use crate::{
    access::Caller,
    config::{Config, registry::Registry as Settings},
    error::Error,
};

/// Longest name of an actor, in characters.
const LONGEST: usize = 200;
/// Characters of a key that name its holder.
const SHOWN: usize = 4;

/// Who acts, as the audit trail names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(pub String);

/// The actor of a request with a valid key, or with an access token that the gate has let through.
pub(super) fn authorize(config: &Config, request: &Request<Body>) -> Result<Actor, Error> {
    let (settings, asks_for_tokens) = (&config.registry, config.auth.tokens);
    let fields = request.headers();
    let caller = request.extensions().get::<Caller>();
    if let Some(token) = caller.and_then(Caller::token) {
        return Ok(actor(settings, fields, format!("token:{token}")));
    }
    // Where tokens are in force, credentials that are none come here although there is no key.
    if settings.keys().next().is_none() && !asks_for_tokens {
        let detail = "API key auth not configured (set CAIA_REGISTRY_API_KEY(S))";
        return Err(Error::NotConfigured { detail });
    }
    let key = key_of(fields).ok_or(Error::InvalidKey {
        detail: "Missing API key",
    })?;
    // Every key is compared, so that the time does not tell which one was close.
    let known = settings.keys().fold(false, |known, ours| {
        known | is_same(key.as_bytes(), ours.as_bytes())
    });
    if !known {
        return Err(Error::InvalidKey {
            detail: "Invalid API key",
        });
    }
    let shown: String = key.chars().take(SHOWN).collect();
    Ok(actor(settings, fields, format!("key:{shown}…")))
}

/// The key that a request shows: `X-API-Key`, else `Authorization: Bearer`.
fn key_of(fields: &HeaderMap) -> Option<&str> {
    let plain = text(fields, "x-api-key").filter(|key| !key.is_empty());
    plain.or_else(|| {
        let value = text(fields, header::AUTHORIZATION.as_str())?;
        let mut words = value.split_whitespace();
        let scheme = words.next()?;
        let key = words.next()?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer") && words.next().is_none();
        is_bearer.then_some(key)
    })
}

fn text<'a>(fields: &'a HeaderMap, name: &str) -> Option<&'a str> {
    // Values beyond ASCII are UTF-8 where people write their names in them.
    let value = fields.get(name)?;
    std::str::from_utf8(value.as_bytes()).ok().map(str::trim)
}

fn actor(settings: &Settings, fields: &HeaderMap, otherwise: String) -> Actor {
    let named = text(fields, "x-actor").filter(|actor| !actor.is_empty());
    let name = match named {
        Some(actor) if settings.trust_actor_header => actor.to_owned(),
        _ => otherwise,
    };
    Actor(name.chars().take(LONGEST).collect())
}

/// Compares in a time that depends on the lengths alone.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let difference = one
        .iter()
        .zip(other)
        .fold(0, |difference, (one, other)| difference | (one ^ other));
    one.len() == other.len() && std::hint::black_box(difference) == 0
}
