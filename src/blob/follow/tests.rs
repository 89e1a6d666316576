//! Readers at any speed and from any position against one writer: never a wrong byte, never an early end,
//! never a reader that waits for ever. `FOLLOW_ROUNDS` writers (40 unless set).

#[path = "memory_tests.rs"]
mod memory;

use std::{pin::Pin, task::Poll, thread, time::Duration};

use artifact_cache_layers::{
    body::{BoxError, Payload},
    cause::is_caused_by,
    failure::{Incomplete, Mismatch},
};
use http_body::Body as _;
use tokio::task::JoinHandle;

use super::*;
use crate::blob::readers::TAIL;

/// Longest that anything in here may take.
const PATIENCE: Duration = Duration::from_secs(30);

fn rounds() -> u64 {
    let rounds = std::env::var("FOLLOW_ROUNDS").ok();
    rounds.map_or(40, |rounds| rounds.parse().unwrap())
}

/// What a writer writes, and the blob that readers follow.
struct Source {
    bytes: Bytes,
    growing: Arc<Growing>,
    file: Arc<File>,
}

impl Source {
    fn new(seed: u64, length: usize, is_length_known: bool) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..))
            .take(length)
            .collect();
        let file = Arc::new(tempfile::tempfile().unwrap());
        let expected = is_length_known.then_some(length as u64);
        Self {
            bytes: bytes.into(),
            growing: Growing::new(Some(file.clone()), expected),
            file,
        }
    }

    fn write(&self, from: usize, to: usize) {
        use std::os::unix::fs::FileExt as _;
        let bytes = &self.bytes[from..to];
        self.file.write_all_at(bytes, from as u64).unwrap();
        self.growing.publish(to as u64);
    }

    fn spill(&self, from: usize, to: usize) -> bool {
        self.growing.spill(self.bytes.slice(from..to))
    }

    fn digest(&self) -> Sha256 {
        Sha256::of(&self.bytes)
    }

    fn complete(&self) {
        let length = self.bytes.len() as u64;
        self.growing.complete(self.digest(), length, None);
    }

    fn fail(&self) {
        let error = Incomplete {
            received: self.growing.written(),
            expected: None,
        };
        self.growing.fail(SharedError::new(error.into()));
    }
}

/// The next piece, read one way or the other.
async fn next(body: &mut Body, as_regions: bool) -> Option<Result<Bytes, BoxError>> {
    let frame = std::future::poll_fn(|cx| {
        if as_regions {
            body.poll_payload(cx)
        } else {
            let frame = Pin::new(&mut *body).poll_frame(cx);
            frame.map(|frame| frame.map(|frame| frame.map(|one| one.map_data(Payload::Bytes))))
        }
    });
    Some(frame.await?.map(|frame| match frame.into_data().unwrap() {
        Payload::Bytes(bytes) => bytes,
        Payload::Region(region) => {
            use std::os::unix::fs::FileExt as _;
            let mut bytes = vec![0; usize::try_from(region.len).unwrap()];
            region
                .file
                .read_exact_at(&mut bytes, region.offset)
                .unwrap();
            bytes.into()
        }
    }))
}

/// What a reader got, and how it ended.
struct Got {
    bytes: Vec<u8>,
    end: Result<(), BoxError>,
    /// Whether the last byte came before the verdict.
    was_early: bool,
}

/// Reads to the end, taking its time as `seed` says.
async fn read(growing: Arc<Growing>, wanted: Wanted, seed: u64) -> Got {
    let mut random = fastrand::Rng::with_seed(seed);
    let as_regions = random.bool();
    let mut body = growing.follow(wanted);
    let (mut bytes, mut was_early) = (Vec::new(), false);
    let end = loop {
        if random.u8(..8) == 0 {
            tokio::task::yield_now().await;
        }
        match next(&mut body, as_regions).await {
            Some(Ok(piece)) => {
                assert!(!piece.is_empty());
                bytes.extend_from_slice(&piece);
                was_early |= body.is_end_stream() && growing.settled().is_none();
            }
            Some(Err(error)) => break Err(error),
            None => break Ok(()),
        }
    };
    Got {
        bytes,
        end,
        was_early,
    }
}

/// Writes everything in pieces of random size, the last part perhaps only to memory.
fn write_all(source: &Source, spill_at: Option<usize>, random: &mut fastrand::Rng) {
    let (mut at, length) = (0, source.bytes.len());
    while at < length {
        let to = (at + random.usize(1..length.max(2) / 8 + 2)).min(length);
        if spill_at.is_some_and(|spill_at| at >= spill_at) {
            assert!(source.spill(at, to));
        } else {
            source.write(at, to);
        }
        at = to;
        if random.u8(..4) == 0 {
            thread::yield_now();
        }
    }
}

/// What readers may want of `length` bytes.
fn some_range(length: usize, random: &mut fastrand::Rng) -> Option<std::ops::Range<u64>> {
    let from = random.u64(..length as u64);
    let to = random.u64(from..length as u64) + 1;
    random.bool().then_some(from..to)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_get_exactly_the_bytes_that_are_written() {
    for seed in 0..rounds() {
        let mut random = fastrand::Rng::with_seed(seed);
        let length = random.usize(1..200_000);
        let source = Arc::new(Source::new(seed, length, random.bool()));
        let spill_at = random.bool().then(|| random.usize(..length));
        let readers: Vec<(_, JoinHandle<Got>)> = (0..8)
            .map(|number| {
                let wanted = Wanted {
                    range: some_range(length, &mut random),
                    expect: random.bool().then(|| source.digest()),
                    trailers: false,
                };
                let growing = source.growing.clone();
                let read = read(growing, wanted.clone(), seed << 8 | number);
                (wanted, tokio::spawn(read))
            })
            .collect();
        // All of them have joined before bytes are only in memory.
        while source.growing.readers.count() < 8 {
            tokio::task::yield_now().await;
        }
        let writer = source.clone();
        let writing = thread::spawn(move || {
            write_all(&writer, spill_at, &mut random);
            writer.complete();
        });
        for (wanted, reader) in readers {
            let got = tokio::time::timeout(PATIENCE, reader).await;
            let got = got.expect("a waker was lost").unwrap();
            let range = wanted.range.clone().unwrap_or(0..length as u64);
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            assert!(got.end.is_ok(), "{seed} {wanted:?}: {:?}", got.end);
            assert_eq!(got.bytes, source.bytes[range], "{seed} {wanted:?}");
            let may_be_early = wanted.expect.is_none() && wanted.range.is_some();
            assert!(!got.was_early || may_be_early, "{seed} {wanted:?}");
        }
        writing.join().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_breaks_every_reader_off_before_its_end() {
    for seed in 0..rounds() {
        let mut random = fastrand::Rng::with_seed(seed);
        let length = random.usize(1..50_000);
        let source = Arc::new(Source::new(seed, length, random.bool()));
        let readers: Vec<_> = (0..4)
            .map(|number| tokio::spawn(read(source.growing.clone(), Wanted::default(), number)))
            .collect();
        let writer = source.clone();
        // Even when every byte was written: without the verdict nobody knows that they are all.
        thread::spawn(move || {
            write_all(&writer, None, &mut random);
            writer.fail();
        });
        for reader in readers {
            let got = tokio::time::timeout(PATIENCE, reader)
                .await
                .unwrap()
                .unwrap();
            assert!(is_caused_by::<Incomplete>(&*got.end.unwrap_err()));
            assert!(got.bytes.len() < length, "the last byte is held back");
            assert_eq!(got.bytes, source.bytes[..got.bytes.len()]);
        }
    }
}

#[tokio::test]
async fn a_wrong_pin_breaks_off_before_the_last_byte_wanted() {
    for range in [None, Some(0..3), Some(2..6)] {
        let source = Source::new(1, 6, true);
        let wanted = Wanted {
            range: range.clone(),
            expect: Some(Sha256::of(b"something else")),
            trailers: false,
        };
        let reading = tokio::spawn(read(source.growing.clone(), wanted, 1));
        tokio::task::yield_now().await;
        source.write(0, 6);
        tokio::task::yield_now().await;
        source.complete();
        let got = reading.await.unwrap();
        assert!(is_caused_by::<Mismatch>(&*got.end.unwrap_err()));
        let range = range.unwrap_or(0..6);
        assert!((got.bytes.len() as u64) < range.end - range.start);
    }
}

#[tokio::test]
async fn the_last_byte_of_a_part_inside_waits_for_nobody() {
    let source = Source::new(1, 10, true);
    source.write(0, 5);
    let wanted = Wanted {
        range: Some(1..4),
        ..Wanted::default()
    };
    let got = read(source.growing.clone(), wanted, 1).await;
    assert_eq!(got.bytes, source.bytes[1..4]);
    assert!(got.end.is_ok());
}

#[tokio::test]
async fn a_start_from_the_beginning_is_possible_until_a_byte_is_given_out() {
    let source = Source::new(1, 10, true);
    let mut body = source.growing.follow(Wanted::default());
    source.write(0, 5);
    assert!(source.growing.restart(), "nobody has looked");
    assert_eq!(source.growing.written(), 0);
    source.write(0, 5);
    next(&mut body, true).await.unwrap().unwrap();
    assert!(!source.growing.restart());
    assert_eq!(source.growing.written(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reader_sees_bytes_from_before_and_after_a_start_from_the_beginning() {
    for seed in 0..rounds() {
        let source = Arc::new(Source::new(seed, 1000, true));
        let old = Source {
            bytes: vec![0; 1000].into(),
            growing: source.growing.clone(),
            file: source.file.clone(),
        };
        let reading = tokio::spawn(read(source.growing.clone(), Wanted::default(), seed));
        let writer = source.clone();
        let is_restarted = tokio::task::spawn_blocking(move || {
            old.write(0, 500);
            thread::yield_now();
            let is_restarted = writer.growing.restart();
            if is_restarted {
                writer.write(0, 1000);
                writer.complete();
            } else {
                writer.fail();
            }
            is_restarted
        });
        let is_restarted = is_restarted.await.unwrap();
        let got = tokio::time::timeout(PATIENCE, reading)
            .await
            .unwrap()
            .unwrap();
        if is_restarted {
            assert_eq!(got.bytes, source.bytes);
        } else {
            assert!(got.bytes.iter().all(|byte| *byte == 0) && got.end.is_err());
        }
    }
}
