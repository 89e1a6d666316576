//! [`Sessions`]: who is logged in to the pages, and the seals of their forms. In memory only: after a
//! restart people log in again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use artifact_cache_layers::digest::Sha256;
use aws_lc_rs::hmac;
use http::{HeaderMap, header};

use super::{
    NoRandomness, TokenId,
    token::{hexadecimal, random},
};

/// The name of the cookie of a page's visitor.
pub const COOKIE: &str = "artifact_cache_ui";

/// How long a session lasts.
const LIFETIME: Duration = Duration::from_hours(12);
/// Sessions at once; a further one ends the one that would end first.
const MOST: usize = 1000;
/// Random bytes of a cookie.
const COOKIE_BYTES: usize = 24;

/// The sessions of one process.
pub struct Sessions {
    /// What forms are sealed with; none when the machine gave no randomness, and then no form is valid.
    key: Option<hmac::Key>,
    /// By the digest of the cookie: a copy of the memory is no way in.
    open: Mutex<HashMap<Sha256, Session>>,
}

#[derive(Clone, Copy)]
struct Session {
    token: TokenId,
    until: SystemTime,
}

impl Sessions {
    /// None yet.
    pub(super) fn new() -> Self {
        let key = random::<32>().ok();
        Self {
            key: key.map(|bytes| hmac::Key::new(hmac::HMAC_SHA256, &bytes)),
            open: Mutex::default(),
        }
    }

    /// A value for the cookie of a new visitor.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn greet(&self) -> Result<String, NoRandomness> {
        Ok(hexadecimal(&random::<COOKIE_BYTES>()?))
    }

    /// Begins a session of who has `token`; the value of its cookie, which is a new one.
    pub(super) fn begin(&self, token: TokenId, now: SystemTime) -> Result<String, NoRandomness> {
        let cookie = self.greet()?;
        let until = now + LIFETIME;
        let mut open = self.lock();
        open.retain(|_, session| session.until > now);
        if open.len() >= MOST {
            let first = open.iter().min_by_key(|(_, session)| session.until);
            if let Some(first) = first.map(|(digest, _)| *digest) {
                open.remove(&first);
            }
        }
        open.insert(Sha256::of(cookie.as_bytes()), Session { token, until });
        Ok(cookie)
    }

    /// The token of the session with this cookie.
    pub(super) fn holder(&self, cookie: &str, now: SystemTime) -> Option<TokenId> {
        let session = self.lock().get(&Sha256::of(cookie.as_bytes())).copied()?;
        (session.until > now).then_some(session.token)
    }

    /// Ends the session with this cookie.
    pub fn end(&self, cookie: &str) {
        self.lock().remove(&Sha256::of(cookie.as_bytes()));
    }

    /// What a form for the visitor with this cookie carries, which no other page can know.
    #[must_use]
    pub fn seal(&self, cookie: &str) -> String {
        let sign = |key| hmac::sign(key, cookie.as_bytes());
        let seal = self.key.as_ref().map(sign);
        seal.map_or_else(String::new, |tag| hexadecimal(tag.as_ref()))
    }

    /// Whether a form carries the seal of the visitor with this cookie.
    #[must_use]
    pub fn is_sealed(&self, cookie: &str, seal: &str) -> bool {
        let ours = self.seal(cookie);
        let same = aws_lc_rs::constant_time::verify_slices_are_equal;
        !cookie.is_empty() && !ours.is_empty() && same(ours.as_bytes(), seal.as_bytes()).is_ok()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Sha256, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value of a cookie (RFC 6265 §5.4).
#[must_use]
pub fn cookie<'f>(fields: &'f HeaderMap, name: &str) -> Option<&'f str> {
    let lines = fields.get_all(header::COOKIE).iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (named, value) = pair.trim().split_once('=')?;
        (named == name).then_some(value)
    });
    values.next().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Minted;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
    }

    #[test]
    fn a_session_lasts_until_it_ends_or_its_time_is_over() {
        let (sessions, token) = (Sessions::new(), Minted::new().unwrap().id);
        let cookie = sessions.begin(token, now()).unwrap();
        let later = now() + Duration::from_hours(11);
        assert!(sessions.holder(&cookie, later) == Some(token));
        assert!(sessions.holder("", later).is_none());
        assert!(
            sessions
                .holder(&cookie, now() + Duration::from_hours(12))
                .is_none()
        );
        sessions.end(&cookie);
        assert!(sessions.holder(&cookie, now()).is_none());
    }

    #[test]
    fn there_are_never_too_many() {
        let (sessions, token) = (Sessions::new(), Minted::new().unwrap().id);
        let first = sessions.begin(token, now()).unwrap();
        for second in 1..=MOST as u64 {
            sessions
                .begin(token, now() + Duration::from_secs(second))
                .unwrap();
        }
        assert_eq!(sessions.lock().len(), MOST);
        assert!(sessions.holder(&first, now()).is_none());
    }

    #[test]
    fn a_seal_is_good_for_one_cookie_and_one_process() {
        let (sessions, other) = (Sessions::new(), Sessions::new());
        let seal = sessions.seal("a");
        assert!(sessions.is_sealed("a", &seal));
        for (cookie, seal) in [
            ("b", &*seal),
            ("a", ""),
            ("", ""),
            ("", &*sessions.seal("")),
        ] {
            assert!(!sessions.is_sealed(cookie, seal));
        }
        assert!(!other.is_sealed("a", &seal));
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut fields = HeaderMap::new();
        fields.append("cookie", "x=1; artifact_cache_ui=abc; y=2".parse().unwrap());
        assert_eq!(cookie(&fields, COOKIE), Some("abc"));
        assert_eq!(cookie(&fields, "artifact_cache"), None);
        let empty = HeaderMap::from_iter([(header::COOKIE, "artifact_cache_ui=".parse().unwrap())]);
        assert_eq!(cookie(&empty, COOKIE), None);
    }
}
