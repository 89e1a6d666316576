//! Which heads of responses leave it open where their body ends (RFC 9112 §6.3).

use artifact_cache_layers::extensions::Mode;
use http::{
    HeaderMap, Response, StatusCode,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

/// A head that two readers could take to mean two different bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFraming {
    /// More than one length, or one that is no number.
    #[error("the Content-Length is repeated or not a number")]
    ContentLength,
    /// A transfer coding that is neither `chunked` nor unheard of.
    #[error("the Transfer-Encoding is not `chunked`")]
    TransferEncoding,
    /// A change of protocol that nobody asked for.
    #[error("the protocol is switched unasked")]
    Switched,
    /// Both at once.
    #[error("both Content-Length and Transfer-Encoding are given")]
    Both,
}

/// "A sender MUST NOT send a Content-Length header field in any message that contains a
/// Transfer-Encoding header field." (§6.2) hyper reads such messages by the Transfer-Encoding; the
/// next reader may not, so nothing of the kind is taken.
///
/// A coding of a name that nobody registered is let through where an origin's word counts: the body
/// then ends with the connection (§6.3), so its end is not in doubt, and there is nothing that anybody
/// could decode.
pub(super) fn check<B>(response: &Response<B>, mode: Mode) -> Result<(), BadFraming> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(BadFraming::Switched);
    }
    match check_fields(response.headers()) {
        Err(BadFraming::TransferEncoding) if is_unheard_of(response.headers(), mode) => Ok(()),
        checked => checked,
    }
}

fn check_fields(fields: &HeaderMap) -> Result<(), BadFraming> {
    let mut lengths = fields.get_all(CONTENT_LENGTH).iter();
    let mut codings = fields.get_all(TRANSFER_ENCODING).iter();
    let (length, coding) = (lengths.next(), codings.next());
    if length.is_some() && coding.is_some() {
        return Err(BadFraming::Both);
    }
    let digits = |value: &[u8]| !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    if lengths.next().is_some() || length.is_some_and(|length| !digits(length.as_bytes())) {
        return Err(BadFraming::ContentLength);
    }
    let chunked = |value: &[u8]| value.eq_ignore_ascii_case(b"chunked");
    if codings.next().is_some() || coding.is_some_and(|coding| !chunked(coding.as_bytes())) {
        return Err(BadFraming::TransferEncoding);
    }
    Ok(())
}

/// Whether the only transfer coding is a plain word that stands for none and resembles none.
fn is_unheard_of(fields: &HeaderMap, mode: Mode) -> bool {
    let mut codings = fields.get_all(TRANSFER_ENCODING).iter();
    let (coding, second) = (codings.next(), codings.next());
    let word = coding.map(|coding| coding.as_bytes().to_ascii_lowercase());
    let (Some(word), None, false) = (word, second, mode.is_archive()) else {
        return false;
    };
    let is_word = !word.is_empty() && word.iter().all(u8::is_ascii_alphanumeric);
    let text = String::from_utf8_lossy(&word);
    is_word && !KNOWN.iter().any(|known| text.contains(known))
}

/// The codings of RFC 9112 §7, and the one that RFC 7230 withdrew.
const KNOWN: [&str; 5] = ["chunk", "compress", "deflate", "gzip", "identity"];

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(fields: &[(&'static str, &'static str)]) -> Result<(), BadFraming> {
        let fields = fields
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        check_fields(&fields.collect())
    }

    #[test]
    fn one_length_or_one_chunked_is_right() {
        assert_eq!(checked(&[]), Ok(()));
        assert_eq!(checked(&[("content-length", "0")]), Ok(()));
        assert_eq!(checked(&[("transfer-encoding", "Chunked")]), Ok(()));
    }

    #[test]
    fn everything_else_is_refused() {
        for length in ["5, 5", "+5", "", "0x5", "5 "] {
            let refused = checked(&[("content-length", length)]);
            assert_eq!(refused, Err(BadFraming::ContentLength), "{length:?}");
        }
        for coding in ["gzip, chunked", "chunked, chunked", "identity", "xchunked"] {
            let refused = checked(&[("transfer-encoding", coding)]);
            assert_eq!(refused, Err(BadFraming::TransferEncoding), "{coding:?}");
        }
        let both = [("content-length", "5"), ("transfer-encoding", "chunked")];
        assert_eq!(checked(&both), Err(BadFraming::Both));
    }

    #[test]
    fn only_a_coding_nobody_knows_leaves_the_body_to_the_end_of_the_connection() {
        let check = |coding: &str, mode| {
            let response = Response::builder().header("transfer-encoding", coding);
            super::check(&response.body(()).unwrap(), mode)
        };
        assert_eq!(check("quux", Mode::Forward), Ok(()));
        assert_eq!(
            check("quux", Mode::Explicit),
            Err(BadFraming::TransferEncoding)
        );
        for coding in [
            "xchunked",
            "gzip",
            "identity",
            "quux, chunked",
            "quux;q=1",
            "",
            "x-y",
        ] {
            let refused = check(coding, Mode::Forward);
            assert_eq!(refused, Err(BadFraming::TransferEncoding), "{coding:?}");
        }
    }

    #[test]
    fn repeated_fields_are_refused() {
        let mut fields = HeaderMap::new();
        fields.append("content-length", "5".parse().unwrap());
        fields.append("content-length", "5".parse().unwrap());
        assert_eq!(check_fields(&fields), Err(BadFraming::ContentLength));
    }
}
