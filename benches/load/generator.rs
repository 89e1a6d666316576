//! Load: closed loops that show what a server can do, and an open loop that shows what its clients wait for.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use tokio::{sync::Notify, task::JoinSet, time::timeout};

use super::{
    exchange::{Connection, Expected, Times, Way},
    origin::Object,
};

/// Requests of one kind, ready to be sent.
#[derive(Clone)]
pub(super) struct Requests {
    pub(super) address: SocketAddr,
    pub(super) way: Way,
    pub(super) bytes: Rc<[Vec<u8>]>,
    pub(super) expected: Expected,
}

/// What a closed loop did.
#[derive(Clone, Debug, Default)]
pub(super) struct Done {
    pub(super) requests: u64,
    pub(super) bytes: u64,
    pub(super) took: Duration,
}

/// Keeps `connections` busy for `duration` with requests in random order. Bodies that are under way at the end count by their bytes.
pub(super) async fn closed_loop(
    requests: &Requests,
    connections: usize,
    duration: Duration,
) -> io::Result<Done> {
    let (count, bytes) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let mut tasks = JoinSet::new();
    let ready = open(requests.address, &requests.way, connections).await?;
    let start = Instant::now();
    for (number, mut connection) in (0_u64..).zip(ready) {
        let (requests, count, bytes) = (requests.clone(), Rc::clone(&count), Rc::clone(&bytes));
        let mut random = fastrand::Rng::with_seed(number);
        tasks.spawn_local(async move {
            loop {
                let request = &requests.bytes[random.usize(..requests.bytes.len())];
                let received = |piece| bytes.set(bytes.get() + piece);
                connection
                    .exchange(request, requests.expected, received)
                    .await?;
                count.set(count.get() + 1);
            }
        });
    }
    // The tasks end by failing only; running out of time is how it should end.
    if let Ok(Some(failed)) = timeout(duration, tasks.join_next()).await {
        return failed?;
    }
    Ok(Done {
        requests: count.get(),
        bytes: bytes.get(),
        took: start.elapsed(),
    })
}

/// Sends each request once, over `connections`.
pub(super) async fn each_once(requests: &Requests, connections: usize) -> io::Result<Done> {
    let next = Rc::new(Cell::new(0));
    let mut tasks = JoinSet::new();
    let ready = open(requests.address, &requests.way, connections).await?;
    let start = Instant::now();
    for mut connection in ready {
        let (requests, next) = (requests.clone(), Rc::clone(&next));
        tasks.spawn_local(async move {
            while let Some(request) = requests.bytes.get(next.replace(next.get() + 1)) {
                connection
                    .exchange(request, requests.expected, |_| ())
                    .await?;
            }
            Ok(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.map_err(io::Error::other).flatten()?;
    }
    let count = requests.bytes.len() as u64;
    Ok(Done {
        requests: count,
        bytes: count * requests.expected.length,
        took: start.elapsed(),
    })
}

/// Asks for every object twice, as a miss and as a hit, and compares every byte of both.
pub(super) async fn verify_all(
    address: SocketAddr,
    way: &Way,
    objects: Vec<(Vec<u8>, Object)>,
) -> io::Result<()> {
    let left = Rc::new(RefCell::new(objects));
    let mut tasks = JoinSet::new();
    for mut connection in open(address, way, 16).await? {
        let left = Rc::clone(&left);
        tasks.spawn_local(async move {
            loop {
                let Some((request, object)) = left.borrow_mut().pop() else {
                    return Ok(());
                };
                connection.verify(&request, &object).await?;
                connection.verify(&request, &object).await?;
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.map_err(io::Error::other).flatten()?;
    }
    Ok(())
}

/// Sends the first request from `clients` connections at once.
pub(super) async fn all_at_once(requests: &Requests, clients: usize) -> io::Result<Vec<Times>> {
    let mut tasks = JoinSet::new();
    for mut connection in open(requests.address, &requests.way, clients).await? {
        let requests = requests.clone();
        tasks.spawn_local(async move {
            let request = &requests.bytes[0];
            connection
                .exchange(request, requests.expected, |_| ())
                .await
        });
    }
    let mut times = Vec::new();
    while let Some(task) = tasks.join_next().await {
        times.push(task.map_err(io::Error::other).flatten()?);
    }
    Ok(times)
}

/// Arrivals that no connection has taken up yet.
#[derive(Default)]
struct Arrivals {
    due: RefCell<VecDeque<Instant>>,
    changed: Notify,
}

/// Sends requests on a fixed schedule, whatever the answers do, and returns nanoseconds from the *scheduled* time to the last byte.
///
/// A request that finds every connection busy waits, and its waiting counts: that is the correction for coordinated omission.
pub(super) async fn open_loop(
    requests: &Requests,
    connections: usize,
    per_second: f64,
    duration: Duration,
) -> io::Result<Histogram<u64>> {
    // Up to ten minutes, with three digits that count.
    let histogram = Histogram::new_with_bounds(1, 600_000_000_000, 3).map_err(io::Error::other)?;
    let (histogram, arrivals) = (Rc::new(RefCell::new(histogram)), Rc::<Arrivals>::default());
    let mut tasks = JoinSet::new();
    for (number, connection) in
        (0_u64..).zip(open(requests.address, &requests.way, connections).await?)
    {
        let (requests, arrivals) = (requests.clone(), Rc::clone(&arrivals));
        tasks.spawn_local(take_up(
            connection,
            number,
            requests,
            arrivals,
            Rc::clone(&histogram),
        ));
    }
    let scheduled = schedule(&arrivals, per_second, duration).await;
    // Whatever is late is waited for, so that the worst of it counts too.
    let late = async {
        while histogram.borrow().len() < scheduled {
            tokio::select! {
                failed = tasks.join_next() => return failed.map_or(Ok(()), |failed| failed?),
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
        }
        Ok(())
    };
    timeout(Duration::from_secs(30), late).await??;
    Ok(histogram.borrow().clone())
}

/// Announces arrivals when they are due and returns how many there were. It spins: timers are too coarse.
async fn schedule(arrivals: &Arrivals, per_second: f64, duration: Duration) -> u64 {
    let (start, interval) = (Instant::now(), Duration::from_secs_f64(1.0 / per_second));
    let (mut due, mut count) = (start, 0);
    while due < start + duration {
        if Instant::now() < due {
            tokio::task::yield_now().await;
            continue;
        }
        arrivals.due.borrow_mut().push_back(due);
        arrivals.changed.notify_one();
        due += interval;
        count += 1;
    }
    count
}

async fn take_up(
    mut connection: Connection,
    seed: u64,
    requests: Requests,
    arrivals: Rc<Arrivals>,
    histogram: Rc<RefCell<Histogram<u64>>>,
) -> io::Result<()> {
    let mut random = fastrand::Rng::with_seed(seed);
    loop {
        let Some(due) = arrivals.due.borrow_mut().pop_front() else {
            arrivals.changed.notified().await;
            continue;
        };
        let request = &requests.bytes[random.usize(..requests.bytes.len())];
        let times = connection
            .exchange(request, requests.expected, |_| ())
            .await?;
        let waited = times.last_byte.duration_since(due).as_nanos();
        histogram
            .borrow_mut()
            .saturating_record(u64::try_from(waited).unwrap_or(u64::MAX));
    }
}

pub(super) async fn open(
    address: SocketAddr,
    way: &Way,
    connections: usize,
) -> io::Result<Vec<Connection>> {
    let mut ready = Vec::with_capacity(connections);
    for _ in 0..connections {
        ready.push(Connection::open(address, way).await?);
    }
    Ok(ready)
}
