//! Log lines on their way out. A slow reader of standard output must not stop a transfer, so lines wait
//! in a bounded queue for a thread of their own, and are dropped and counted when it is full.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

use super::instrument::Counter;

/// How many bytes may wait: some ten thousand lines.
const MOST_WAITING: usize = 4 << 20;

/// How many bytes leave in one write.
const BATCH: usize = 64 << 10;

/// How long the end of the program waits for a reader that does not read.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// The way in; clones share the queue.
#[derive(Clone)]
pub(super) struct Queue {
    sender: Sender<Entry>,
    waiting: Arc<AtomicUsize>,
    dropped: Counter,
}

enum Entry {
    Line(Vec<u8>),
    /// Everything before this was written when the other end hears of it.
    Flush(Sender<()>),
}

/// Starts the thread that writes to `output`. It ends when the last [`Queue`] is dropped.
///
/// # Errors
/// When the thread cannot be started.
pub(super) fn start(output: impl Write + Send + 'static, dropped: Counter) -> io::Result<Queue> {
    let (sender, entries) = mpsc::channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let pump = Pump {
        entries,
        waiting: Arc::clone(&waiting),
        dropped: dropped.clone(),
        output,
    };
    thread::Builder::new()
        .name("log".into())
        .spawn(|| pump.run())?;
    Ok(Queue {
        sender,
        waiting,
        dropped,
    })
}

impl Queue {
    /// Waits until what was logged before is written, but not for ever.
    pub(super) fn flush(&self) {
        let (done, written) = mpsc::channel();
        if self.sender.send(Entry::Flush(done)).is_ok() {
            let _: Result<(), RecvTimeoutError> = written.recv_timeout(LAST_WAIT);
        }
    }

    fn push(&self, line: &[u8]) {
        // Approximate is enough: the bound is on memory, not on an invariant.
        if self.waiting.load(Ordering::Relaxed) + line.len() > MOST_WAITING {
            self.dropped.increment();
            return;
        }
        self.waiting.fetch_add(line.len(), Ordering::Relaxed);
        if self.sender.send(Entry::Line(line.to_vec())).is_err() {
            self.dropped.increment();
        }
    }
}

/// One event arrives in one call.
impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Queue {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The thread's side.
struct Pump<W> {
    entries: Receiver<Entry>,
    waiting: Arc<AtomicUsize>,
    dropped: Counter,
    output: W,
}

impl<W: Write> Pump<W> {
    fn run(mut self) {
        while let Ok(entry) = self.entries.recv() {
            let mut batch = Batch::default();
            batch.add(entry);
            // Lines that wait already leave in one write; a quiet moment holds none back.
            while batch.bytes.len() < BATCH
                && let Ok(entry) = self.entries.try_recv()
            {
                batch.add(entry);
            }
            self.write(batch);
        }
    }

    fn write(&mut self, batch: Batch) {
        let written = self
            .output
            .write_all(&batch.bytes)
            .and_then(|()| self.output.flush());
        if written.is_err() {
            self.dropped.add(batch.lines);
        }
        self.waiting.fetch_sub(batch.bytes.len(), Ordering::Relaxed);
        for done in batch.flushes {
            // Whoever waited may have given up.
            let _ = done.send(());
        }
    }
}

#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    lines: u64,
    flushes: Vec<Sender<()>>,
}

impl Batch {
    fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Line(line) => {
                self.bytes.extend_from_slice(&line);
                self.lines += 1;
            }
            Entry::Flush(done) => self.flushes.push(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;
    use crate::telemetry::metrics::Metrics;

    /// An output that takes nothing until it is opened.
    #[derive(Clone, Default)]
    struct Gate(Arc<State>);

    #[derive(Default)]
    struct State {
        open: Mutex<bool>,
        opened: Condvar,
        lines: AtomicUsize,
    }

    impl Gate {
        fn open(&self) {
            *self.0.open.lock().unwrap() = true;
            self.0.opened.notify_all();
        }

        fn lines(&self) -> usize {
            self.0.lines.load(Ordering::SeqCst)
        }
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let open = self.0.open.lock().unwrap();
            drop(self.0.opened.wait_while(open, |open| !*open).unwrap());
            let lines = bytes.split(|byte| *byte == b'\n').count() - 1;
            self.0.lines.fetch_add(lines, Ordering::SeqCst);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_does_not_read_stops_nobody_and_what_it_misses_is_counted() {
        let (gate, metrics) = (Gate::default(), Metrics::new());
        let queue = start(gate.clone(), metrics.log_lines_dropped.clone()).unwrap();
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        let sent = 2 * MOST_WAITING / line.len();
        for _ in 0..sent {
            queue.push(&line);
        }
        assert_eq!(gate.lines(), 0);
        gate.open();
        queue.flush();
        assert_eq!(gate.lines(), MOST_WAITING / line.len());
        let dropped = sent - gate.lines();
        assert!(metrics.render().contains(&format!(
            "artifact_cache_log_lines_dropped_total {dropped}\n"
        )));

        // There is room again.
        queue.push(&line);
        queue.flush();
        assert_eq!(gate.lines(), sent - dropped + 1);
    }

    #[test]
    fn lines_for_a_closed_output_are_counted() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let metrics = Metrics::new();
        let queue = start(Closed, metrics.log_lines_dropped.clone()).unwrap();
        queue.push(b"lost\n");
        queue.flush();
        assert!(
            metrics
                .render()
                .contains("artifact_cache_log_lines_dropped_total 1\n")
        );
    }
}
