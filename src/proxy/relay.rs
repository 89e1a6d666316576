//! Carries bytes both ways through a tunnel until both sides are done, or nothing moves any more.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{pace::Pace, upstream::Link};

/// The buffer of one direction.
const BUFFER_BYTES: usize = 16 << 10;

/// How many bytes went through a tunnel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// From the client to the origin.
    pub sent: u64,
    /// From the origin to the client.
    pub received: u64,
}

/// How a tunnel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Both sides closed in good order.
    Closed,
    /// One side broke off.
    Broken,
    /// Nothing moved for too long.
    Idle,
    /// The cache is shutting down.
    Cut,
    /// The client was gone before the tunnel began.
    Abandoned,
}

/// What a tunnel is held to.
#[derive(Clone, Copy)]
pub(super) struct Bounds<'a> {
    /// How long nothing may move.
    pub(super) idle: Duration,
    /// Cancelled when tunnels have to end.
    pub(super) cut: &'a CancellationToken,
    /// How fast the client is sent bytes.
    pub(super) pace: Option<&'a Pace>,
}

/// What both directions tell the idle watch.
struct Activity {
    begin: Instant,
    /// Milliseconds from `begin` to when a byte last moved.
    last: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        Self {
            begin: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    fn moved(&self) {
        let millis = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        // The value stands alone: no other memory depends on its order.
        self.last.store(millis, Ordering::Relaxed);
    }

    async fn ceased(&self, limit: Duration) {
        loop {
            let last = self.last.load(Ordering::Relaxed);
            sleep_until(self.begin + Duration::from_millis(last) + limit).await;
            if self.last.load(Ordering::Relaxed) == last {
                return;
            }
        }
    }
}

/// Carries bytes until the tunnel ends. A side that closes its half is passed on as such, and the
/// other half goes on. Every other end resets the origin's connection; `client` is dropped without a
/// shutdown then, which its owner takes for the same. What goes to the client keeps its pace.
pub(super) async fn relay<C>(client: C, origin: Link, bounds: Bounds<'_>) -> (Traffic, End)
where
    C: AsyncRead + AsyncWrite + Unpin,
{
    match origin {
        // Halves of a TCP stream need no lock between them.
        Link::Plain(mut stream) => {
            let ended = both_ways(client, stream.split(), bounds).await;
            if ended.1 != End::Closed {
                // It fails only on a connection that is gone already.
                let _ = stream.set_zero_linger();
            }
            ended
        }
        Link::Tls(stream) => {
            let (from_origin, to_origin) = split(stream);
            both_ways(client, (from_origin, to_origin), bounds).await
        }
    }
}

async fn both_ways<C, R, W>(
    client: C,
    (from_origin, to_origin): (R, W),
    bounds: Bounds<'_>,
) -> (Traffic, End)
where
    C: AsyncRead + AsyncWrite + Unpin,
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (sent, received, activity) = (AtomicU64::new(0), AtomicU64::new(0), Activity::new());
    let end = {
        let (from_client, to_client) = split(client);
        let both_ways = async {
            tokio::try_join!(
                carry(from_client, to_origin, (&sent, &activity), None),
                carry(from_origin, to_client, (&received, &activity), bounds.pace),
            )
        };
        tokio::select! {
            done = both_ways => done.map_or(End::Broken, |_| End::Closed),
            () = activity.ceased(bounds.idle) => End::Idle,
            () = bounds.cut.cancelled() => End::Cut,
        }
    };
    let (sent, received) = (sent.into_inner(), received.into_inner());
    (Traffic { sent, received }, end)
}

async fn carry<R, W>(
    mut reader: R,
    mut writer: W,
    (carried, activity): (&AtomicU64, &Activity),
    pace: Option<&Pace>,
) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; pace.map_or(BUFFER_BYTES, |pace| pace.piece(BUFFER_BYTES))];
    loop {
        let read = reader.read(&mut buffer).await?;
        activity.moved();
        if read == 0 {
            return writer.shutdown().await;
        }
        writer.write_all(&buffer[..read]).await?;
        activity.moved();
        carried.fetch_add(read as u64, Ordering::Relaxed);
        if let Some(pace) = pace {
            pace.keep(read as u64).await;
        }
    }
}
