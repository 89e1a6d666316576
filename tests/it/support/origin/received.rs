//! A request as the origin read it, for assertions.

use super::{AtomicU64, Instant, Ordering};

/// A request and what was sent for it.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// The request target as it stood in the request line.
    pub(crate) target: String,
    /// Names as they were written.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// When the head was complete.
    pub(crate) at: Instant,
    /// Number of the connection, in order of acceptance.
    pub(crate) connection: usize,
    pub(super) sent: AtomicU64,
}

impl Received {
    /// Reads a request head; `None` when it is none.
    pub(super) fn parse(head: &str, connection: usize) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let fields = lines.filter_map(|line| line.split_once(':'));
        Some(Self {
            method,
            target,
            fields: fields
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect(),
            body: Vec::new(),
            at: Instant::now(),
            connection,
            sent: AtomicU64::new(0),
        })
    }

    /// The first value of the field.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values(name).into_iter().next()
    }

    /// Every value of the field, line by line.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let fields = self.fields.iter();
        fields
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The target without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// How many body bytes were given to the socket for it.
    pub(crate) fn bytes_sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}
