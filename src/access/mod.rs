//! Who may use the cache: networks that may connect, tokens that are asked for, and what each allows.
//!
//! [`Gate`] judges a request before it reaches a door: the client's network first, then the token that
//! it carries, then whether the token's scopes cover what the request wants. A request that passes has a
//! [`Caller`] among its extensions, and no longer the field that carried the token: what is ours is not
//! for an origin. Without any rule the gate is open and costs one load.
//!
//! Tokens read `ac_<id>_<secret>`. The catalog has the id and a digest; the secret is shown once, to who
//! made the token. [`Keyring`] is the copy in memory that requests are judged by. Rates are
//! counted for each client whom the gate let in.

mod caller;
mod credentials;
mod demand;
mod gate;
mod keyring;
mod layer;
mod limits;
mod reach;
mod scope;
mod session;
mod token;

pub use self::{
    caller::{Caller, TurnedAway, require},
    gate::{Gate, NotLoggedIn},
    keyring::{Keyring, NotKept, Wanted},
    layer::{Access, AccessLayer, Admitted},
    reach::{InvalidReach, Reach},
    scope::{Scope, Scopes, UnknownScope},
    session::{COOKIE, Sessions, cookie},
    token::{InvalidToken, Minted, NoRandomness, TokenId},
};
