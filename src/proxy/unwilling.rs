//! `Unwilling`: clients that do not want to be answered by anybody but the host they asked for, and until
//! when they are left alone with it.

use std::{net::IpAddr, time::Duration};

use quick_cache::sync::Cache;
use tokio::time::Instant;

/// Clients and hosts that are remembered.
const CAPACITY: usize = 4096;
/// So many tunnels in a row that a client leaves without a word, on seeing our certificate, are a refusal
/// (docs/decisions/0060-refusals-without-a-word.md). One may be a client that was interrupted.
const SILENT: u32 = 2;

/// What is known of clients that refused.
pub(super) struct Unwilling(Cache<(IpAddr, String), Standing>);

#[derive(Clone, Copy)]
enum Standing {
    /// It left so many times in a row.
    Doubtful(u32),
    /// Its tunnels pass until then.
    LeftAlone(Instant),
}

impl Unwilling {
    pub(super) fn new() -> Self {
        Self(Cache::new(CAPACITY))
    }

    /// Whether this client is left alone with the host now.
    pub(super) fn is_left_alone(&self, client: IpAddr, host: &str) -> bool {
        let standing = self.0.get(&(client, host.to_owned()));
        matches!(standing, Some(Standing::LeftAlone(until)) if until > Instant::now())
    }

    /// The client said that it refuses: it is left alone with the host for so long.
    pub(super) fn refused(&self, client: IpAddr, host: &str, pause: Duration) {
        let until = Instant::now() + pause;
        let key = (client, host.to_owned());
        self.0.insert(key, Standing::LeftAlone(until));
    }

    /// The client left without a word; whether that was a refusal.
    pub(super) fn left(&self, client: IpAddr, host: &str, pause: Duration) -> bool {
        let key = (client, host.to_owned());
        let before = match self.0.get(&key) {
            Some(Standing::Doubtful(times)) => times,
            _ => 0,
        };
        let is_refusal = before + 1 >= SILENT;
        if is_refusal {
            self.refused(client, host, pause);
        } else {
            self.0.insert(key, Standing::Doubtful(before + 1));
        }
        is_refusal
    }

    /// The client asked for something, so that it trusts us.
    pub(super) fn trusts(&self, client: IpAddr, host: &str) {
        let key = (client, host.to_owned());
        if let Some(Standing::Doubtful(_)) = self.0.get(&key) {
            self.0.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const PAUSE: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn a_refusal_counts_for_a_while_and_for_its_host() {
        let unwilling = Unwilling::new();
        unwilling.refused(CLIENT, "a.example", PAUSE);
        assert!(unwilling.is_left_alone(CLIENT, "a.example"));
        assert!(!unwilling.is_left_alone(CLIENT, "b.example"));
        tokio::time::advance(PAUSE).await;
        assert!(!unwilling.is_left_alone(CLIENT, "a.example"));
    }

    #[tokio::test(start_paused = true)]
    async fn leaving_twice_in_a_row_is_a_refusal() {
        let unwilling = Unwilling::new();
        assert!(!unwilling.left(CLIENT, "a.example", PAUSE));
        unwilling.trusts(CLIENT, "a.example");
        assert!(!unwilling.left(CLIENT, "a.example", PAUSE));
        assert!(!unwilling.is_left_alone(CLIENT, "a.example"));
        assert!(unwilling.left(CLIENT, "a.example", PAUSE));
        unwilling.trusts(CLIENT, "a.example");
        assert!(unwilling.is_left_alone(CLIENT, "a.example"));
    }
}
