//! The workloads, one line each: those of the project's performance table.

use super::server::Door;

/// A workload by name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) work: Work,
    /// The one way in that it is about, if it is about one.
    pub(super) door: Option<Door>,
}

/// What is done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// Keep-alive connections ask for stored objects in random order.
    Hits {
        objects: usize,
        size: u64,
        connections: usize,
        /// Bytes of a range at a random place, instead of the whole.
        range: Option<u64>,
        /// Whether latency is measured as well, at half the throughput.
        latency: bool,
    },
    /// New objects are asked for, each once.
    Cold {
        objects: usize,
        size: u64,
        connections: usize,
    },
    /// A new file is uploaded.
    Upload { size: u64 },
    /// A new object of an object store is asked for.
    Object { size: u64 },
    /// Connections that are opened and say nothing.
    Idle { connections: usize },
    /// So many clients ask at once for one new object that the origin sends at a set rate.
    Herd {
        clients: usize,
        size: u64,
        rate: u64,
    },
}

impl Work {
    /// Whether nothing but the cache does this.
    pub(super) const fn is_of_ours(self) -> bool {
        matches!(self, Self::Upload { .. } | Self::Object { .. })
    }
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// All workloads. `quick` makes those shorter that work on gigabytes; figures per request or byte stay comparable.
pub(super) fn scenarios(quick: bool) -> Vec<Scenario> {
    let large = if quick { GIB / 4 } else { GIB };
    let herd = if quick { 16 * MIB } else { 64 * MIB };
    let (many, cold) = if quick { (1000, 500) } else { (10_000, 2000) };
    let any = [
        ("hit-1k", hits(1, KIB, true)),
        ("hit-16k", hits(1, 16 * KIB, true)),
        ("hit-128k", hits(1, 128 * KIB, true)),
        ("hit-1m", hits(1, MIB, true)),
        ("many-16k", hits(many, 16 * KIB, true)),
        ("large", large_object(large, 4, None)),
        ("range-1m", large_object(large, 64, Some(MIB))),
        ("cold-large", new_objects(1, large, 1)),
        ("cold-64k", new_objects(cold, 64 * KIB, 16)),
        ("herd", herd_of(200, herd, 50_000_000)),
        ("herd-slow", herd_of(200, herd, 10_000_000)),
    ]
    .map(|(name, work)| (name, work, None));
    let idle = if quick { 1000 } else { 10_000 };
    let of_one_door = [
        ("tls-16k", hits(1, 16 * KIB, true), Some(Door::Tls)),
        ("tls-1m", hits(1, MIB, true), Some(Door::Tls)),
        ("tls-large", large_object(large, 4, None), Some(Door::Tls)),
        (
            "tls-idle",
            Work::Idle { connections: idle },
            Some(Door::Tls),
        ),
        (
            "tunnel-large",
            large_object(large, 4, None),
            Some(Door::Tunnel),
        ),
        ("upload", Work::Upload { size: large }, Some(Door::Fetch)),
        ("s3-get", Work::Object { size: large }, Some(Door::Fetch)),
    ];
    let all = any.into_iter().chain(of_one_door);
    all.map(|(name, work, door)| Scenario { name, work, door })
        .collect()
}

fn hits(objects: usize, size: u64, latency: bool) -> Work {
    Work::Hits {
        objects,
        size,
        connections: 64,
        range: None,
        latency,
    }
}

fn large_object(size: u64, connections: usize, range: Option<u64>) -> Work {
    Work::Hits {
        objects: 1,
        size,
        connections,
        range,
        latency: range.is_some(),
    }
}

fn new_objects(objects: usize, size: u64, connections: usize) -> Work {
    Work::Cold {
        objects,
        size,
        connections,
    }
}

fn herd_of(clients: usize, size: u64, rate: u64) -> Work {
    Work::Herd {
        clients,
        size,
        rate,
    }
}
