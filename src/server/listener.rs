//! `Listener`: one listening TCP socket. It owns how connections are accepted when descriptors run out.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use ipnet::IpNet;
use rustix::{io::Errno, net::sockopt};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

use super::{Limits, Tls, descriptors::Spare, opening::Opening};

/// Connections that may wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: u32 = 4096;
/// How long accepting rests after it failed for want of something.
const REST: Duration = Duration::from_millis(50);
/// After this much silence the kernel asks whether a client is still there.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// A bound, listening socket.
pub struct Listener {
    socket: TcpListener,
    spare: Spare,
    opening: Opening,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let socket = &self.socket;
        f.debug_struct("Listener")
            .field("socket", socket)
            .finish_non_exhaustive()
    }
}

impl Listener {
    /// Listens on `address`; an IPv6 address takes IPv6 only.
    ///
    /// # Errors
    /// When the address is taken or not this machine's.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            let socket = TcpSocket::new_v6()?;
            sockopt::set_ipv6_v6only(&socket, true)?;
            socket
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Self::of(socket.listen(BACKLOG)?)
    }

    /// Takes over a socket that listens already, as a service manager hands it on.
    ///
    /// # Errors
    /// When the socket cannot be registered with the runtime.
    pub fn inherited(socket: std::net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Self::of(TcpListener::from_std(socket)?)
    }

    fn of(socket: TcpListener) -> io::Result<Self> {
        Ok(Self {
            socket,
            spare: Spare::open()?,
            opening: Opening::default(),
        })
    }

    /// Speaks TLS with these certificates.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.opening.tls = Some(tls);
        self
    }

    /// Connections from these addresses begin with a header of the PROXY protocol.
    #[must_use]
    pub fn behind(mut self, balancers: &[IpNet]) -> Self {
        self.opening.balancers = balancers.into();
        self
    }

    /// How its connections begin.
    pub(super) fn opening(&self) -> Opening {
        self.opening.clone()
    }

    /// The address it listens on, with the port that was taken when 0 was asked for.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The next connection. Its permit is taken first, so that clients over the limit wait in the
    /// backlog and cost nothing here.
    pub(super) async fn accept(
        &mut self,
        limits: &Limits,
    ) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
        let permit = permit(&limits.permits).await;
        loop {
            match self.socket.accept().await {
                Ok((stream, peer)) => {
                    prepare(&stream);
                    return (stream, peer, permit);
                }
                Err(error) => {
                    limits.observe.not_accepted(&error);
                    self.recover(&error).await;
                }
            }
        }
    }

    /// A client that hung up while it waited is no reason to pause. Without descriptors one waiting
    /// client is turned away by means of the spare one: it learns at once, and the queue moves.
    async fn recover(&mut self, error: &io::Error) {
        match Errno::from_io_error(error) {
            Some(Errno::CONNABORTED | Errno::CONNRESET | Errno::INTR) => {}
            Some(Errno::MFILE | Errno::NFILE) => {
                self.spare.release();
                drop(timeout(Duration::from_millis(1), self.socket.accept()).await);
                sleep(REST).await;
                self.spare.refill();
            }
            _ => sleep(REST).await,
        }
    }
}

/// `None` is unreachable while the semaphore is open; a closed one limits nothing.
async fn permit(permits: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    Arc::clone(permits).acquire_owned().await.ok()
}

/// Options fail only on sockets that are gone already; reading from them tells.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let _ = sockopt::set_socket_keepalive(stream, true);
    let _ = sockopt::set_tcp_keepidle(stream, KEEPALIVE);
    let _ = sockopt::set_tcp_keepintvl(stream, KEEPALIVE / 4);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_free_port_is_taken_and_named() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        assert_ne!(listener.local_addr().unwrap().port(), 0);
    }

    #[tokio::test]
    async fn want_of_descriptors_turns_one_client_away_and_accepting_goes_on() {
        let mut listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let turned_away = TcpStream::connect(address).await.unwrap();
        listener
            .recover(&io::Error::from_raw_os_error(Errno::MFILE.raw_os_error()))
            .await;
        let mut byte = [0];
        turned_away.readable().await.unwrap();
        assert!(matches!(turned_away.try_read(&mut byte), Ok(0) | Err(_)));

        let next = TcpStream::connect(address).await.unwrap();
        let limits = Limits::new(&crate::config::server::Server::default());
        let (_, peer, permit) = listener.accept(&limits).await;
        assert_eq!(peer, next.local_addr().unwrap());
        assert!(permit.is_some() && listener.spare.is_held());
    }
}
