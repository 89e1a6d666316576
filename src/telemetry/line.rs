//! How one event becomes one line: JSON for machines, text for people.

use std::fmt::{self, Write as _};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use super::{
    escape::{Escape, Quoted},
    timestamp::Timestamp,
};
use crate::{clock::Clock, config::logging::Format};

/// Writes events as lines. Spans are not written: an event carries its own fields.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    pub(super) format: Format,
    /// Whether levels are coloured; only in text.
    pub(super) colour: bool,
    pub(super) clock: Clock,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = *event.metadata().level();
        let fields = Fields::of(event);
        match self.format {
            Format::Json => self.json(&mut writer, level, &fields),
            Format::Text => self.text(&mut writer, level, &fields),
        }
    }
}

impl Lines {
    fn json(&self, writer: &mut Writer<'_>, level: Level, fields: &Fields) -> fmt::Result {
        let time = Timestamp(self.clock.now());
        let Fields { message, rest } = fields;
        write!(
            writer,
            r#"{{"time":"{time:#}","level":"{level}","msg":"{message}""#
        )?;
        for (name, value) in rest {
            write!(writer, r#","{name}":{value}"#)?;
        }
        writer.write_str("}\n")
    }

    fn text(&self, writer: &mut Writer<'_>, level: Level, fields: &Fields) -> fmt::Result {
        let (on, off) = if self.colour {
            (colour(level), "\x1b[0m")
        } else {
            ("", "")
        };
        let time = Timestamp(self.clock.now());
        write!(writer, "{time:#} {on}{level:>5}{off} {}", fields.message)?;
        for (name, value) in &fields.rest {
            write!(writer, " {name}={}", unquoted(value))?;
        }
        writer.write_str("\n")
    }
}

/// A string without its quotes, where they are not needed to see where it ends.
fn unquoted(value: &str) -> &str {
    let inner = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    match inner {
        Some(inner) if !inner.is_empty() && !inner.contains([' ', '"', '=', '\\']) => inner,
        _ => value,
    }
}

const fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG | Level::TRACE => "\x1b[2m",
    }
}

/// The fields of an event: the message escaped, every other one as JSON.
#[derive(Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, String)>,
}

impl Fields {
    fn of(event: &Event<'_>) -> Self {
        let mut fields = Self::default();
        event.record(&mut fields);
        fields
    }

    fn raw(&mut self, field: &Field, value: String) {
        let name = match field.name() {
            // These three are the line's own.
            "time" => "field_time",
            "level" => "field_level",
            "msg" => "field_msg",
            name => name.strip_prefix("r#").unwrap_or(name),
        };
        self.rest.push((name, value));
    }

    fn quoted(&mut self, field: &Field, text: &str) {
        if field.name() == "message" {
            // Writing to a string does not fail.
            let _ = Escape(&mut self.message).write_str(text);
        } else {
            self.raw(field, Quoted(text).to_string());
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.quoted(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.quoted(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let causes = std::iter::successors(Some(value), |error| error.source());
        let texts: Vec<String> = causes.map(ToString::to_string).collect();
        self.quoted(field, &texts.join(": "));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.raw(field, value.to_string());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.raw(field, value.to_string());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.raw(field, value.to_string());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has neither infinity nor "not a number": they become null.
        self.raw(field, serde_json::Value::from(value).to_string());
    }
}
