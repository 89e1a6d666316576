//! The forward proxy's tunnels: CONNECT (RFC 9110 §9.3.6). It owns which authorities a tunnel may lead
//! to, how many there are, and how their bytes are carried. It never looks at those bytes.

mod connect;
mod disabled;
mod ports;
mod refusal;
mod relay;

pub use self::{
    connect::{Closed, Observe, Tunnel},
    disabled::SwitchedOff,
    ports::{InvalidPorts, Ports},
    refusal::{Refusal, Refused},
    relay::{End, Traffic},
};
