//! Where a request carries its token. A proxy's client has a field of its own for it; at our own routes
//! it stands in `X-API-Key`, or in `Authorization` as Bearer or as the password of Basic, which is the
//! one form that every package manager can send.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};

use super::token::{Presented, is_marked};

/// The field of programs that know this cache.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What a request carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Carried {
    /// Nothing that is for us.
    Nothing,
    /// Something that is no token.
    Unreadable,
    /// A token.
    Token(Presented),
}

/// Takes the token out of a proxy request. What is there is for us, whatever it is.
pub(super) fn of_proxy(fields: &mut HeaderMap) -> Carried {
    match fields.remove(header::PROXY_AUTHORIZATION) {
        None => Carried::Nothing,
        Some(value) => {
            let token = token_in(&value).as_deref().map(Presented::read);
            token.map_or(Carried::Unreadable, carried)
        }
    }
}

/// Takes the token out of a request to one of our own routes.
pub(super) fn of_own_route(fields: &mut HeaderMap) -> Carried {
    if let Some(value) = fields.remove(X_API_KEY) {
        let text = value.to_str().unwrap_or_default();
        return carried(Presented::read(text.trim()));
    }
    let Some(value) = fields.get(header::AUTHORIZATION) else {
        return Carried::Nothing;
    };
    let token = token_in(value);
    fields.remove(header::AUTHORIZATION);
    let token = token.as_deref().map(Presented::read);
    token.map_or(Carried::Unreadable, carried)
}

/// Whether a request to one of our own routes carries credentials, and they are no token: a key of the
/// route's own, or a signature.
pub(super) fn is_foreign<B>(request: &Request<B>) -> bool {
    let fields = request.headers();
    let is_foreign = |text: &str| !is_marked(text.trim());
    let key = fields.get(X_API_KEY).map(HeaderValue::to_str);
    let bearer = || {
        let value = fields.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.trim().split_once(' ')?;
        Some(scheme.eq_ignore_ascii_case("bearer") && is_foreign(token))
    };
    let is_signed = || {
        let query = request.uri().query().unwrap_or_default();
        query.split('&').any(|pair| pair.starts_with("signature="))
    };
    match key {
        Some(key) => key.is_ok_and(is_foreign),
        None => bearer().unwrap_or(false) || is_signed(),
    }
}

fn carried(read: Result<Presented, super::InvalidToken>) -> Carried {
    read.map_or(Carried::Unreadable, Carried::Token)
}

/// The token in a Bearer or Basic credential (RFC 6750 §2.1, RFC 7617 §2).
fn token_in(value: &HeaderValue) -> Option<String> {
    let (scheme, credential) = value.to_str().ok()?.trim().split_once(' ')?;
    let credential = credential.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(credential.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(credential).ok()?).ok()?;
    let (user, password) = pair.split_once(':').unwrap_or((&pair, ""));
    // Some clients take one secret only and send it as the user.
    let token = if is_marked(password) { password } else { user };
    Some(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Minted;

    fn basic(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    fn fields(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
    }

    fn is_token(carried: Carried, minted: &Minted) -> bool {
        matches!(carried, Carried::Token(token) if token.id == minted.id && token.is(&minted.digest))
    }

    #[test]
    fn every_usual_form_carries_a_token_and_is_taken_off() {
        let minted = Minted::new().unwrap();
        let token = &minted.text;
        let forms = [
            ("x-api-key", token.clone()),
            ("authorization", format!("Bearer {token}")),
            ("authorization", format!("bearer  {token}")),
            ("authorization", basic(&format!("__token__:{token}"))),
            ("authorization", basic(&format!("{token}:"))),
            ("authorization", basic(token)),
        ];
        for (name, value) in forms {
            let mut fields = fields(name, &value);
            assert!(is_token(of_own_route(&mut fields), &minted), "{value}");
            assert!(fields.is_empty());
        }
        let mut proxied = fields("proxy-authorization", &basic(&format!("u:{token}")));
        assert!(is_token(of_proxy(&mut proxied), &minted));
        assert!(proxied.is_empty());
    }

    #[test]
    fn what_a_client_says_to_the_origin_is_left_alone() {
        let minted = Minted::new().unwrap();
        let value = format!("Bearer {}", minted.text);
        let mut origins = fields("authorization", &value);
        assert!(of_proxy(&mut origins) == Carried::Nothing);
        assert_eq!(origins.len(), 1);
    }

    #[test]
    fn nonsense_is_unreadable_and_not_absent() {
        for value in ["Basic !", "Basic", "Digest x=1", "Bearer x", "Basic //79"] {
            let carried = of_own_route(&mut fields("authorization", value));
            assert!(carried == Carried::Unreadable, "{value}");
        }
        assert!(of_own_route(&mut fields("x-api-key", "x")) == Carried::Unreadable);
        assert!(of_own_route(&mut HeaderMap::new()) == Carried::Nothing);
    }
}
