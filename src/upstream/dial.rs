//! `Dialer`: opens TCP connections to origins. It owns look-up, the check of each address, the choice
//! among them, and the deadline of all that together.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use artifact_cache_layers::body::BoxError;
use rustix::net::sockopt;
use rustls::ClientConfig;
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    Contact, Guard, Link, Reason, UpstreamFailure, names::Names, parent::Parent, ways::Ways,
};
use crate::{clock::Clock, config::upstream::Mode};

/// How long one address may keep the next one waiting (RFC 8305 §5 recommends 250 ms).
const HEAD_START: Duration = Duration::from_millis(250);
/// After this much silence the kernel asks whether an origin is still there.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// Opens connections under a guard. Clones share the remembered names.
#[derive(Clone)]
pub struct Dialer {
    names: Names,
    guard: Arc<dyn Guard>,
    connect_timeout: Duration,
    contact: Contact,
    clock: Clock,
    ways: Arc<Ways>,
    /// For parents that are spoken to inside TLS; none without a parent.
    tls: Option<Arc<ClientConfig>>,
}

impl Dialer {
    /// A dialer that takes at most `connect_timeout` for look-up and connecting together.
    #[must_use]
    pub fn new(guard: Arc<dyn Guard>, connect_timeout: Duration) -> Self {
        Self {
            names: Names::new(),
            guard,
            connect_timeout,
            contact: Contact::new(Mode::Online),
            clock: Clock::system(),
            ways: Arc::default(),
            tls: None,
        }
    }

    /// The same dialer, which dials when it may.
    pub(super) fn held_by(self, contact: Contact) -> Self {
        Self { contact, ..self }
    }

    /// The same dialer, which takes these ways.
    pub(super) fn along(self, ways: Arc<Ways>, tls: Arc<ClientConfig>) -> Self {
        let tls = Some(tls);
        Self { ways, tls, ..self }
    }

    /// Who says what may be reached.
    #[must_use]
    pub fn guard(&self) -> &dyn Guard {
        &*self.guard
    }

    /// The deadline of one connection.
    pub(super) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// A connection to `host`, which is a name or an address (IPv6 with or without brackets).
    ///
    /// # Errors
    /// An [`UpstreamFailure`], or what the guard said of an address.
    pub async fn connect(&self, host: &str, port: u16) -> Result<Link, BoxError> {
        self.contact.admit_tunnel(host, port, &self.clock)?;
        let (link, _) = self.connect_for("tunnel", host, port).await?;
        Ok(link)
    }

    /// A connection for requests of `scheme` to `host`, and whether they are to name the whole URI on it
    /// because a proxy reads them.
    pub(super) async fn connect_for(
        &self,
        scheme: &str,
        host: &str,
        port: u16,
    ) -> Result<(Link, bool), BoxError> {
        self.contact.admit()?;
        let connecting = async {
            let Some(parent) = self.ways.parent_of(host, port) else {
                let stream = self
                    .dial(host, port, self.ways.is_endpoint(host, port))
                    .await?;
                return Ok((Link::Plain(stream), false));
            };
            let link = self.reach(parent).await?;
            if parent.forwards(scheme) {
                return Ok((link, true));
            }
            Ok((parent.lead(link, host, port).await?, false))
        };
        match timeout(self.connect_timeout, connecting).await {
            Ok(connected) => connected,
            Err(elapsed) => Err(UpstreamFailure::caused(Reason::ConnectTimeout, elapsed).into()),
        }
    }

    /// Whether a host may be dialled, judged by its addresses. With a parent it is not ours to look up.
    pub(super) async fn check(&self, host: &str, port: u16) -> Result<(), BoxError> {
        self.contact.admit()?;
        if self.ways.parent_of(host, port).is_some() {
            return Ok(());
        }
        match timeout(self.connect_timeout, self.addresses(host, port, false)).await {
            Ok(checked) => checked.map(drop),
            Err(elapsed) => Err(UpstreamFailure::caused(Reason::ConnectTimeout, elapsed).into()),
        }
    }

    /// A connection to the parent itself, wherever the configuration says that it is.
    async fn reach(&self, parent: &Parent) -> Result<Link, BoxError> {
        let stream = self.dial(&parent.host, parent.port, true).await?;
        match &self.tls {
            Some(tls) => parent.secured(stream, tls).await,
            None => Ok(Link::Plain(stream)),
        }
    }

    async fn dial(
        &self,
        host: &str,
        port: u16,
        is_configured: bool,
    ) -> Result<TcpStream, BoxError> {
        let addresses = self.addresses(host, port, is_configured).await?;
        let stream = race(addresses).await?;
        // Options fail only on connections that are gone already.
        let _ = stream.set_nodelay(true);
        let _ = sockopt::set_socket_keepalive(&stream, true);
        let _ = sockopt::set_tcp_keepidle(&stream, KEEPALIVE);
        Ok(stream)
    }

    /// One forbidden address among several refuses the name: an honest name has none. What the
    /// configuration names itself may be anywhere.
    async fn addresses(
        &self,
        host: &str,
        port: u16,
        is_configured: bool,
    ) -> Result<VecDeque<SocketAddr>, BoxError> {
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        let addresses: Arc<[IpAddr]> = match host.parse::<IpAddr>() {
            Ok(literal) => Arc::from([literal]),
            Err(_) => self.names.addresses(host).await?,
        };
        let addresses = alternate(&addresses);
        let addresses = addresses.map(|address| SocketAddr::new(address, port));
        addresses
            .map(|address| {
                if !is_configured {
                    self.guard.check_resolved(host, address)?;
                }
                Ok(address)
            })
            .collect()
    }
}

/// The addresses in the system's order, families taking turns (RFC 8305 §4).
fn alternate(addresses: &[IpAddr]) -> impl Iterator<Item = IpAddr> {
    let first_family = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (same, other): (Vec<IpAddr>, Vec<IpAddr>) = addresses
        .iter()
        .partition(|address| address.is_ipv6() == first_family);
    let turns = same.len().max(other.len());
    (0..turns).flat_map(move |turn| {
        let pair = [same.get(turn), other.get(turn)].map(Option::<&IpAddr>::copied);
        pair.into_iter().flatten()
    })
}

/// The first connection that comes about. An address that fails, or takes longer than its head start,
/// lets the next one begin. Dropping the set ends the attempts that lost.
async fn race(mut addresses: VecDeque<SocketAddr>) -> Result<TcpStream, UpstreamFailure> {
    let mut attempts = JoinSet::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(address) = addresses.pop_front() {
            attempts.spawn(TcpStream::connect(address));
        }
        let finished = tokio::select! {
            finished = attempts.join_next() => finished,
            () = sleep(HEAD_START), if !addresses.is_empty() => continue,
        };
        match finished {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => last = error,
            Some(Err(error)) => last = io::Error::other(error),
            None => return Err(UpstreamFailure::caused(Reason::Connect, last)),
        }
    }
}

#[cfg(test)]
mod tests {
    use artifact_cache_layers::{cause::is_caused_by, semantics::target_uri::TargetUri};
    use tokio::net::TcpListener;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0} is forbidden")]
    struct Forbidden(SocketAddr);

    struct NoPort9;

    impl Guard for NoPort9 {
        fn check_uri(&self, _: &TargetUri) -> Result<(), BoxError> {
            Ok(())
        }
        fn check_authority(&self, _: &str, _: u16) -> Result<(), BoxError> {
            Ok(())
        }
        fn check_address(&self, address: SocketAddr) -> Result<(), BoxError> {
            let allowed = address.port() != 9;
            allowed
                .then_some(())
                .ok_or_else(|| Forbidden(address).into())
        }
    }

    fn dialer() -> Dialer {
        Dialer::new(Arc::new(NoPort9), Duration::from_secs(5))
    }

    #[test]
    fn families_take_turns_in_the_systems_order() {
        let addresses = ["::1", "::2", "::3", "192.0.2.1"].map(|text| text.parse().unwrap());
        let order: Vec<String> = alternate(&addresses)
            .map(|address| address.to_string())
            .collect();
        assert_eq!(order, ["::1", "192.0.2.1", "::2", "::3"]);
    }

    #[tokio::test]
    async fn names_and_literals_are_checked_at_the_address() {
        for host in ["127.0.0.1", "[::1]", "::1", "localhost"] {
            let error = dialer().connect(host, 9).await.unwrap_err();
            assert!(is_caused_by::<Forbidden>(&*error), "{host}");
        }
    }

    #[tokio::test]
    async fn a_refused_address_lets_the_next_one_begin() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let stream = race(VecDeque::from([closed, good])).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        let failure = race(VecDeque::from([closed])).await.unwrap_err();
        assert_eq!(failure.reason, Reason::Connect);
    }
}
