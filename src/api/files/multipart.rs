//! Reads a `multipart/form-data` body (RFC 7578, RFC 2046 §5.1) as it arrives: the bytes of a part leave
//! as they came in, whatever its size, and only what may be the beginning of a boundary is held back.

use artifact_cache_layers::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt as _;
use memchr::memmem::Finder;

/// Longest boundary (RFC 2046 §5.1.1), in bytes.
const MAX_BOUNDARY: usize = 70;
/// Largest head of a part, in bytes.
const MAX_HEAD: usize = 16 << 10;
/// Most that stands before the first boundary or in one gap, in bytes.
const MAX_PREAMBLE: usize = 64 << 10;

/// A body that is read part by part.
pub(super) struct Multipart {
    body: Body,
    /// What was received and not given out.
    buffer: BytesMut,
    delimiter: Finder<'static>,
    is_over: bool,
    /// Takes each piece of the message as it arrived.
    arrived: Vec<Bytes>,
    keeps_arrived: bool,
}

/// The head of a part.
pub(super) struct Part {
    /// Name of the form's field.
    pub(super) name: String,
    /// Media type, if the part names one.
    pub(super) content_type: Option<HeaderValue>,
    /// All its fields.
    pub(super) fields: HeaderMap,
}

/// Why a body cannot be read as parts.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidMultipart {
    #[error("the multipart body has no valid boundary parameter")]
    Boundary,
    #[error("the multipart body ends before its last boundary")]
    Truncated,
    #[error("a part of the multipart body has no valid head")]
    Head,
    #[error("what stands before a part is too long")]
    Preamble,
    #[error("the request body broke off: {0}")]
    Body(artifact_cache_layers::body::BoxError),
}

type Result<T, E = InvalidMultipart> = std::result::Result<T, E>;

/// The boundary that a media type names; `None` when it is none of form data.
pub(super) fn boundary(content_type: &HeaderValue) -> Option<Result<String>> {
    let text = content_type.to_str().ok()?;
    let (kind, parameters) = text.split_once(';').unwrap_or((text, ""));
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let found = parameter(parameters, "boundary").filter(|boundary| {
        let is_legal = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        !boundary.is_empty()
            && boundary.len() <= MAX_BOUNDARY
            && boundary.bytes().all(is_legal)
            && !boundary.ends_with(' ')
    });
    Some(found.ok_or(InvalidMultipart::Boundary))
}

impl Multipart {
    /// Reads `body`; with `keeps_arrived` the whole message can be taken with [`Multipart::arrived`].
    pub(super) fn new(body: Body, boundary: &str, keeps_arrived: bool) -> Self {
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        Self {
            body,
            // The first delimiter has no line end before it when nothing stands there.
            buffer: BytesMut::from(&b"\r\n"[..]),
            delimiter: Finder::new(&delimiter).into_owned(),
            is_over: false,
            arrived: Vec::new(),
            keeps_arrived,
        }
    }

    /// The pieces of the message that arrived since the last call.
    pub(super) fn arrived(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.arrived)
    }

    /// The head of the next part, `None` after the last. The part before must have been read to its end.
    pub(super) async fn next_part(&mut self) -> Result<Option<Part>> {
        if self.is_over {
            return Ok(None);
        }
        if !self.delimiter_is_next() {
            self.skip_preamble().await?;
        }
        let length = self.delimiter.needle().len();
        drop(self.buffer.split_to(length));
        self.at_least(2).await?;
        if self.buffer.starts_with(b"--") {
            self.is_over = true;
            return self.drain().await.map(|()| None);
        }
        let head = self.head().await?;
        part(&head).map(Some)
    }

    fn delimiter_is_next(&self) -> bool {
        self.buffer.starts_with(self.delimiter.needle())
    }

    /// "There appears to be room for additional information prior to the first boundary delimiter line
    /// […] implementations must ignore anything that appears before" it (RFC 2046 §5.1.1).
    async fn skip_preamble(&mut self) -> Result<()> {
        loop {
            if let Some(at) = self.delimiter.find(&self.buffer) {
                drop(self.buffer.split_to(at));
                return Ok(());
            }
            if self.buffer.len() > MAX_PREAMBLE {
                return Err(InvalidMultipart::Preamble);
            }
            self.more().await?;
        }
    }

    /// The lines up to the empty one, without the white space that may follow a delimiter.
    async fn head(&mut self) -> Result<Vec<u8>> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                let head = self.buffer.split_to(at + 4);
                let line = memchr::memmem::find(&head, b"\r\n").unwrap_or(0);
                let is_padding = head[..line].iter().all(|byte| matches!(byte, b' ' | b'\t'));
                return if is_padding {
                    Ok(head[line + 2..].to_vec())
                } else {
                    Err(InvalidMultipart::Head)
                };
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(InvalidMultipart::Head);
            }
            self.more().await?;
        }
    }

    /// The next bytes of this part, `None` at its end.
    pub(super) async fn data(&mut self) -> Result<Option<Bytes>> {
        loop {
            if self.delimiter_is_next() {
                return Ok(None);
            }
            let free = self.free_of_delimiters();
            if free > 0 {
                return Ok(Some(self.buffer.split_to(free).freeze()));
            }
            self.more().await?;
        }
    }

    /// How many of the buffered bytes belong to the part for certain.
    fn free_of_delimiters(&self) -> usize {
        if let Some(at) = self.delimiter.find(&self.buffer) {
            return at;
        }
        let delimiter = self.delimiter.needle();
        let tail = self.buffer.len().saturating_sub(delimiter.len() - 1);
        let begins = |at: &usize| delimiter.starts_with(&self.buffer[*at..]);
        (tail..self.buffer.len())
            .find(begins)
            .unwrap_or(self.buffer.len())
    }

    async fn at_least(&mut self, length: usize) -> Result<()> {
        while self.buffer.len() < length {
            self.more().await?;
        }
        Ok(())
    }

    /// What follows the last part is of no interest, but it has to have arrived.
    async fn drain(&mut self) -> Result<()> {
        self.buffer.clear();
        while self.receive().await?.is_some() {}
        Ok(())
    }

    async fn more(&mut self) -> Result<()> {
        let bytes = self.receive().await?.ok_or(InvalidMultipart::Truncated)?;
        if self.buffer.is_empty() {
            // The piece itself, where nobody else has it: no copy on the way through.
            self.buffer = bytes
                .try_into_mut()
                .unwrap_or_else(|bytes| BytesMut::from(&bytes[..]));
        } else {
            self.buffer.extend_from_slice(&bytes);
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<Option<Bytes>> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(InvalidMultipart::Body)?;
            if let Ok(bytes) = frame.into_data() {
                if self.keeps_arrived {
                    self.arrived.push(bytes.clone());
                }
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

/// A part by the lines of its head.
fn part(head: &[u8]) -> Result<Part> {
    let mut fields = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        let colon = memchr::memchr(b':', line).ok_or(InvalidMultipart::Head)?;
        let name = HeaderName::from_bytes(&line[..colon]).map_err(|_| InvalidMultipart::Head)?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        fields.append(name, value.map_err(|_| InvalidMultipart::Head)?);
    }
    let disposition = fields.get(http::header::CONTENT_DISPOSITION);
    let disposition = disposition.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let disposition = disposition.ok_or(InvalidMultipart::Head)?;
    let (kind, parameters) = disposition.split_once(';').ok_or(InvalidMultipart::Head)?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return Err(InvalidMultipart::Head);
    }
    Ok(Part {
        name: parameter(parameters, "name").ok_or(InvalidMultipart::Head)?,
        content_type: fields.get(http::header::CONTENT_TYPE).cloned(),
        fields,
    })
}

/// A parameter of a field's value, without quotes.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    while !rest.trim().is_empty() {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim().trim_start_matches(';').trim();
        let (value, after) = value(after)?;
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
    None
}

/// A token or a quoted string, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return Some((text[..end].trim().to_owned(), &text[end..]));
    };
    let (mut value, mut is_escaped) = (String::new(), false);
    for (at, character) in quoted.char_indices() {
        match character {
            '"' if !is_escaped => return Some((value, &quoted[at + 1..])),
            '\\' if !is_escaped => is_escaped = true,
            other => {
                value.push(other);
                is_escaped = false;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
