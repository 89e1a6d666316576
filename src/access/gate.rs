//! [`Gate`]: judges requests before they reach a door.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwap;
use artifact_cache_layers::{
    body::Body,
    extensions::{Mode, Peer, Target},
};
use http::{Method, Request};

use super::{
    Caller, Keyring, Reach, Scope, Scopes, Sessions, TurnedAway,
    credentials::{self, Carried},
    demand::{self, Demand},
    keyring::Refused,
    limits::Limits,
    session::{self, COOKIE},
    token::Presented,
};
use crate::{clock::Clock, config::auth::Auth, error::Error, pace::Pace};

/// Judges requests. Clones share rules and tokens.
#[derive(Clone)]
pub struct Gate(Arc<Shared>);

struct Shared {
    /// Whether there is any rule: all that a request costs where there is none.
    has_rules: AtomicBool,
    rules: ArcSwap<Auth>,
    keyring: Keyring,
    sessions: Sessions,
    limits: Limits,
    clock: Clock,
}

/// Why somebody is not logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLoggedIn {
    /// It is no token of this cache, or no longer.
    #[error("this is no valid token of this cache")]
    NoToken,
    /// The token is for something else.
    #[error(
        "this token may not read the management pages: it needs the scope admin:read and no limit to some targets"
    )]
    NotAllowed,
    /// The machine gives no randomness.
    #[error("the machine gives no random bytes")]
    NoRandomness,
}

impl Gate {
    /// A gate that keeps these rules.
    #[must_use]
    pub fn new(rules: Auth, keyring: Keyring, clock: Clock) -> Self {
        Self(Arc::new(Shared {
            has_rules: AtomicBool::new(rules.has_rules()),
            rules: ArcSwap::from_pointee(rules),
            keyring,
            sessions: Sessions::new(),
            limits: Limits::default(),
            clock,
        }))
    }

    /// Keeps other rules from now on.
    pub fn set_rules(&self, rules: Auth) {
        let has_rules = rules.has_rules();
        self.0.rules.store(Arc::new(rules));
        self.0.has_rules.store(has_rules, Ordering::Release);
    }

    /// The tokens.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.0.keyring
    }

    /// Who is logged in to the pages.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// Whether requests need a token.
    #[must_use]
    pub fn asks_for_tokens(&self) -> bool {
        self.0.rules.load().tokens
    }

    /// Begins a session for who has a token that may look; what its cookie is to say.
    ///
    /// # Errors
    /// When the token is none, or may not.
    pub fn log_in(&self, token: &str) -> Result<String, NotLoggedIn> {
        let now = self.0.clock.now();
        let token = Presented::read(token.trim()).map_err(|_| NotLoggedIn::NoToken)?;
        let caller = self.0.keyring.verify(&token, now);
        let caller = caller.map_err(|_| NotLoggedIn::NoToken)?;
        if !caller.may(Scope::AdminRead) || caller.is_limited() {
            return Err(NotLoggedIn::NotAllowed);
        }
        let begun = self.0.sessions.begin(token.id, now);
        begun.map_err(|_| NotLoggedIn::NoRandomness)
    }

    /// The time by which tokens expire.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Whether everybody may do everything.
    pub(super) fn is_open(&self) -> bool {
        !self.0.has_rules.load(Ordering::Acquire)
    }

    /// Lets a request in, or says why not; the rate that its response is held to. A token is taken off
    /// the request, and what is known of the client put among its extensions.
    pub(super) fn judge(&self, request: &mut Request<Body>) -> Result<Option<Pace>, Error> {
        let rules = self.0.rules.load();
        match self.admit(&rules, request) {
            Err(error) if demand::is_page(request) => {
                request.extensions_mut().insert(TurnedAway(error));
            }
            admitted => admitted?,
        }
        self.0.limits.count(&rules, request.extensions())
    }

    /// Who sends a request to a route that asks for a token also where no rule does; it must have the scope.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] or [`Error::Forbidden`].
    pub fn demand(&self, request: &mut Request<Body>, scope: Scope) -> Result<Caller, Error> {
        let known = request.extensions().get::<Caller>().cloned();
        let caller = if let Some(caller) = known.filter(|caller| caller.token().is_some()) {
            caller
        } else {
            let carried = credentials::of_own_route(request.headers_mut());
            let caller = self.caller(carried, &Auth::default());
            caller.map_err(|reason| Error::Unauthorized { reason })?
        };
        Demand::Scope(scope).met_by(&caller, request)?;
        Ok(caller)
    }

    fn admit(&self, rules: &Auth, request: &mut Request<Body>) -> Result<(), Error> {
        if !rules.admits(request) {
            return Err(Error::Forbidden {
                reason: "this network is not in `auth.allow_networks`".into(),
            });
        }
        // The inside of a tunnel is asked for by whoever opened it: its fields are for the origin.
        if let Some(caller) = request.extensions().get::<Caller>().cloned() {
            let caller = self.again(caller)?;
            return demand::of(request).met_by(&caller, request);
        }
        if !rules.tokens {
            return Ok(());
        }
        if demand::has_own_keys(request) && credentials::is_foreign(request) {
            return Ok(());
        }
        let is_proxied = demand::is_proxied(request);
        let carried = carried(request, is_proxied);
        let visitor = self.visitor(&carried, request);
        let caller = visitor.map_or_else(|| self.caller(carried, rules), Ok);
        let caller = match (caller, demand::of(request)) {
            (Err(_), Demand::Nothing) => return Ok(()),
            (caller, _) => caller.map_err(|reason| unauthorized(is_proxied, reason))?,
        };
        let met = demand::of(request).met_by(&caller, request);
        request.extensions_mut().insert(caller);
        met.map_err(|error| match error {
            Error::Unauthorized { reason } => unauthorized(is_proxied, reason),
            other => other,
        })
    }

    /// The caller of an open tunnel, whose token may have ended since.
    fn again(&self, caller: Caller) -> Result<Caller, Error> {
        let Some(token) = caller.token() else {
            return Ok(caller);
        };
        let accepted = self.0.keyring.recheck(token, self.0.clock.now());
        accepted.map_err(|_| Error::Forbidden {
            reason: "the token that opened this tunnel is no longer valid".into(),
        })
    }

    /// Who is logged in, where a page is asked for without a token. Ended tokens end their sessions.
    fn visitor(&self, carried: &Carried, request: &Request<Body>) -> Option<Caller> {
        if *carried != Carried::Nothing || !demand::is_page(request) {
            return None;
        }
        let now = self.0.clock.now();
        let cookie = session::cookie(request.headers(), COOKIE)?;
        let token = self.0.sessions.holder(cookie, now)?;
        self.0.keyring.recheck(token, now).ok()
    }

    fn caller(&self, carried: Carried, rules: &Auth) -> Result<Caller, &'static str> {
        match carried {
            Carried::Token(token) => {
                let verified = self.0.keyring.verify(&token, self.0.clock.now());
                verified.map_err(|refused| match refused {
                    Refused::Unknown => "the token is not valid",
                    Refused::Expired => "the token has expired",
                })
            }
            Carried::Unreadable => Err("the credentials are no token"),
            Carried::Nothing if rules.anonymous => {
                Ok(Caller::new(None, Scopes::ANONYMOUS, Reach::default()))
            }
            Carried::Nothing => Err("a token is needed"),
        }
    }
}

/// Takes what a request carries for us, unless it is the inside of a tunnel, where nothing is for us.
fn carried(request: &mut Request<Body>, is_proxied: bool) -> Carried {
    let is_inside = |target: &Target| target.mode == Mode::Intercepted;
    if is_proxied {
        credentials::of_proxy(request.headers_mut())
    } else if request.extensions().get().is_some_and(is_inside) {
        Carried::Nothing
    } else {
        credentials::of_own_route(request.headers_mut())
    }
}

fn unauthorized(is_proxied: bool, reason: &'static str) -> Error {
    if is_proxied {
        Error::ProxyUnauthorized { reason }
    } else {
        Error::Unauthorized { reason }
    }
}

impl Auth {
    fn has_rules(&self) -> bool {
        self.tokens || !self.allow_networks.is_empty() || self.has_limits()
    }

    /// Whether the client's network may use the cache.
    fn admits<B>(&self, request: &Request<B>) -> bool {
        let peer = request.extensions().get::<Peer>();
        let within = |address: IpAddr| {
            let mut networks = self.allow_networks.iter();
            networks.any(|network| network.contains(&address))
        };
        self.allow_networks.is_empty()
            || peer.is_some_and(|peer| within(peer.0.ip().to_canonical()))
    }
}

impl Demand {
    fn met_by<B>(self, caller: &Caller, request: &Request<B>) -> Result<(), Error> {
        let Self::Scope(scope) = self else {
            return Ok(());
        };
        if !caller.may(scope) {
            return Err(lacking(caller, scope));
        }
        if is_within_reach(caller, request) {
            return Ok(());
        }
        Err(Error::Forbidden {
            reason: "the token is limited to other targets".into(),
        })
    }
}

fn lacking(caller: &Caller, scope: Scope) -> Error {
    if caller.token().is_none() {
        return Error::Unauthorized {
            reason: "a token is needed for this",
        };
    }
    Error::Forbidden {
        reason: format!("the token lacks the scope {scope}"),
    }
}

/// A token with a limit is good for artifacts and tunnels within it, and for nothing else.
fn is_within_reach<B>(caller: &Caller, request: &Request<B>) -> bool {
    if !caller.is_limited() {
        return true;
    }
    match request.extensions().get::<Target>() {
        Some(target) => caller.may_reach(&target.uri),
        None if request.method() == Method::CONNECT => {
            let host = request.uri().host().unwrap_or_default();
            caller.may_reach_host(&host.to_ascii_lowercase())
        }
        None => false,
    }
}
