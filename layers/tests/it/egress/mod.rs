//! The `egress` layer and policy: every way to name an address that must not be reached.

mod dial;
mod policy;
mod properties;

use std::net::IpAddr;

use artifact_cache_layers::{
    egress::{Denied, EgressPolicy, EgressRules},
    semantics::target_uri::TargetUri,
};

fn uri(text: &str) -> TargetUri {
    text.parse().unwrap()
}

fn rule(checked: Result<(), Denied>) -> Option<&'static str> {
    checked.err().map(|denied| denied.rule)
}

fn allowing(cidrs: &[&str]) -> EgressPolicy {
    EgressPolicy::new(EgressRules {
        allow_cidrs: cidrs.iter().map(|cidr| cidr.parse().unwrap()).collect(),
        ..EgressRules::default()
    })
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}
