//! What a metric can be: a counter, a level that goes up and down, a distribution, or a series of one of
//! these by label. Handles are registered once; using one is an atomic operation.

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use metrics::{Key, KeyName, Metadata, Recorder, Unit};

use super::label::{Dimension, Labels};

/// The default buckets of Prometheus, and some for downloads that a client waits for.
const SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0,
];

/// From 1 KiB to 16 GiB, each four times the one before.
const BYTES: &[f64] = &[
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
    1_073_741_824.0,
    4_294_967_296.0,
    17_179_869_184.0,
];

const METADATA: Metadata<'static> = Metadata::new(module_path!(), metrics::Level::INFO, None);

/// A metric that can be registered under a name.
pub trait Instrument: Sized {
    /// What Prometheus calls it.
    const KIND: Kind;
    /// Its labels.
    const DIMENSIONS: &'static [Dimension] = &[];
    /// Upper bounds of its buckets, when it is a distribution.
    const BUCKETS: &'static [f64] = &[];

    /// A handle for the metric of this key.
    fn register(recorder: &dyn Recorder, key: &Key) -> Self;

    /// Hands the value to the exporter, where it is counted elsewhere.
    fn publish(&self) {}
}

/// What Prometheus calls a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Values in buckets.
    Histogram,
}

/// A number that only grows. It is counted here, where the program itself can read it, and handed to the
/// exporter when somebody asks for the metrics.
#[derive(Clone)]
pub struct Counter {
    value: Arc<AtomicU64>,
    exported: metrics::Counter,
}

/// A number that goes up and down.
#[derive(Clone)]
pub struct Level(metrics::Gauge);

/// A distribution of durations.
#[derive(Clone)]
pub struct Durations(metrics::Histogram);

/// A distribution of sizes in bytes.
#[derive(Clone)]
pub struct Sizes(metrics::Histogram);

/// One instrument for each combination of label values, all exported from the start.
#[derive(Clone)]
pub struct Series<L, I = Counter> {
    instruments: Vec<I>,
    labels: PhantomData<fn(L)>,
}

/// Counts something as under way until it is dropped.
pub struct UnderWay(Level);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// It has come to this value, counted elsewhere.
    pub fn reach(&self, value: u64) {
        self.value.fetch_max(value, Ordering::Relaxed);
    }

    /// So many more.
    pub fn add(&self, amount: u64) {
        // The number stands alone: no other memory depends on its order.
        self.value.fetch_add(amount, Ordering::Relaxed);
    }

    /// What it has come to.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }
}

impl Level {
    /// The level is now this.
    pub fn set(&self, value: u64) {
        self.0.set(approximate(value));
    }

    /// One more.
    pub fn raise(&self) {
        self.0.increment(1.0);
    }

    /// One less.
    pub fn lower(&self) {
        self.0.decrement(1.0);
    }

    /// One more, until the guard is dropped.
    #[must_use]
    pub fn enter(&self) -> UnderWay {
        self.0.increment(1.0);
        UnderWay(self.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.decrement(1.0);
    }
}

impl Durations {
    /// It took so long.
    pub fn record(&self, duration: Duration) {
        self.0.record(duration);
    }
}

impl Sizes {
    /// It was so large.
    pub fn record(&self, bytes: u64) {
        self.0.record(approximate(bytes));
    }
}

impl<L: Labels, I> Series<L, I> {
    /// The instrument of these labels.
    #[must_use]
    pub fn of(&self, labels: L) -> &I {
        &self.instruments[labels.position()]
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus knows only f64; 2^53 bytes are 9 PB"
)]
const fn approximate(value: u64) -> f64 {
    value as f64
}

impl Instrument for Counter {
    const KIND: Kind = Kind::Counter;

    fn register(recorder: &dyn Recorder, key: &Key) -> Self {
        Self {
            value: Arc::default(),
            exported: recorder.register_counter(key, &METADATA),
        }
    }

    fn publish(&self) {
        self.exported.absolute(self.value());
    }
}

impl Instrument for Level {
    const KIND: Kind = Kind::Gauge;

    fn register(recorder: &dyn Recorder, key: &Key) -> Self {
        Self(recorder.register_gauge(key, &METADATA))
    }
}

impl Instrument for Durations {
    const KIND: Kind = Kind::Histogram;
    const BUCKETS: &'static [f64] = SECONDS;

    fn register(recorder: &dyn Recorder, key: &Key) -> Self {
        Self(recorder.register_histogram(key, &METADATA))
    }
}

impl Instrument for Sizes {
    const KIND: Kind = Kind::Histogram;
    const BUCKETS: &'static [f64] = BYTES;

    fn register(recorder: &dyn Recorder, key: &Key) -> Self {
        Self(recorder.register_histogram(key, &METADATA))
    }
}

impl<L: Labels, I: Instrument> Instrument for Series<L, I> {
    const KIND: Kind = I::KIND;
    const DIMENSIONS: &'static [Dimension] = L::DIMENSIONS;
    const BUCKETS: &'static [f64] = I::BUCKETS;

    fn register(recorder: &dyn Recorder, key: &Key) -> Self {
        let keys = L::DIMENSIONS
            .iter()
            .fold(vec![key.clone()], |keys, dimension| {
                let each = |key: Key| {
                    dimension
                        .values
                        .iter()
                        .map(move |value| labelled(&key, dimension.name, value))
                };
                keys.into_iter().flat_map(each).collect()
            });
        let instruments = keys.iter().map(|key| I::register(recorder, key)).collect();
        Self {
            instruments,
            labels: PhantomData,
        }
    }

    fn publish(&self) {
        self.instruments.iter().for_each(I::publish);
    }
}

fn labelled(key: &Key, name: &'static str, value: &'static str) -> Key {
    key.with_extra_labels(vec![metrics::Label::from_static_parts(name, value)])
}

/// Tells the recorder what a metric means.
pub(super) fn describe(
    recorder: &dyn Recorder,
    kind: Kind,
    name: &'static str,
    help: &'static str,
) {
    let (name, unit) = (KeyName::from_const_str(name), Some(unit(name)));
    match kind {
        Kind::Counter => recorder.describe_counter(name, unit, help.into()),
        Kind::Gauge => recorder.describe_gauge(name, unit, help.into()),
        Kind::Histogram => recorder.describe_histogram(name, unit, help.into()),
    }
}

/// The unit, which stands in every name.
pub(super) fn unit(name: &str) -> Unit {
    match name.trim_end_matches("_total").rsplit_once('_') {
        Some((_, "seconds")) => Unit::Seconds,
        _ if name.split('_').any(|word| word == "bytes") => Unit::Bytes,
        _ => Unit::Count,
    }
}
