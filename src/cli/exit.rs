//! What a verb can fail with, the exit code of each failure, and how it is reported.

use std::{fmt::Write as _, io, path::PathBuf, process::ExitCode};

use artifact_cache_layers::{body::BoxError, digest::Sha256};
use http::StatusCode;
use serde_json::{Value, json};

use super::{client::ClientError, output};

/// The exit codes that scripts rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    Done = 0,
    Error = 1,
    Missing = 2,
    Credentials = 3,
    Mismatch = 4,
    Denied = 5,
    Unavailable = 6,
    Usage = 64,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a verb did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Missing(String),
    #[error("{0}")]
    Refused(Refusal),
    #[error("{what} does not have the expected digest: expected {expected}, got {actual}")]
    Mismatch {
        what: String,
        expected: Sha256,
        actual: Sha256,
    },
    #[error("{0}")]
    Damage(String),
    #[error("{0}")]
    Credentials(String),
    #[error("{0} damaged")]
    Damaged(usize),
    #[error("{0}")]
    Job(String),
    #[error("{0} inconsistencies are left; --repair mends them")]
    Inconsistent(u64),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("cannot {action} {}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("cannot write the output")]
    Output(#[source] io::Error),
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    #[error("artifact upload failed")]
    Upload(#[source] Box<Self>),
    #[error("the archive is refused: {0}")]
    Archive(String),
    #[error("interrupted")]
    Interrupted,
    #[error("not confirmed, nothing was removed")]
    Declined,
    #[error(transparent)]
    Local(BoxError),
}

/// An error that the server answered with.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The status of the answer.
    pub(super) status: StatusCode,
    /// The error object, `Null` when the answer had none.
    pub(super) body: Value,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.body["message"].as_str() {
            Some(message) => write!(f, "{message} ({})", self.code().unwrap_or("error")),
            None => write!(f, "the server answered {}", self.status),
        }
    }
}

impl Refusal {
    fn code(&self) -> Option<&str> {
        self.body["error"].as_str()
    }

    /// The machine code decides; the status does where an answer has no body, as to HEAD.
    fn exit(&self) -> Exit {
        match self.code() {
            Some("checksum_mismatch") => return Exit::Mismatch,
            Some("policy_denied") => return Exit::Denied,
            // The state is in the way, no digest: 409 alone stands for a mismatch.
            Some("conflict") => return Exit::Error,
            // The origin has no such artifact: as good as a miss, and not an outage.
            Some("upstream_error")
                if matches!(self.body["status_code"].as_u64(), Some(404 | 410)) =>
            {
                return Exit::Missing;
            }
            _ => {}
        }
        match self.status.as_u16() {
            401 | 407 => Exit::Credentials,
            403 if self.code().is_some() => Exit::Credentials,
            403 | 451 => Exit::Denied,
            404 | 410 => Exit::Missing,
            409 => Exit::Mismatch,
            502..=504 => Exit::Unavailable,
            _ => Exit::Error,
        }
    }
}

impl Failure {
    /// The exit code of this failure.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Missing(_) => Exit::Missing,
            Self::Refused(refusal) => refusal.exit(),
            Self::Mismatch { .. } | Self::Damaged(_) | Self::Damage(_) => Exit::Mismatch,
            Self::Upload(cause) => cause.exit(),
            Self::Credentials(_) => Exit::Credentials,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            _ => Exit::Error,
        }
    }

    /// Says on standard error what went wrong, and returns the exit code. A reader that has seen
    /// enough (`ls | head`) is not a failure.
    pub(super) fn report(&self, is_json: bool) -> Exit {
        let exit = self.exit();
        if exit != Exit::Done {
            let text = if is_json {
                self.object(exit)
            } else {
                self.text()
            };
            output::complain(&text);
        }
        exit
    }

    /// The message with its causes.
    fn text(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        format!("artifact-cache: {}", output::printable(&text))
    }

    fn object(&self, exit: Exit) -> String {
        let mut object = match self {
            Self::Refused(refusal) if refusal.body.is_object() => refusal.body.clone(),
            _ => json!({"error": self.name(), "message": self.text()}),
        };
        object["exit_code"] = json!(exit as u8);
        object.to_string()
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::Missing(_) => "not_found",
            Self::Refused(_) => "refused",
            Self::Mismatch { .. } | Self::Damage(_) => "checksum_mismatch",
            Self::Credentials(_) => "credentials",
            Self::Damaged(_) => "damaged",
            Self::Job(_) => "job_failed",
            Self::Inconsistent(_) => "inconsistent",
            Self::Client(_) => "server_unavailable",
            Self::Upload(_) => "upload_failed",
            Self::Archive(_) => "archive_refused",
            Self::Interrupted => "interrupted",
            Self::Declined => "declined",
            Self::File { .. } | Self::Output(_) | Self::Runtime(_) | Self::Local(_) => "error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit_of(status: u16, body: Value) -> Exit {
        let status = StatusCode::from_u16(status).unwrap();
        Failure::Refused(Refusal { status, body }).exit()
    }

    #[test]
    fn the_machine_code_of_an_answer_decides_the_exit_code() {
        for (status, body, exit) in [
            (409, json!({"error": "checksum_mismatch"}), Exit::Mismatch),
            (403, json!({"error": "policy_denied"}), Exit::Denied),
            (403, json!({"error": "forbidden"}), Exit::Credentials),
            (401, json!({"error": "unauthorized"}), Exit::Credentials),
            (404, json!({"error": "not_found"}), Exit::Missing),
            (
                502,
                json!({"error": "upstream_error", "status_code": 404}),
                Exit::Missing,
            ),
            (
                502,
                json!({"error": "upstream_error", "status_code": 500}),
                Exit::Unavailable,
            ),
            (
                503,
                json!({"error": "upstream_unavailable"}),
                Exit::Unavailable,
            ),
            (400, json!({"error": "invalid_parameter"}), Exit::Error),
            (500, json!({"error": "internal_error"}), Exit::Error),
        ] {
            assert_eq!(exit_of(status, body.clone()), exit, "{status} {body}");
        }
    }

    #[test]
    fn the_status_decides_where_there_is_no_body() {
        for (status, exit) in [
            (403, Exit::Denied),
            (404, Exit::Missing),
            (409, Exit::Mismatch),
            (502, Exit::Unavailable),
            (418, Exit::Error),
        ] {
            assert_eq!(exit_of(status, Value::Null), exit, "{status}");
        }
    }

    #[test]
    fn a_report_shows_the_causes_and_no_control_characters() {
        let failure = Failure::File {
            action: "write",
            path: "a\u{1b}[2J".into(),
            source: io::Error::other("disk full"),
        };
        assert_eq!(
            failure.text(),
            "artifact-cache: cannot write a\u{fffd}[2J: disk full"
        );
    }
}
