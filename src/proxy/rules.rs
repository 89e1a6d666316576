//! `Rules`: what becomes of a tunnel, by its host.

use artifact_cache_layers::egress::HostPattern;

use crate::config::{
    connect::{Action, ConnectRule},
    proxy::Proxy,
};

/// Rules in order; the first that fits decides.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(Vec<(Action, HostPattern, Option<u16>)>);

/// A rule that validation should have refused.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{0}` is no host")]
pub(super) struct InvalidRule(String);

impl Rules {
    /// The rules of `proxy.connect_rules`.
    pub(super) fn new(settings: &Proxy) -> Result<Self, InvalidRule> {
        let rules = settings
            .rules()
            .map_err(|error| InvalidRule(error.to_string()))?;
        rules
            .into_iter()
            .map(rule)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// What the first rule that fits says.
    pub(super) fn action(&self, host: &str, port: u16) -> Option<Action> {
        let mut rules = self.0.iter();
        let fits = |(_, pattern, own): &&(Action, HostPattern, Option<u16>)| {
            own.is_none_or(|own| own == port) && pattern.matches(host)
        };
        rules.find(fits).map(|(action, ..)| *action)
    }
}

fn rule(rule: ConnectRule) -> Result<(Action, HostPattern, Option<u16>), InvalidRule> {
    let host = rule.host.parse().map_err(|_| InvalidRule(rule.host))?;
    Ok((rule.action, host, rule.port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_decides() {
        let connect_rules = [
            "tunnel a.example.com:8443",
            "refuse *.example.com",
            "intercept *",
        ];
        let settings = Proxy {
            connect_rules: connect_rules.map(str::to_owned).into(),
            ..Proxy::default()
        };
        let rules = Rules::new(&settings).unwrap();
        assert_eq!(rules.action("a.example.com", 8443), Some(Action::Tunnel));
        assert_eq!(rules.action("A.example.com", 443), Some(Action::Refuse));
        assert_eq!(rules.action("example.com", 443), Some(Action::Intercept));
        assert_eq!(Rules::default().action("example.com", 443), None);
    }
}
