//! A turn of a workload on one server: prepare, measure, name the figures.

use std::{
    io,
    time::{Duration, Instant},
};

use super::{
    exchange::{Expected, Times},
    generator::{Done, Requests, all_at_once, closed_loop, each_once, open, open_loop, verify_all},
    machine::{cpu_time, sha256_alone},
    origin::{Object, Origin, Sent},
    report::{Figure, LOAD_SHARE, SERVER_SHARE},
    scenario::Work,
    server::{Door, Server},
    stores::{self, Store},
};

/// How a turn is run.
pub(super) struct Turn<'a> {
    pub(super) origin: &'a Origin,
    pub(super) store: &'a Store,
    pub(super) server: &'a Server,
    pub(super) door: Door,
    /// Of this run; makes new objects new.
    pub(super) number: usize,
    pub(super) duration: Duration,
    /// Arrivals a second of the open loop, the same for every server; the first turn of a server has none.
    pub(super) arrivals: Option<f64>,
}

impl Turn<'_> {
    /// Stores what a workload of hits asks for, and checks every byte of it as a miss and as a hit.
    pub(super) async fn prepare(&self, work: Work) -> io::Result<()> {
        let Work::Hits { objects, size, .. } = work else {
            return Ok(());
        };
        let all = (0..objects).map(|number| {
            let object = stored(number, size);
            (self.server.request(self.door, &object, "", ""), object)
        });
        verify_all(
            self.server.address_of(self.door),
            &self.server.way(self.door),
            all.collect(),
        )
        .await
    }

    pub(super) async fn run(&self, work: Work) -> io::Result<Vec<Figure>> {
        self.server.forget_peak()?;
        match work {
            Work::Hits {
                objects,
                size,
                connections,
                range,
                latency,
            } => {
                let requests = self.hits(objects, size, range);
                let mut figures = self.busy(&requests, connections).await?;
                if let Some(rate) = self.arrivals.filter(|_| latency) {
                    figures.extend(self.latency(&requests, connections, rate).await?);
                }
                figures.push(self.memory()?);
                Ok(figures)
            }
            Work::Cold {
                objects,
                size,
                connections,
            } => self.cold(objects, size, connections).await,
            Work::Herd {
                clients,
                size,
                rate,
            } => self.herd(clients, size, rate).await,
            Work::Idle { connections } => self.idle(connections).await,
            Work::Upload { size } => self.upload(size).await,
            Work::Object { size } => self.object(size).await,
        }
    }

    fn hits(&self, objects: usize, size: u64, range: Option<u64>) -> Requests {
        let mut random = fastrand::Rng::with_seed(7);
        let request =
            |object: &Object, fields: &str| self.server.request(self.door, object, "", fields);
        let (bytes, expected) = match range {
            None => {
                let all = (0..objects).map(|number| request(&stored(number, size), ""));
                (all.collect(), (200, size))
            }
            Some(length) => {
                let places = (0..1000).map(|_| {
                    let from = random.u64(..size - length);
                    let range = format!("Range: bytes={from}-{}\r\n", from + length - 1);
                    request(&stored(0, size), &range)
                });
                (places.collect(), (206, length))
            }
        };
        self.requests(bytes, expected)
    }

    fn requests(&self, bytes: Vec<Vec<u8>>, (status, length): (u16, u64)) -> Requests {
        Requests {
            address: self.server.address_of(self.door),
            way: self.server.way(self.door),
            bytes: bytes.into(),
            expected: Expected { status, length },
        }
    }

    async fn busy(&self, requests: &Requests, connections: usize) -> io::Result<Vec<Figure>> {
        let own = cpu_time(std::process::id())?;
        let before = self.server.cpu_time()?;
        let done = closed_loop(requests, connections, self.duration).await?;
        let cpu = self.server.cpu_since(before)?;
        let own = cpu_time(std::process::id())?.saturating_sub(own);
        let mut figures = work_figures(&done, cpu);
        let seconds = done.took.as_secs_f64();
        figures.push(Figure::new(
            SERVER_SHARE,
            "%",
            100.0 * cpu.as_secs_f64() / seconds,
        ));
        figures.push(Figure::new(
            LOAD_SHARE,
            "%",
            100.0 * own.as_secs_f64() / seconds,
        ));
        Ok(figures)
    }

    async fn latency(
        &self,
        requests: &Requests,
        connections: usize,
        rate: f64,
    ) -> io::Result<Vec<Figure>> {
        let histogram = open_loop(requests, connections, rate, self.duration).await?;
        let mut figures = vec![Figure::new("open loop, arrivals", "1/s", rate)];
        for (name, quantile) in [
            ("latency p50", 0.5),
            ("latency p99", 0.99),
            ("latency p99.9", 0.999),
        ] {
            let nanoseconds = Duration::from_nanos(histogram.value_at_quantile(quantile));
            figures.push(Figure::new(name, "µs", nanoseconds.as_secs_f64() * 1e6));
        }
        Ok(figures)
    }

    async fn cold(&self, objects: usize, size: u64, connections: usize) -> io::Result<Vec<Figure>> {
        let new = (0..objects).map(|number| self.new_object(number, size));
        // One large body is a matter of how fast it is passed on: the default of /fetch would hold it.
        let mode = if objects == 1 { "&mode=stream" } else { "" };
        let bytes = new.map(|object| self.server.request(self.door, &object, mode, ""));
        let requests = self.requests(bytes.collect(), (200, size));
        let before = self.server.cpu_time()?;
        let done = each_once(&requests, connections).await?;
        let cpu = self.server.cpu_since(before)?;
        let mut figures = work_figures(&done, cpu);
        figures.push(Figure::new("wall time", "s", done.took.as_secs_f64()));
        if objects == 1 {
            let alone = sha256_alone(size)?.as_secs_f64();
            figures.push(Figure::new(
                "wall time / SHA-256 alone",
                "×",
                done.took.as_secs_f64() / alone,
            ));
        }
        figures.push(self.memory()?);
        // What was written must not disturb the next turn.
        rustix::fs::sync();
        Ok(figures)
    }

    /// A file that was not there before, digest and fsync included.
    async fn upload(&self, size: u64) -> io::Result<Vec<Figure>> {
        let (address, seed) = (self.server.address_of(self.door), self.number as u64);
        let (before, start) = (self.server.cpu_time()?, Instant::now());
        let upload = move || stores::upload(address, seed, size);
        tokio::task::spawn_blocking(upload).await??;
        let figures = self.transfer(size, start.elapsed(), before);
        rustix::fs::sync();
        figures
    }

    /// An object through the cache, and by other clients straight from the store.
    async fn object(&self, size: u64) -> io::Result<Vec<Figure>> {
        let name = format!("object-{}", self.number);
        self.store.place(&name, size)?;
        rustix::fs::sync();
        let bucket = stores::BUCKET;
        let target = format!("/fetch?url=s3%3A%2F%2F{bucket}%2F{name}&mode=stream");
        let request = format!("GET {target} HTTP/1.1\r\nHost: cache\r\n\r\n");
        let requests = self.requests(vec![request.into_bytes()], (200, size));
        let before = self.server.cpu_time()?;
        let done = each_once(&requests, 1).await?;
        let mut figures = self.transfer(size, done.took, before)?;
        for client in ["curl", "aws"] {
            if let Some((took, cpu)) = self.store.beside(client, &name)? {
                let [wall, per_gb] = match client {
                    "curl" => [
                        "curl from the store, wall time",
                        "curl from the store, CPU per GB",
                    ],
                    _ => ["aws s3 cp, wall time", "aws s3 cp, CPU per GB"],
                };
                figures.push(Figure::new(wall, "s", took.as_secs_f64()));
                figures.push(Figure::new(
                    per_gb,
                    "s",
                    cpu.as_secs_f64() * 1e9 / count(size),
                ));
            }
        }
        self.store.remove(&name)?;
        rustix::fs::sync();
        Ok(figures)
    }

    fn transfer(&self, size: u64, took: Duration, before: Duration) -> io::Result<Vec<Figure>> {
        let cpu = self.server.cpu_since(before)?;
        let bytes = count(size);
        Ok(vec![
            Figure::new("wall time", "s", took.as_secs_f64()),
            Figure::new("throughput", "GB/s", bytes / 1e9 / took.as_secs_f64()),
            Figure::new("CPU per GB", "s", cpu.as_secs_f64() * 1e9 / bytes),
            self.memory()?,
        ])
    }

    async fn herd(&self, clients: usize, size: u64, rate: u64) -> io::Result<Vec<Figure>> {
        let object = Object {
            rate,
            ..self.new_object(0, size)
        };
        // The default of /fetch holds the head until the digest is known; a herd wants its bytes now.
        let request = self.server.request(self.door, &object, "&mode=stream", "");
        let requests = self.requests(vec![request], (200, size));
        let before = self.server.cpu_time()?;
        let times = all_at_once(&requests, clients).await?;
        let cpu = self.server.cpu_since(before)?;
        let sent = self.origin.sent(&object).ok_or(io::ErrorKind::NotFound)?;
        let mut figures = herd_figures(&times, sent);
        let bytes = count(size * clients as u64);
        figures.push(Figure::new(
            "CPU per GB",
            "s",
            cpu.as_secs_f64() * 1e9 / bytes,
        ));
        figures.push(self.memory()?);
        Ok(figures)
    }

    /// Connections that say nothing, and what each takes of the server's memory. It is compared with a
    /// fresh server's: after the first turn there is memory left over from the connections of that one.
    async fn idle(&self, connections: usize) -> io::Result<Vec<Figure>> {
        let start = Instant::now();
        let cpu = self.server.cpu_time()?;
        let (address, way) = (
            self.server.address_of(self.door),
            self.server.way(self.door),
        );
        let open = open(address, &way, connections).await?;
        let took = start.elapsed();
        let cpu = self.server.cpu_since(cpu)?;
        self.server.forget_peak()?;
        let after = self.server.peak_resident()?;
        drop(open);
        let all = count(connections as u64);
        let each = count(after.saturating_sub(self.server.fresh)) / all;
        Ok(vec![
            Figure::new("memory per connection", "KiB", each / 1024.0),
            Figure::new("CPU per handshake", "µs", cpu.as_secs_f64() * 1e6 / all),
            Figure::new("handshakes", "1/s", all / took.as_secs_f64()),
        ])
    }

    fn memory(&self) -> io::Result<Figure> {
        let bytes = count(self.server.peak_resident()?);
        Ok(Figure::new(
            "peak resident memory",
            "MiB",
            bytes / 1_048_576.0,
        ))
    }

    /// An object that no server was asked for before in this run.
    fn new_object(&self, number: usize, size: u64) -> Object {
        let (kind, door, turn) = (self.server.kind, self.door, self.number);
        Object::new(size, format!("new-{kind:?}-{door:?}-{turn}-{number}"))
    }
}

fn stored(number: usize, size: u64) -> Object {
    Object::new(size, format!("stored-{number}"))
}

fn work_figures(done: &Done, cpu: Duration) -> Vec<Figure> {
    let (cpu, seconds) = (cpu.as_secs_f64(), done.took.as_secs_f64());
    let bytes = count(done.bytes);
    let mut figures = Vec::new();
    // Requests that take longer than the measurement say nothing by their number.
    if done.requests >= 100 {
        let requests = count(done.requests);
        figures.push(Figure::new("CPU per request", "µs", cpu * 1e6 / requests));
        figures.push(Figure::new("requests", "1/s", requests / seconds));
    }
    figures.push(Figure::new("CPU per GB", "s", cpu * 1e9 / bytes));
    figures.push(Figure::new("throughput", "MB/s", bytes / 1e6 / seconds));
    figures
}

/// When the clients had their bytes, measured against when the origin sent them.
fn herd_figures(times: &[Times], sent: Sent) -> Vec<Figure> {
    let first = |times: &Times| seconds(sent.first_byte, times.first_byte) * 1e3;
    let mut firsts: Vec<f64> = times.iter().map(first).collect();
    firsts.sort_by(f64::total_cmp);
    let last = times
        .iter()
        .map(|times| seconds(sent.first_byte, times.last_byte));
    let last = last.fold(0.0, f64::max);
    let own = seconds(sent.first_byte, sent.last_byte);
    let first_byte = |name, value| Figure::new(name, "ms", value);
    vec![
        Figure::new("origin's requests", "", count(sent.requests as u64)),
        first_byte(
            "first byte after the origin's, median",
            firsts[firsts.len() / 2],
        ),
        first_byte(
            "first byte after the origin's, last",
            firsts[firsts.len() - 1],
        ),
        Figure::new("all done / origin's own time", "×", last / own),
    ]
}

/// From `from` to `to`, negative if it is the other way round.
fn seconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64()
        - from.saturating_duration_since(to).as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn count(value: u64) -> f64 {
    value as f64
}
