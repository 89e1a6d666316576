//! What is asked for in a day: zipf traffic whose popular objects change, and scans between.

/// One request: for what, and how large that is.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) object: u32,
    pub(super) bytes: u64,
}

/// A small generator, so that every run is the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 0 to 1.
    fn unit(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap()) / f64::from(u32::MAX)
    }
}

const OBJECTS: u32 = 20_000;
const REQUESTS: u32 = 240_000;
const SCANS: u32 = 8;
const SCANNED: u32 = 6_000;

/// From 4 KiB to some 60 MiB, mostly small: fixed for each object.
pub(super) fn size(object: u32) -> u64 {
    let mut random =
        Random(0x9E37_79B9_7F4A_7C15 ^ (u64::from(object) + 1).wrapping_mul(0xD134_2543_DE82_EF95));
    random.next();
    let exponent = 12.0 + random.unit() * random.unit() * 14.0;
    exponent.exp2() as u64
}

/// Zipf over the objects, whose popularity moves on through the day, and between it scans: jobs that ask
/// for thousands of things once.
pub(super) fn day() -> Vec<Asked> {
    let weights = (1..=OBJECTS).map(|rank| f64::from(rank).powf(-0.9));
    let mut sum = 0.0;
    let sums: Vec<f64> = weights
        .map(|weight| {
            sum += weight;
            sum
        })
        .collect();
    let mut random = Random(42);
    let mut asked = Vec::new();
    let mut fresh = OBJECTS * 2;
    for number in 0..REQUESTS {
        if number % (REQUESTS / SCANS) == REQUESTS / SCANS / 2 {
            for _ in 0..SCANNED {
                fresh += 1;
                asked.push(fresh);
            }
        }
        let at = random.unit() * sum;
        let rank = sums.partition_point(|upto| *upto < at);
        // Every hour some of the popular give way to others.
        let shift = number / (REQUESTS / 24) * 40;
        asked.push((u32::try_from(rank).unwrap() + shift) % OBJECTS);
    }
    asked
        .into_iter()
        .map(|object| Asked {
            object,
            bytes: size(object),
        })
        .collect()
}
