//! The query of an explicit fetch. Every name is known, occurs once and is decoded once; `+` is a plus
//! sign, because a space is never legal in a URL.

use std::borrow::Cow;

use super::error::{Fault, InvalidTarget};

/// The decoded values, absent where the name is absent.
#[derive(Default)]
pub(super) struct Parameters<'a> {
    pub(super) url: Option<Cow<'a, str>>,
    pub(super) sha256: Option<Cow<'a, str>>,
    pub(super) mode: Option<Cow<'a, str>>,
}

impl<'a> Parameters<'a> {
    pub(super) fn read(query: &'a str) -> Result<Self, InvalidTarget> {
        let mut given = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (parameter, slot) = given.slot(name)?;
            let invalid = |fault| InvalidTarget::InvalidParameter { parameter, fault };
            let value = percent_decoded(value).map_err(invalid)?;
            if slot.replace(value).is_some() {
                return Err(invalid(Fault::Repeated));
            }
        }
        Ok(given)
    }

    fn slot(
        &mut self,
        name: &str,
    ) -> Result<(&'static str, &mut Option<Cow<'a, str>>), InvalidTarget> {
        match name {
            "url" => Ok(("url", &mut self.url)),
            "sha256" => Ok(("sha256", &mut self.sha256)),
            "mode" => Ok(("mode", &mut self.mode)),
            _ => Err(InvalidTarget::UnknownParameter {
                parameter: name.to_owned(),
            }),
        }
    }
}

/// Decodes `%xx` once. A stray `%` is refused rather than kept: it shows that the client did not
/// encode, and then its other bytes do not mean what it thinks.
fn percent_decoded(text: &str) -> Result<Cow<'_, str>, Fault> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut pieces = text.split('%');
    decoded.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).ok_or(Fault::PercentEncoding)?;
        decoded.push(from_hex(digits).ok_or(Fault::PercentEncoding)?);
        decoded.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| Fault::NotUtf8)
}

fn from_hex(digits: &str) -> Option<u8> {
    // `from_str_radix` alone would also take a sign.
    let all_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    all_hex
        .then(|| u8::from_str_radix(digits, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_decoded_once_and_a_plus_stays_a_plus() {
        assert_eq!(percent_decoded("a+b%2B%2520").as_deref(), Ok("a+b+%20"));
        assert_eq!(percent_decoded("%C3%BC").as_deref(), Ok("ü"));
    }

    #[test]
    fn a_broken_escape_is_refused() {
        for text in ["%", "%4", "%zz", "%+1", "a%2", "%é1"] {
            assert_eq!(percent_decoded(text), Err(Fault::PercentEncoding), "{text}");
        }
        assert_eq!(percent_decoded("%ff"), Err(Fault::NotUtf8));
    }
}
