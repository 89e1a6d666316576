//! A TCP link that can be broken, to stand before an origin or before the product.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{Ending, PATIENCE};

/// What the link does with the bytes of one direction of a new connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Passage {
    /// Everything passes.
    #[default]
    Open,
    /// After so many bytes both sides see this ending.
    CutAfter(u64, Ending),
    /// After so many bytes nothing passes, until the link is healed or dropped.
    StallAfter(u64),
    /// Everything passes, at no more than so many bytes a second.
    Throttled(u64),
}

/// A link that forwards connections to one address. It breaks all of them when it is dropped.
pub(crate) struct Link {
    shared: Arc<Shared>,
    address: SocketAddr,
    running: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    plan: Mutex<(Passage, Passage)>,
    open: Mutex<Vec<Arc<Pair>>>,
    accepted: AtomicUsize,
    is_stopped: AtomicBool,
}

struct Pair {
    client: TcpStream,
    server: TcpStream,
    is_healed: Mutex<bool>,
    healed: Condvar,
}

impl Link {
    /// A link to `target`, through which everything passes at first.
    pub(crate) fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (address, shared) = (listener.local_addr().unwrap(), Arc::<Shared>::default());
        let accepting = Arc::clone(&shared);
        let running = thread::spawn(move || accepting.accept(&listener, target));
        Self {
            shared,
            address,
            running: Some(running),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of `path` through the link.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What connections made from now on do with the bytes towards the client.
    pub(crate) fn downstream(&self, passage: Passage) {
        self.shared.plan.lock().unwrap().1 = passage;
    }

    /// What connections made from now on do with the bytes towards the server.
    pub(crate) fn upstream(&self, passage: Passage) {
        self.shared.plan.lock().unwrap().0 = passage;
    }

    /// Everything passes again: on new connections, and on stalled ones.
    pub(crate) fn heal(&self) {
        *self.shared.plan.lock().unwrap() = (Passage::Open, Passage::Open);
        for pair in &*self.shared.open.lock().unwrap() {
            pair.heal();
        }
    }

    /// Ends every connection now.
    pub(crate) fn break_all(&self, ending: Ending) {
        for pair in &*self.shared.open.lock().unwrap() {
            pair.end(ending);
            pair.heal();
        }
    }

    /// How many connections were made through the link.
    pub(crate) fn connections(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::SeqCst);
        // Wakes the accept loop, which then sees the flag.
        drop(TcpStream::connect(self.address));
        if let Some(running) = self.running.take() {
            running.join().expect("the link's thread ended well");
        }
    }
}

impl Shared {
    fn accept(&self, listener: &TcpListener, target: SocketAddr) {
        let mut pumps = Vec::new();
        while let Ok((client, _)) = listener.accept() {
            if self.is_stopped.load(Ordering::SeqCst) {
                break;
            }
            let Ok(server) = TcpStream::connect_timeout(&target, PATIENCE) else {
                // A target that refuses is passed on as a refusal as far as a link can.
                Ending::Reset.apply(&client);
                self.accepted.fetch_add(1, Ordering::SeqCst);
                continue;
            };
            let pair = Arc::new(Pair::new(client, server));
            let (up, down) = *self.plan.lock().unwrap();
            self.open.lock().unwrap().push(Arc::clone(&pair));
            self.accepted.fetch_add(1, Ordering::SeqCst);
            let other = Arc::clone(&pair);
            pumps.push(thread::spawn(move || {
                pair.pump(&pair.client, &pair.server, up);
            }));
            pumps.push(thread::spawn(move || {
                other.pump(&other.server, &other.client, down);
            }));
        }
        for pair in self.open.lock().unwrap().drain(..) {
            pair.end(Ending::Reset);
            pair.heal();
        }
        for pump in pumps {
            pump.join().expect("a pump ended well");
        }
    }
}

impl Pair {
    fn new(client: TcpStream, server: TcpStream) -> Self {
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap_or_default();
        }
        Self {
            client,
            server,
            is_healed: Mutex::new(false),
            healed: Condvar::new(),
        }
    }

    fn pump(&self, mut from: &TcpStream, mut to: &TcpStream, passage: Passage) {
        let (started, mut passed, mut passage) = (Instant::now(), 0_u64, passage);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let room = match passage {
                Passage::CutAfter(limit, ending) if passed >= limit => return self.end(ending),
                Passage::StallAfter(limit) if passed >= limit => {
                    self.wait_for_healing();
                    passage = Passage::Open;
                    continue;
                }
                Passage::CutAfter(limit, _) | Passage::StallAfter(limit) => limit - passed,
                Passage::Throttled(rate) => (rate / 100).max(1),
                Passage::Open => u64::MAX,
            };
            let room = usize::try_from(room)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            match from.read(&mut buffer[..room]) {
                Ok(0) => return Ending::Fin.apply(to),
                Ok(read) if to.write_all(&buffer[..read]).is_ok() => passed += read as u64,
                Ok(_) | Err(_) => return self.end(Ending::Reset),
            }
            if let Passage::Throttled(rate) = passage {
                let due = Duration::from_nanos(passed.saturating_mul(1_000_000_000) / rate.max(1));
                thread::sleep(due.saturating_sub(started.elapsed()));
            }
        }
    }

    fn wait_for_healing(&self) {
        let healed = self.is_healed.lock().unwrap();
        drop(self.healed.wait_while(healed, |healed| !*healed));
    }

    fn heal(&self) {
        *self.is_healed.lock().unwrap() = true;
        self.healed.notify_all();
    }

    fn end(&self, ending: Ending) {
        ending.apply(&self.client);
        ending.apply(&self.server);
    }
}
