//! Rules of CONNECT, as configuration writes them: `intercept *.example.com`.

use std::str::FromStr;

use super::egress::is_host_pattern;

/// What becomes of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Its bytes pass as they are.
    Tunnel,
    /// It ends here, and what is inside is cached.
    Intercept,
    /// There is none.
    Refuse,
}

/// A rule: what becomes of tunnels to some hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectRule {
    /// What.
    pub action: Action,
    /// Which hosts: `*`, `*.example.com`, a name or an address.
    pub host: String,
    /// Which port; every one when there is none.
    pub port: Option<u16>,
}

/// The text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no rule; write `tunnel`, `intercept` or `refuse` and a host, such as `refuse *.example.com` or `tunnel example.com:8443`"
)]
pub struct InvalidConnectRule(String);

impl FromStr for ConnectRule {
    type Err = InvalidConnectRule;

    fn from_str(text: &str) -> Result<Self, InvalidConnectRule> {
        parse(text).ok_or_else(|| InvalidConnectRule(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<ConnectRule> {
    let (action, place) = text.trim().split_once(char::is_whitespace)?;
    let action = match action {
        "tunnel" => Action::Tunnel,
        "intercept" => Action::Intercept,
        "refuse" => Action::Refuse,
        _ => return None,
    };
    let (host, port) = host_and_port(place.trim())?;
    is_host_or_any(host).then(|| ConnectRule {
        action,
        host: host.to_owned(),
        port,
    })
}

/// An IPv6 address stands in brackets, so that its colons are not taken for that of a port.
fn host_and_port(place: &str) -> Option<(&str, Option<u16>)> {
    let end = place.find(']').map_or(0, |bracket| bracket + 1);
    match place[end..].rsplit_once(':') {
        None => Some((place, None)),
        Some((rest, port)) => {
            let port = port.parse().ok().filter(|port| *port > 0)?;
            Some((&place[..end + rest.len()], Some(port)))
        }
    }
}

/// Whether the text is a pattern of hosts, or `*`.
pub(super) fn is_host_or_any(text: &str) -> bool {
    text == "*" || is_host_pattern(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_an_action_and_a_host_with_or_without_a_port() {
        let rule = |text: &str| text.parse::<ConnectRule>().ok();
        let read = |action, host: &str, port| {
            let host = host.to_owned();
            Some(ConnectRule { action, host, port })
        };
        assert_eq!(rule("refuse *"), read(Action::Refuse, "*", None));
        assert_eq!(
            rule("intercept  *.example.com:443"),
            read(Action::Intercept, "*.example.com", Some(443))
        );
        assert_eq!(
            rule("tunnel [::1]:8443"),
            read(Action::Tunnel, "[::1]", Some(8443))
        );
        assert_eq!(rule("tunnel [::1]"), read(Action::Tunnel, "[::1]", None));
        for bad in [
            "",
            "refuse",
            "drop example.com",
            "tunnel https://x",
            "tunnel a:0",
            "tunnel a:b",
        ] {
            assert_eq!(rule(bad), None, "{bad}");
        }
    }
}
