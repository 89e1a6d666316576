//! Signals: TERM and INT stop, HUP reloads. XFSZ must not kill: a write beyond the limit of a file's size
//! fails like any other, and the bytes are streamed without being stored.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals a server listens to.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// Never waited for; that it is listened to replaces its default action.
    _file_too_large: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Stop,
    Reload,
}

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            _file_too_large: signal(SignalKind::from_raw(libc::SIGXFSZ))?,
        })
    }

    /// Waits until it is asked to stop.
    pub(super) async fn stop(&mut self) {
        while self.next().await != Wish::Stop {}
    }

    pub(super) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.hang_up.recv() => Wish::Reload,
        }
    }
}
