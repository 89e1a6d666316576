//! The origin of the load test: bodies from memory, as fast as a socket takes them or at a set rate.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Write as _},
    net::SocketAddr,
    sync::{Arc, LazyLock, Mutex},
    thread,
    time::{Duration, Instant},
};

use rustix::fs::sendfile;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::{TcpListener, TcpStream},
    time::sleep_until,
};

use super::machine::{LOAD_CORE, pin};

/// Bodies repeat these bytes, after a beginning of their own.
static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut random = fastrand::Rng::with_seed(1);
    (0..PATTERN_SIZE).map(|_| random.u8(..)).collect()
});
/// The same in a file: the kernel sends it without a copy, so that the origin costs little of the machine
/// that it shares with the server under test.
static PATTERN_FILE: LazyLock<io::Result<File>> = LazyLock::new(|| {
    let mut file = tempfile::tempfile()?;
    file.write_all(&PATTERN)?;
    Ok(file)
});
const PATTERN_SIZE: usize = 1 << 20;

/// An object: its path says what its body is. No two names share a body, else a store by content would hold one.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) size: u64,
    /// Bytes a second; 0 means as fast as possible.
    pub(super) rate: u64,
    pub(super) name: String,
}

impl Object {
    pub(super) fn new(size: u64, name: impl Into<String>) -> Self {
        Self {
            size,
            rate: 0,
            name: name.into(),
        }
    }

    pub(super) fn path(&self) -> String {
        format!("/{}/{}/{}.bin", self.size, self.rate, self.name)
    }

    fn parse(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix('/')?.splitn(3, '/');
        Some(Self {
            size: parts.next()?.parse().ok()?,
            rate: parts.next()?.parse().ok()?,
            name: parts.next()?.strip_suffix(".bin")?.to_owned(),
        })
    }

    /// Whether `bytes` stand at `offset` of the body.
    pub(super) fn has(&self, offset: u64, bytes: &[u8]) -> bool {
        let beginning = self.beginning();
        let mut offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let here = match beginning.get(offset..) {
                Some(rest @ [_, ..]) => rest,
                _ => &PATTERN[offset % PATTERN_SIZE..],
            };
            let size = bytes.len().min(here.len());
            if bytes[..size] != here[..size] {
                return false;
            }
            bytes = &bytes[size..];
            offset += size;
        }
        true
    }

    /// The first bytes, which name the object; at most as many as it has.
    fn beginning(&self) -> Vec<u8> {
        let mut bytes = format!("{}\n", self.path()).into_bytes();
        bytes.truncate(usize::try_from(self.size).unwrap_or(usize::MAX));
        bytes
    }
}

/// When an object was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) requests: usize,
    pub(super) first_byte: Instant,
    pub(super) last_byte: Instant,
}

/// The origin's server, on a thread of its own that lives as long as the program.
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    sent: Arc<Mutex<HashMap<String, Sent>>>,
}

impl Origin {
    pub(super) fn start() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let sent = Arc::<Mutex<HashMap<_, _>>>::default();
        let record = Arc::clone(&sent);
        thread::spawn(move || serve(listener, &record));
        Ok(Self { address, sent })
    }

    /// What was sent of the object so far.
    pub(super) fn sent(&self, object: &Object) -> Option<Sent> {
        self.sent.lock().ok()?.get(&object.path()).copied()
    }
}

type Record = Arc<Mutex<HashMap<String, Sent>>>;

fn serve(listener: std::net::TcpListener, record: &Record) -> io::Result<()> {
    pin(LOAD_CORE)?;
    LazyLock::force(&PATTERN_FILE);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            // A peer that breaks off ends its task and nothing else.
            tokio::spawn(connection(stream, Arc::clone(record)));
        }
    })
}

async fn connection(mut stream: TcpStream, record: Record) -> io::Result<()> {
    let mut head = Vec::with_capacity(4096);
    loop {
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let text = String::from_utf8_lossy(&head);
        let path = text.split(' ').nth(1).unwrap_or_default();
        if let Some(object) = Object::parse(path) {
            send(&mut stream, &object, &record).await?;
        } else {
            let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(answer).await?;
        }
        head.clear();
    }
}

async fn send(stream: &mut TcpStream, object: &Object, record: &Record) -> io::Result<()> {
    let beginning = object.beginning();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\
         Cache-Control: public, max-age=86400\r\nETag: \"{}\"\r\n\r\n",
        object.size, object.name,
    );
    let started = Instant::now();
    stream
        .write_all(&[head.as_bytes(), &beginning].concat())
        .await?;
    note(record, object, started);
    let mut sent = beginning.len();
    let size = usize::try_from(object.size).map_err(io::Error::other)?;
    while sent < size {
        let at = sent % PATTERN_SIZE;
        let mut piece = (PATTERN_SIZE - at).min(size - sent);
        if object.rate > 0 {
            // A piece every 4 ms is an even flow.
            piece = piece.min(usize::try_from(object.rate / 250).unwrap_or(1).max(1));
            let due = Duration::from_nanos(sent as u64 * 1_000_000_000 / object.rate);
            sleep_until((started + due).into()).await;
        }
        sent += send_pattern(stream, at, piece).await?;
    }
    note_end(record, object);
    Ok(())
}

/// Sends some of the pattern; how much.
async fn send_pattern(stream: &TcpStream, at: usize, length: usize) -> io::Result<usize> {
    let file = PATTERN_FILE.as_ref().map_err(io::Error::kind)?;
    let send = || {
        let mut offset = at as u64;
        Ok(sendfile(stream, file, Some(&mut offset), length)?)
    };
    stream.async_io(Interest::WRITABLE, send).await
}

fn note(record: &Record, object: &Object, now: Instant) {
    if let Ok(mut record) = record.lock() {
        let sent = record.entry(object.path()).or_insert(Sent {
            requests: 0,
            first_byte: now,
            last_byte: now,
        });
        sent.requests += 1;
    }
}

fn note_end(record: &Record, object: &Object) {
    if let Ok(mut record) = record.lock()
        && let Some(sent) = record.get_mut(&object.path())
    {
        sent.last_byte = Instant::now();
    }
}
