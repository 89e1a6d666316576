//! What a client reads about an error: a sentence, and facts by name. Neither carries a path of this
//! machine, a stack or the text of a library.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::Error;

/// The longest part of a request or a library's text that is repeated to the client, in characters.
const LONGEST: usize = 200;
/// The same for a text that is a message of its own, which may name a long path.
const LONGEST_MESSAGE: usize = 4200;

/// Facts about an error, each under its own name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts(Vec<(&'static str, Value)>);

impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Error {
    /// One sentence for the client.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::MissingParameter { parameter } => {
                format!("Missing required '{parameter}' parameter")
            }
            Self::InvalidParameter { parameter, reason }
            | Self::UnprocessableParameter { parameter, reason } => {
                format!("Invalid '{parameter}' parameter: {}", shortened(reason))
            }
            Self::UnknownParameter { name } => {
                format!(
                    "Unknown parameter '{}'; percent-encode url if it is a part of it",
                    shortened(name)
                )
            }
            Self::MethodNotAllowed { allow } => format!("Method not allowed; use {allow}"),
            Self::ChecksumMismatch { .. } => {
                "Artifact checksum does not match expected value".into()
            }
            Self::UpstreamStatus { status_code, .. } => {
                format!("Upstream server returned status {}", status_code.as_u16())
            }
            Self::UpstreamUnavailable { .. } => "Upstream server timeout or unreachable".into(),
            Self::UpstreamUntrusted { reason, .. } => {
                format!("The origin's certificate is not trusted: {reason}")
            }
            Self::Misdirected { reason } => shortened(reason),
            Self::StorageFailed { .. } => "Failed to write to cache storage".into(),
            Self::PolicyDenied { rule, what } => format!("Denied by {rule}: {}", shortened(what)),
            Self::BadRequest { reason } => {
                format!("The request is malformed: {}", shortened(reason))
            }
            Self::Unauthorized { reason } | Self::ProxyUnauthorized { reason } => {
                format!("Unauthorized: {reason}")
            }
            Self::Forbidden { reason } => format!("Forbidden: {}", shortened(reason)),
            _ => self.message_of_local_route(),
        }
    }

    fn message_of_local_route(&self) -> String {
        match self {
            Self::InvalidInput { message }
            | Self::Absent { message }
            | Self::PreconditionFailed { message }
            | Self::Conflict { message } => {
                let shown = message.chars().filter(|c| !c.is_control());
                shown.take(LONGEST_MESSAGE).collect()
            }
            Self::PointerNotFound => "artifact pointer not found".into(),
            Self::DigestMismatch { algorithm, .. } => {
                format!("The {algorithm} of the upload is not the announced one")
            }
            Self::TooLong { limit, what } => format!("{what} too large (max {limit} bytes)"),
            Self::InvalidKey { detail } | Self::NotConfigured { detail } => (*detail).into(),
            Self::PayloadTooLarge { limit } => format!("More than {limit} bytes are not accepted"),
            _ => self.entry().title.into(),
        }
    }

    /// The facts that belong to this error.
    pub(crate) fn facts(&self) -> Facts {
        let mut facts = self.own_facts();
        facts.extend(self.reason().map(|reason| ("reason", reason.into())));
        facts.extend(self.source_url().map(|url| ("source_url", url.into())));
        Facts(facts)
    }

    fn own_facts(&self) -> Vec<(&'static str, Value)> {
        match self {
            Self::MissingParameter { parameter }
            | Self::InvalidParameter { parameter, .. }
            | Self::UnprocessableParameter { parameter, .. } => {
                vec![("parameter", (*parameter).into())]
            }
            Self::UnknownParameter { name } => vec![("parameter", shortened(name).into())],
            Self::ChecksumMismatch {
                expected, actual, ..
            } => {
                vec![
                    ("expected", expected.to_string().into()),
                    ("actual", actual.to_string().into()),
                ]
            }
            Self::UpstreamStatus { status_code, .. } => {
                vec![("status_code", status_code.as_u16().into())]
            }
            Self::UpstreamTruncated {
                received, expected, ..
            } => {
                vec![
                    ("received_bytes", (*received).into()),
                    ("expected_bytes", (*expected).into()),
                ]
            }
            Self::ArtifactTooLarge { limit, size, .. } => {
                vec![("limit", (*limit).into()), ("size", (*size).into())]
            }
            Self::PolicyDenied { rule, .. } => vec![("rule", rule.as_str().into())],
            Self::StorageFailed { details } | Self::Internal { details } => {
                vec![("details", without_paths(details).into())]
            }
            other => other.upload_facts(),
        }
    }

    fn upload_facts(&self) -> Vec<(&'static str, Value)> {
        match self {
            Self::DigestMismatch {
                expected, actual, ..
            } => vec![
                ("expected", expected.as_str().into()),
                ("actual", actual.as_str().into()),
            ],
            Self::PayloadTooLarge { limit } | Self::TooLong { limit, .. } => {
                vec![("limit", (*limit).into())]
            }
            _ => Vec::new(),
        }
    }

    fn reason(&self) -> Option<String> {
        match self {
            Self::UpstreamUnavailable { reason, .. } => Some(reason.word().into()),
            Self::InvalidParameter { reason, .. }
            | Self::UnprocessableParameter { reason, .. }
            | Self::UpstreamInvalid { reason, .. }
            | Self::Forbidden { reason }
            | Self::Misdirected { reason }
            | Self::BadRequest { reason } => Some(shortened(reason)),
            Self::UpstreamStatus { explained, .. } => explained.as_deref().map(shortened),
            Self::Unauthorized { reason }
            | Self::ProxyUnauthorized { reason }
            | Self::RateLimited { reason, .. }
            | Self::UpstreamUntrusted { reason, .. } => Some((*reason).into()),
            _ => None,
        }
    }

    /// The artifact, when the error is about one.
    #[must_use]
    pub fn source_url(&self) -> Option<&str> {
        match self {
            Self::ChecksumMismatch { source_url, .. }
            | Self::UpstreamStatus { source_url, .. }
            | Self::UpstreamTruncated { source_url, .. }
            | Self::UpstreamInvalid { source_url, .. }
            | Self::UpstreamUntrusted { source_url, .. }
            | Self::ArtifactTooLarge { source_url, .. }
            | Self::UpstreamUnavailable { source_url, .. }
            | Self::TooManyRedirects { source_url } => Some(source_url),
            _ => None,
        }
    }
}

/// The beginning of a text, without control characters.
fn shortened(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(LONGEST)
        .collect()
}

/// A text in which every word that looks like a path is left out.
fn without_paths(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        if word.contains(['/', '\\']) {
            "[path]"
        } else {
            word
        }
    });
    shortened(&words.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_control_characters_never_reach_a_client() {
        assert_eq!(
            without_paths("cannot open \"/data/cache/ab\": disk full"),
            "cannot open [path] disk full"
        );
        assert_eq!(without_paths("disk full"), "disk full");
        assert_eq!(shortened("a\x1b[0m\r\n"), "a[0m");
        assert_eq!(shortened(&"é".repeat(300)).chars().count(), LONGEST);
    }
}
