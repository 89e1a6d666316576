//! Enters tunnels that end here: looks at what the client speaks, shakes hands, and hands the inside over
//! to be served. What is not for us passes to the origin after all.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::Extensions;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout};

use super::{
    End, Entered, Inside, Traffic,
    asked::Asked,
    connect::{Shared, UPGRADE_WAIT},
    heard::Heard,
    inside::{ClientSide, First, Stream, look},
    intercept::NoHandshake,
    relay::relay,
};

/// A client that trusts nobody but the host leaves as soon as it has seen the certificate; one that leaves
/// later had a connection that it did not need.
const AT_ONCE: Duration = Duration::from_secs(5);

impl Shared {
    /// Waits for the client's first bytes, which decide.
    pub(super) async fn look(
        self: Arc<Self>,
        upgrade: OnUpgrade,
        asked: Asked,
        extensions: Extensions,
        intercept: bool,
    ) {
        let begin = Instant::now();
        self.observe.opened();
        let looked = match timeout(UPGRADE_WAIT, upgrade).await {
            Ok(Ok(client)) => look(TokioIo::new(client)).await.ok(),
            _ => None,
        };
        let (traffic, end) = match looked {
            None => (Traffic::default(), End::Abandoned),
            Some((First::Tls, client)) if intercept => (
                Traffic::default(),
                self.enter_tls(&asked, client, extensions).await,
            ),
            Some((First::Http, client)) => {
                self.enter(&asked, Box::new(client), Entered::Plain, false, extensions)
                    .await;
                (Traffic::default(), End::Closed)
            }
            Some((_, client)) => self.pass(&asked, client).await,
        };
        self.closed(asked, traffic, end, begin);
    }

    async fn enter_tls(&self, asked: &Asked, client: ClientSide, extensions: Extensions) -> End {
        let Some(interception) = &self.interception else {
            return End::Abandoned;
        };
        match interception.shake_hands(client, &asked.host).await {
            Ok(stream) => {
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let ((io, is_heard), begin) = (Heard::new(stream), Instant::now());
                self.enter(asked, Box::new(io), Entered::Tls, is_http2, extensions)
                    .await;
                if is_heard.load(Ordering::Relaxed) {
                    interception.trusts(asked.peer.ip(), &asked.host);
                } else if begin.elapsed() < AT_ONCE && !self.cut.is_cancelled() {
                    let is_refusal = interception.left(asked.peer.ip(), &asked.host);
                    self.not_entered(asked, NoHandshake::Left, is_refusal);
                }
                End::Closed
            }
            Err(why) => {
                let is_refusal = interception.no_handshake(asked.peer.ip(), &asked.host, &why);
                self.not_entered(asked, why, is_refusal);
                End::Broken
            }
        }
    }

    fn not_entered(&self, asked: &Asked, why: NoHandshake, is_refusal: bool) {
        let (authority, error) = (asked.authority(), why.into());
        if is_refusal {
            self.observe.unwilling(&authority, asked.peer, &error);
        } else {
            self.observe.not_entered(&authority, asked.peer, &error);
        }
    }

    async fn enter(
        &self,
        asked: &Asked,
        io: Box<dyn Stream>,
        entered: Entered,
        is_http2: bool,
        extensions: Extensions,
    ) {
        let (Some(serve), Ok(authority)) = (self.serve.get(), asked.authority().parse()) else {
            return;
        };
        self.observe.entered(&asked.authority(), entered);
        let scheme = match entered {
            Entered::Tls => "https",
            Entered::Plain => "http",
        };
        serve(Inside {
            io,
            is_http2,
            scheme,
            authority,
            peer: asked.peer,
            extensions,
        })
        .await;
    }

    /// The client has had its 200, so that a failure shows only as a closed connection.
    async fn pass(&self, asked: &Asked, client: ClientSide) -> (Traffic, End) {
        let dialer = self.dialer.load_full();
        match dialer.connect(&asked.host, asked.port).await {
            Ok(origin) => relay(client, origin, self.bounds(asked)).await,
            Err(error) => {
                let error = io::Error::other(error).into();
                self.observe
                    .not_entered(&asked.authority(), asked.peer, &error);
                (Traffic::default(), End::Broken)
            }
        }
    }
}
