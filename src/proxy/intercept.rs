//! `Interception`: tunnels that end here. It decides which hosts, shakes hands as they would, and
//! leaves clients alone that refuse to be answered by anybody else.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use artifact_cache_layers::{body::BoxError, egress::HostPattern};
use rustls::{AlertDescription, server::Acceptor};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use super::{authority::Leaves, unwilling::Unwilling};
use crate::config::intercept::Intercept as Settings;

/// Ends tunnels here. Clones share everything.
#[derive(Clone)]
pub struct Interception(Arc<Shared>);

struct Shared {
    leaves: ArcSwap<Leaves>,
    rules: ArcSwap<Rules>,
    unwilling: Unwilling,
}

/// What the settings say.
struct Rules {
    /// None stands for what the authority may vouch for.
    hosts: Option<Vec<HostPattern>>,
    handshake_timeout: Duration,
    pause: Duration,
}

/// Why there was no handshake inside a tunnel.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoHandshake {
    /// The client does not trust our certificate, and said so.
    #[error("the client refuses our certificate ({0:?})")]
    Refused(AlertDescription),
    /// The client was shown our certificate and left.
    #[error("the client leaves on seeing our certificate")]
    Left,
    /// Anything else.
    #[error("no handshake inside the tunnel")]
    Failed(#[source] BoxError),
}

impl Interception {
    /// Intercepts as the settings say, with certificates of these leaves.
    ///
    /// # Errors
    /// When `intercept.hosts` names no hosts.
    pub fn new(settings: &Settings, leaves: Leaves) -> Result<Self, BoxError> {
        Ok(Self(Arc::new(Shared {
            leaves: ArcSwap::from_pointee(leaves),
            rules: ArcSwap::from_pointee(Rules::new(settings)?),
            unwilling: Unwilling::new(),
        })))
    }

    /// Intercepts by other settings from now on. Tunnels that are open stay what they are.
    ///
    /// # Errors
    /// When `intercept.hosts` names no hosts; nothing is changed then.
    pub fn set_rules(&self, settings: &Settings) -> Result<(), BoxError> {
        self.0.rules.store(Arc::new(Rules::new(settings)?));
        Ok(())
    }

    /// Makes certificates of another authority from now on.
    pub fn replace(&self, leaves: Leaves) {
        self.0.leaves.store(Arc::new(leaves));
    }

    /// Whether the settings mean this host. An address is meant only where it is written or the
    /// authority is bound to it: clients that look names up themselves ask for addresses, and would be
    /// shown a certificate for none of their names.
    pub(super) fn covers(&self, host: &str) -> bool {
        let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let shared = &*self.0;
        let leaves = shared.leaves.load();
        let authority = leaves.authority();
        let is_bound = !authority.description().hosts.is_empty();
        match &shared.rules.load().hosts {
            None => authority.permits(host) && (is_bound || !is_address),
            Some(hosts) => {
                let any: Option<HostPattern> = "*".parse().ok();
                let means = |pattern: &HostPattern| {
                    pattern.matches(host) && !(is_address && Some(pattern) == any.as_ref())
                };
                hosts.iter().any(means)
            }
        }
    }

    /// Whether this client's tunnels to the host can be intercepted now.
    pub(super) fn is_possible(&self, client: IpAddr, host: &str) -> bool {
        let shared = &*self.0;
        !shared.unwilling.is_left_alone(client, host)
            && shared.leaves.load().authority().permits(host)
    }

    /// There was no handshake with this client; whether it is left alone with the host from now on.
    pub(super) fn no_handshake(&self, client: IpAddr, host: &str, why: &NoHandshake) -> bool {
        match why {
            NoHandshake::Refused(_) => {
                let pause = self.0.rules.load().pause;
                self.0.unwilling.refused(client, host, pause);
                true
            }
            NoHandshake::Left => self.left(client, host),
            NoHandshake::Failed(_) => false,
        }
    }

    /// This client left on seeing our certificate; whether it is left alone with the host from now on.
    pub(super) fn left(&self, client: IpAddr, host: &str) -> bool {
        let pause = self.0.rules.load().pause;
        self.0.unwilling.left(client, host, pause)
    }

    /// This client asked for something of the host.
    pub(super) fn trusts(&self, client: IpAddr, host: &str) {
        self.0.unwilling.trusts(client, host);
    }

    /// Shakes hands as `host`, or as the name that the client asks for: a client that means another
    /// host than its tunnel learns so from an answer and not from a broken handshake.
    pub(super) async fn shake_hands<I>(
        &self,
        io: I,
        host: &str,
    ) -> Result<TlsStream<I>, NoHandshake>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        let limit = self.0.rules.load().handshake_timeout;
        match timeout(limit, self.accept(io, host)).await {
            Ok(accepted) => accepted,
            Err(elapsed) => Err(NoHandshake::Failed(elapsed.into())),
        }
    }

    async fn accept<I>(&self, io: I, host: &str) -> Result<TlsStream<I>, NoHandshake>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        let begun = LazyConfigAcceptor::new(Acceptor::default(), io);
        let begun = begun.await.map_err(|error| failed(&error))?;
        let hello = begun.client_hello();
        let name = hello.server_name().unwrap_or(host).to_owned();
        let server = self.0.leaves.load().server(&name);
        let server = server.map_err(|error| NoHandshake::Failed(error.into()))?;
        let shaken = begun.into_stream(server).await;
        shaken.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => NoHandshake::Left,
            _ => failed(&error),
        })
    }
}

impl Rules {
    fn new(settings: &Settings) -> Result<Self, BoxError> {
        let hosts = settings.hosts.iter().map(|text| text.parse());
        let hosts = hosts.collect::<Result<Vec<HostPattern>, _>>()?;
        Ok(Self {
            hosts: (!hosts.is_empty()).then_some(hosts),
            handshake_timeout: settings.handshake_timeout.0,
            pause: settings.refusal_pause.0,
        })
    }
}

/// What a failed handshake means. Only a client that looked at the certificate sends these alerts.
fn failed(error: &io::Error) -> NoHandshake {
    use AlertDescription as Alert;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::AlertReceived(
            alert @ (Alert::UnknownCA
            | Alert::BadCertificate
            | Alert::CertificateUnknown
            | Alert::CertificateExpired
            | Alert::UnsupportedCertificate
            | Alert::AccessDenied),
        )) => NoHandshake::Refused(*alert),
        _ => NoHandshake::Failed(error.to_string().into()),
    }
}
