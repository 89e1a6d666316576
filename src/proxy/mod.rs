//! The forward proxy's tunnels: CONNECT (RFC 9110 §9.3.6). It owns which authorities a tunnel may lead
//! to, how many there are, and how their bytes are carried. It looks at those bytes only where a rule
//! ends the tunnel here; then the same stack serves what is inside, as a function that it is given.

mod asked;
pub mod authority;
mod connect;
mod disabled;
mod enter;
mod heard;
mod inside;
mod intercept;
mod observe;
mod ports;
mod refusal;
mod relay;
mod rewound;
mod rules;
mod unwilling;

pub use self::{
    connect::Tunnel,
    disabled::SwitchedOff,
    inside::{Inner, Inside, Serve, Stream},
    intercept::Interception,
    observe::{Closed, Entered, Observe},
    ports::{InvalidPorts, Ports},
    refusal::{Refusal, Refused},
    relay::{End, Traffic},
};
