//! What a scripted origin answers: status, fields, body, framing, pace and fault, exactly as a test says.

use std::time::Duration;

use super::{content::Content, gate::Gate};
use crate::support::Ending;

/// A scripted response. Fields go out as they were given, in order, right or wrong.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(super) status: u16,
    pub(super) fields: Vec<(String, String)>,
    pub(super) content: Content,
    /// Where the body starts within `content`: a 206 sends a slice of it.
    pub(super) range: (u64, u64),
    pub(super) framing: Framing,
    pub(super) pace: Pace,
    pub(super) fault: Option<(u64, Fault)>,
    pub(super) raw: Option<Vec<u8>>,
    pub(super) ends_connection: bool,
    pub(super) honours_conditions: bool,
    pub(super) honours_ranges: bool,
    pub(super) content_range: Option<String>,
}

/// How the body is delimited.
#[derive(Clone, Debug)]
pub(super) enum Framing {
    /// A true Content-Length.
    Length,
    /// A Content-Length that says something else than what is sent.
    Claimed(u64),
    /// Chunks, with or without a fault, and what stands after the last one.
    Chunked(Chunks),
    /// The end of the connection is the end of the body.
    Close,
}

/// What is wrong with the chunks, if anything.
#[derive(Clone, Debug)]
pub(crate) enum Chunks {
    /// Nothing is wrong.
    Good,
    /// Good chunks, and these trailer fields after the last.
    Trailers(Vec<(String, String)>),
    /// The second chunk's size is this text.
    BadSize(String),
    /// No CRLF after the first chunk's data.
    NoDataEnd,
    /// The connection ends (FIN) where the last chunk should stand.
    NoLastChunk,
    /// Good chunks, then these bytes, as if they were another response.
    JunkAfterLast(Vec<u8>),
}

/// What happens in the middle of a body.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Cut(Ending),
    Stall,
}

/// When bytes leave.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    pub(super) head_delay: Duration,
    pub(super) head_byte_delay: Duration,
    pub(super) head_gate: Option<Gate>,
    pub(super) body_gate: Option<Gate>,
    pub(super) bytes_per_second: Option<u64>,
}

impl Reply {
    /// 200 with a true Content-Length, whatever the request asks for.
    pub(crate) fn ok(content: Content) -> Self {
        Self {
            status: 200,
            fields: Vec::new(),
            range: (0, content.length()),
            content,
            framing: Framing::Length,
            pace: Pace::default(),
            fault: None,
            raw: None,
            ends_connection: false,
            honours_conditions: false,
            honours_ranges: false,
            content_range: None,
        }
    }

    /// A well-behaved static file: strong validator, conditions and single ranges honoured.
    pub(crate) fn file(content: Content, etag: &str) -> Self {
        Self {
            honours_conditions: true,
            honours_ranges: true,
            ..Self::ok(content)
                .field("ETag", etag)
                .field("Accept-Ranges", "bytes")
        }
    }

    /// A short answer of this status.
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::ok(Content::literal(format!("scripted {status}\n")))
        }
    }

    /// The same with another status.
    pub(crate) fn saying_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// A redirect to `location`, absolute or relative.
    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).field("Location", location)
    }

    /// These bytes are the whole response, head included; then the connection ends.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            raw: Some(bytes.into()),
            ends_connection: true,
            ..Self::status(200)
        }
    }

    /// Adds a field line, even if there is one of that name.
    pub(crate) fn field(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// Declares `length` whatever the body is; the connection ends after the real body.
    pub(crate) fn claiming(mut self, length: u64) -> Self {
        self.framing = Framing::Claimed(length);
        self
    }

    /// Sends the body in chunks.
    pub(crate) fn chunked(mut self, chunks: Chunks) -> Self {
        self.framing = Framing::Chunked(chunks);
        self
    }

    /// Sends the body until the end of the connection.
    pub(crate) fn close_delimited(mut self) -> Self {
        self.framing = Framing::Close;
        self
    }

    /// Ends the connection after `body_bytes` of the body.
    pub(crate) fn cut_after(mut self, body_bytes: u64, ending: Ending) -> Self {
        self.fault = Some((body_bytes, Fault::Cut(ending)));
        self
    }

    /// Sends nothing more after `body_bytes` of the body, and keeps the connection open.
    pub(crate) fn stall_after(mut self, body_bytes: u64) -> Self {
        self.fault = Some((body_bytes, Fault::Stall));
        self
    }

    /// Sends the body no faster than this.
    pub(crate) fn throttled(mut self, bytes_per_second: u64) -> Self {
        self.pace.bytes_per_second = Some(bytes_per_second);
        self
    }

    /// Sends of the body what the gate lets pass.
    pub(crate) fn gated(mut self, gate: &Gate) -> Self {
        self.pace.body_gate = Some(gate.clone());
        self
    }

    /// Sends the head when the gate lets a byte pass.
    pub(crate) fn head_gated(mut self, gate: &Gate) -> Self {
        self.pace.head_gate = Some(gate.clone());
        self
    }

    /// Sends the head this much later.
    pub(crate) fn head_delayed(mut self, delay: Duration) -> Self {
        self.pace.head_delay = delay;
        self
    }

    /// Sends the head byte by byte with this pause after each.
    pub(crate) fn head_dripping(mut self, pause: Duration) -> Self {
        self.pace.head_byte_delay = pause;
        self
    }

    /// Ends the connection after this response without saying so before.
    pub(crate) fn then_close(mut self) -> Self {
        self.ends_connection = true;
        self
    }

    /// Leaves the connection open after a raw response.
    pub(crate) fn then_keep_open(mut self) -> Self {
        self.ends_connection = false;
        self
    }

    /// Answers single ranges, as long as `If-Range` holds.
    pub(crate) fn honouring_ranges(mut self) -> Self {
        self.honours_ranges = true;
        self
    }

    /// Answers every range with the whole representation.
    pub(crate) fn ignoring_ranges(mut self) -> Self {
        self.honours_ranges = false;
        self
    }

    /// Answers every conditional request with the whole representation.
    pub(crate) fn ignoring_conditions(mut self) -> Self {
        self.honours_conditions = false;
        self
    }

    /// Says this in the Content-Range of a 206 instead of the truth.
    pub(crate) fn lying_content_range(mut self, value: &str) -> Self {
        self.content_range = Some(value.to_owned());
        self
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}
