//! A day of traffic, on the policy, on LRU and on the optimum. Everything in memory and from one seed.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "sizes and ratios of a simulation need no last bit"
)]

mod day;

use std::collections::{BTreeMap, HashMap};

use artifact_cache_layers::digest::Sha256;

use self::day::{Asked, day, size};
use super::{Entry, MOST_USES, Queue, Queues, Sums, Verdict, begins, plan};

/// What a run came to.
#[derive(Debug, Default)]
struct Ratio {
    hits: u64,
    hit_bytes: u64,
    most: u64,
    /// Hits of objects that are not only scanned.
    requests: u64,
    bytes: u64,
}

impl Ratio {
    fn count(&mut self, asked: Asked, is_hit: bool, used: u64) {
        self.requests += 1;
        self.bytes += asked.bytes;
        self.hits += u64::from(is_hit);
        self.hit_bytes += if is_hit { asked.bytes } else { 0 };
        self.most = self.most.max(used);
    }

    fn of_requests(&self) -> f64 {
        self.hits as f64 / self.requests as f64
    }

    fn of_bytes(&self) -> f64 {
        self.hit_bytes as f64 / self.bytes as f64
    }
}

/// The queues in memory, kept as the catalog keeps them.
#[derive(Default)]
struct Memory {
    queues: [BTreeMap<u64, u32>; 2],
    ranks: HashMap<u32, (Queue, u64, u64)>,
    hits: HashMap<u32, u64>,
    ghosts: HashMap<u32, u64>,
    ghost_order: BTreeMap<u64, u32>,
    ghost_bytes: u64,
    sums: Sums,
    next: u64,
}

struct Reading<'m> {
    memory: &'m Memory,
    after: [u64; 2],
}

fn digest(object: u32) -> Sha256 {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&object.to_be_bytes());
    bytes.into()
}

fn object(digest: &Sha256) -> u32 {
    u32::from_be_bytes(digest.as_bytes()[..4].try_into().unwrap())
}

impl Queues for Reading<'_> {
    type Error = std::convert::Infallible;

    fn next(&mut self, queue: Queue) -> Result<Option<Entry>, Self::Error> {
        let after = &mut self.after[queue as usize];
        let found = self.memory.queues[queue as usize].range(*after..).next();
        Ok(found.map(|(place, object)| {
            *after = place + 1;
            Entry {
                digest: digest(*object),
                place: *place,
                bytes: size(*object),
            }
        }))
    }

    fn uses(&mut self, entry: &Entry) -> Result<u64, Self::Error> {
        let object = object(&entry.digest);
        Ok(self.memory.hits[&object] - self.memory.ranks[&object].2)
    }

    fn must_stay(&mut self, _: &Entry) -> Result<bool, Self::Error> {
        Ok(false)
    }
}

impl Memory {
    fn used(&self) -> u64 {
        self.sums.short + self.sums.main
    }

    fn sum(&mut self, queue: Queue) -> &mut u64 {
        match queue {
            Queue::Short => &mut self.sums.short,
            Queue::Main => &mut self.sums.main,
        }
    }

    fn put(&mut self, object: u32, queue: Queue, uses: u64) {
        self.next += 1;
        self.queues[queue as usize].insert(self.next, object);
        let hits = *self.hits.entry(object).or_default();
        self.ranks.insert(object, (queue, self.next, hits - uses));
        *self.sum(queue) += size(object);
    }

    fn take(&mut self, object: u32) {
        let (queue, place, _) = self.ranks.remove(&object).unwrap();
        self.queues[queue as usize].remove(&place);
        *self.sum(queue) -= size(object);
    }

    fn ghost(&mut self, object: u32) {
        self.next += 1;
        self.ghosts.insert(object, self.next);
        self.ghost_order.insert(self.next, object);
        self.ghost_bytes += size(object);
        while self.ghost_bytes > self.used() {
            let (_, oldest) = self.ghost_order.pop_first().unwrap();
            self.ghosts.remove(&oldest);
            self.ghost_bytes -= size(oldest);
        }
    }

    fn free(&mut self, wanted: u64) {
        let mut reading = Reading {
            memory: self,
            after: [0; 2],
        };
        let plan = plan(&mut reading, self.sums, wanted, usize::MAX).unwrap();
        for step in plan.steps {
            let object = object(&step.entry.digest);
            self.take(object);
            match step.verdict {
                Verdict::Keep { uses } => self.put(object, Queue::Main, uses.min(MOST_USES)),
                Verdict::Evict => {
                    self.hits.remove(&object);
                    self.ghost(object);
                }
            }
        }
    }

    fn ask(&mut self, asked: Asked, cap: u64) -> bool {
        if self.ranks.contains_key(&asked.object) {
            *self.hits.get_mut(&asked.object).unwrap() += 1;
            return true;
        }
        if self.used() + asked.bytes > cap {
            // Down to the low watermark.
            self.free(self.used() + asked.bytes - cap + cap / 100);
        }
        let ghost = self.ghosts.remove(&asked.object);
        if let Some(place) = ghost {
            self.ghost_order.remove(&place);
            self.ghost_bytes -= asked.bytes;
        }
        self.put(asked.object, begins(ghost.is_some()), 0);
        false
    }
}

fn of_policy(day: &[Asked], cap: u64) -> Ratio {
    let (mut memory, mut ratio) = (Memory::default(), Ratio::default());
    for asked in day {
        let is_hit = memory.ask(*asked, cap);
        ratio.count(*asked, is_hit, memory.used());
    }
    ratio
}

/// Evicts what has the smallest key; `key` is made anew at every use.
fn of_order(day: &[Asked], cap: u64, key: impl Fn(usize) -> i64) -> Ratio {
    let (mut order, mut keys) = (BTreeMap::new(), HashMap::new());
    let (mut used, mut ratio) = (0, Ratio::default());
    for (at, asked) in day.iter().enumerate() {
        let old = keys.remove(&asked.object);
        let is_hit = old.is_some();
        if let Some(old) = old {
            order.remove(&old);
            used -= asked.bytes;
        }
        let key = (key(at), at);
        order.insert(key, asked.object);
        keys.insert(asked.object, key);
        used += asked.bytes;
        while used > cap {
            let (_, victim) = order.pop_first().unwrap();
            keys.remove(&victim);
            used -= size(victim);
        }
        ratio.count(*asked, is_hit, used);
    }
    ratio
}

/// When the object of each request is asked for next.
fn next_uses(day: &[Asked]) -> Vec<i64> {
    let mut next = vec![i64::MAX; day.len()];
    let mut seen = HashMap::new();
    for (at, asked) in day.iter().enumerate().rev() {
        let later: Option<usize> = seen.insert(asked.object, at);
        next[at] = later.map_or(i64::MAX, |at| i64::try_from(at).unwrap());
    }
    next
}

#[test]
fn a_day_with_scans_has_more_hits_than_lru_and_never_exceeds_the_cap() {
    let day = day();
    let mut sizes: HashMap<u32, u64> = HashMap::new();
    sizes.extend(day.iter().map(|asked| (asked.object, asked.bytes)));
    let all: u64 = sizes.values().sum();
    let next = next_uses(&day);
    println!("share of all bytes: requests (bytes) answered by the policy, LRU, the optimum");
    for percent in [2, 5, 10, 20] {
        let cap = all / 100 * percent;
        let ours = of_policy(&day, cap);
        let lru = of_order(&day, cap, |at| i64::try_from(at).unwrap());
        let optimum = of_order(&day, cap, |at| -next[at]);
        let show = |ratio: &Ratio| format!("{:.3} ({:.3})", ratio.of_requests(), ratio.of_bytes());
        println!(
            "{percent:3} %: {} {} {}",
            show(&ours),
            show(&lru),
            show(&optimum)
        );
        assert!(ours.most <= cap, "{} of {cap}", ours.most);
        assert!(ours.of_requests() > lru.of_requests());
        assert!(ours.of_bytes() > lru.of_bytes());
        assert!(ours.of_bytes() < optimum.of_bytes());
    }
}

#[test]
fn a_scan_leaves_what_is_in_use_alone() {
    let mut memory = Memory::default();
    let cap = (0..100).map(size).sum::<u64>() * 2;
    for round in 0..5 {
        for object in 0..100 {
            assert_eq!(
                memory.ask(
                    Asked {
                        object,
                        bytes: size(object)
                    },
                    cap
                ),
                round > 0
            );
        }
    }
    // Far more than the cap, each once, and none that needs a large part of it.
    for object in (1000..9000).filter(|object| size(*object) < cap / 50) {
        memory.ask(
            Asked {
                object,
                bytes: size(object),
            },
            cap,
        );
    }
    let kept = (0..100)
        .filter(|object| memory.ranks.contains_key(object))
        .count();
    assert!(kept >= 95, "{kept} of 100");
}
