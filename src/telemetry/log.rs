//! The log: one line an event on standard output, at a level that can be changed while it runs.

use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
};

use tracing::Dispatch;
use tracing_subscriber::{EnvFilter, Registry, layer::SubscriberExt as _, reload};

use super::{
    instrument::Counter,
    level::{self, InvalidLevel},
    line::Lines,
    writer::{self, Queue},
};
use crate::{
    clock::Clock,
    config::logging::{Format, Logging},
};

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is not valid.
    #[error("cannot start the log")]
    Level(#[from] InvalidLevel),
    /// The thread that writes could not be started.
    #[error("cannot start the thread of the log")]
    Thread(#[from] io::Error),
    /// The process has a log already.
    #[error("the log was started twice")]
    Twice,
}

/// A handle on the log. Dropping the last one waits, up to a second, until everything is written.
#[derive(Clone)]
pub struct Log(Arc<Running>);

struct Running {
    level: reload::Handle<EnvFilter, Registry>,
    queue: Queue,
}

/// Makes standard output the log of the whole process.
///
/// # Errors
/// When the level is not valid, no thread can be started, or there is a log already.
pub fn start(
    settings: &Logging,
    clock: Clock,
    environment: &[(String, String)],
    dropped: Counter,
) -> Result<Log, LogError> {
    let colour =
        settings.format == Format::Text && wants_colour(environment, io::stdout().is_terminal());
    let lines = Lines {
        format: settings.format,
        colour,
        clock,
    };
    let (dispatch, log) = assemble(settings, lines, io::stdout(), dropped)?;
    tracing::dispatcher::set_global_default(dispatch).map_err(|_| LogError::Twice)?;
    Ok(log)
}

/// A log that writes to `output` instead, for whoever makes `Dispatch` their default. Never coloured.
///
/// # Errors
/// When the level is not valid or no thread can be started.
pub fn to(
    settings: &Logging,
    clock: Clock,
    output: impl Write + Send + 'static,
    dropped: Counter,
) -> Result<(Dispatch, Log), LogError> {
    assemble(
        settings,
        Lines {
            format: settings.format,
            colour: false,
            clock,
        },
        output,
        dropped,
    )
}

fn assemble(
    settings: &Logging,
    lines: Lines,
    output: impl Write + Send + 'static,
    dropped: Counter,
) -> Result<(Dispatch, Log), LogError> {
    let (filter, level) = reload::Layer::new(level::parse(&settings.level)?);
    let queue = writer::start(output, dropped)?;
    let layer = tracing_subscriber::fmt::layer()
        .event_format(lines)
        .with_writer(queue.clone());
    let subscriber = tracing_subscriber::registry().with(filter).with(layer);
    Ok((
        Dispatch::new(subscriber),
        Log(Arc::new(Running { level, queue })),
    ))
}

/// Whether text for people is coloured: on a terminal, unless `NO_COLOR` says otherwise
/// (<https://no-color.org>: set and not empty).
fn wants_colour(environment: &[(String, String)], is_terminal: bool) -> bool {
    is_terminal
        && !environment
            .iter()
            .any(|(name, value)| name == "NO_COLOR" && !value.is_empty())
}

impl Log {
    /// Changes what is logged from now on.
    ///
    /// # Errors
    /// When `text` is no level and no list of filters; nothing changes then.
    pub fn set_level(&self, text: &str) -> Result<(), InvalidLevel> {
        let filter = level::parse(text)?;
        // The one failure is that the log is gone, and then there is nothing to filter.
        let _ = self.0.level.reload(filter);
        Ok(())
    }

    /// Waits, up to a second, until everything logged so far is written.
    pub fn flush(&self) {
        self.0.queue.flush();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.queue.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_whose_owner_does_not_refuse_them() {
        let refuse = |value: &str| [("NO_COLOR".to_owned(), value.to_owned())];
        assert!(wants_colour(&[], true));
        assert!(wants_colour(&refuse(""), true));
        assert!(!wants_colour(&refuse("1"), true));
        assert!(!wants_colour(&[], false));
    }
}
