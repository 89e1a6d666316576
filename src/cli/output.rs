//! Standard output and standard error: text for people without control characters, JSON for scripts.

use std::io::{self, Write};

use serde::Serialize;

use super::exit::Failure;

/// Where a verb writes its result. Every write reports a reader that went away.
pub(super) struct Output {
    writer: Box<dyn Write>,
}

impl Output {
    /// Standard output.
    pub(super) fn standard() -> Self {
        Self::to(Box::new(io::stdout()))
    }

    /// Any writer.
    pub(super) fn to(writer: Box<dyn Write>) -> Self {
        Self { writer }
    }

    /// One line, as it is.
    pub(super) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())?;
        self.bytes(b"\n")
    }

    /// A name and its value, aligned with its neighbours.
    pub(super) fn pair(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        self.line(&format!("{name:<16}{}", printable(value)))
    }

    /// A JSON document for scripts.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::Output(io::Error::other(error)))?;
        self.line(&text)
    }

    /// Bytes of an artifact.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.writer.write_all(bytes).map_err(Failure::Output)
    }

    /// Hands on what is buffered.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.writer.flush().map_err(Failure::Output)
    }
}

/// One line on standard error. When that is gone too, the exit code still tells.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Text of others (URLs, messages) without what a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    let shown = |c: char| {
        if c.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    text.chars().map(shown).collect()
}

/// A number of bytes for people.
pub(super) fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}
