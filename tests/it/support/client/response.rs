//! A response as it was received, and how it ended.

use std::{
    io,
    time::{Duration, Instant},
};

use artifact_cache_layers::digest::Sha256;

/// How a response ended. Only the first four are complete responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// There is no body by rule: HEAD, 1xx, 204, 304, or 2xx to CONNECT.
    NoBody,
    /// As many bytes as Content-Length says.
    Length,
    /// The last chunk and the trailer section came.
    LastChunk,
    /// The body lasts until the connection ends, and it ended with a FIN.
    Close,
    /// The connection ended (FIN) too early; how many bytes of the Content-Length are missing, if it had one.
    Cut { missing: Option<u64> },
    /// The connection was reset (RST).
    Reset,
    /// Nothing came within the client's patience.
    Silence,
    /// What came is not HTTP/1.1, and why.
    BadFraming(String),
}

impl End {
    pub(crate) fn is_complete(&self) -> bool {
        matches!(
            self,
            Self::NoBody | Self::Length | Self::LastChunk | Self::Close
        )
    }

    pub(super) fn of(error: &io::Error, missing: Option<u64>) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionAborted => {
                Self::Cut { missing }
            }
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Silence,
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::Reset,
            _ => Self::BadFraming(error.to_string()),
        }
    }
}

/// Status line and fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Head {
    /// Reads a head strictly: CRLF line ends, no folding, no blank before the colon, no control characters.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|_| "a head that is not UTF-8".to_owned())?;
        let mut lines = text.trim_end_matches("\r\n").split("\r\n");
        let line = lines.next().unwrap_or_default();
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| {
            let (code, reason) = rest.split_once(' ')?;
            let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
            is_code.then(|| (code.parse().unwrap_or(0), reason.to_owned()))
        });
        let (status, reason) = status.ok_or_else(|| format!("the status line {line:?}"))?;
        let fields: Result<_, _> = lines.map(field).collect();
        Ok(Self {
            status,
            reason,
            fields: fields?,
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
}

/// Reads a field line strictly (RFC 9112 §5).
pub(super) fn field(line: &str) -> Result<(String, String), String> {
    let fault = || format!("the field line {line:?}");
    let (name, value) = line.split_once(':').ok_or_else(fault)?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_good = !name.is_empty() && name.bytes().all(is_token);
    if !is_good
        || value
            .bytes()
            .any(|byte| byte.is_ascii_control() && byte != b'\t')
    {
        return Err(fault());
    }
    Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}

/// A response, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    /// Status 0 if the head never came.
    pub(crate) head: Head,
    /// The body if it is at most [`Response::KEPT`] bytes long, else its beginning.
    pub(crate) kept: Vec<u8>,
    /// How many bytes of body came.
    pub(crate) length: u64,
    /// The digest of the bytes that came.
    pub(crate) sha256: Sha256,
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) end: End,
    /// From sending the request to the end of the head.
    pub(crate) head_after: Duration,
    /// From sending the request to the first byte of the body.
    pub(crate) first_byte_after: Option<Duration>,
    /// From sending the request to the end.
    pub(crate) took: Duration,
}

impl Response {
    /// How many bytes of a body are kept.
    pub(crate) const KEPT: usize = 1 << 20;

    pub(super) fn failed(end: End, started: Instant) -> Box<Self> {
        Box::new(Self {
            head: Head::default(),
            kept: Vec::new(),
            length: 0,
            sha256: Sha256::of(b""),
            trailers: Vec::new(),
            end,
            head_after: started.elapsed(),
            first_byte_after: None,
            took: started.elapsed(),
        })
    }

    pub(crate) fn status(&self) -> u16 {
        self.head.status
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.head.value(name)
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.end.is_complete()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.kept)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }

    /// Panics unless this is a complete 200 with exactly these bytes.
    #[track_caller]
    pub(crate) fn assert_is(&self, content: &crate::support::origin::Content) {
        assert_eq!(self.status(), 200, "{:?} {}", self.head, self.text());
        assert!(self.is_complete(), "the body ended by {:?}", self.end);
        assert_eq!(self.length, content.length());
        assert_eq!(self.sha256.to_string(), content.sha256().to_string());
    }
}
