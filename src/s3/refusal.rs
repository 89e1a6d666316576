//! [`Refusal`]: an answer of a store that is an error, in the store's own words.

use http::{Response, StatusCode};

use super::xml;

/// The longest text of a store that is repeated, in characters.
const LONGEST: usize = 300;

/// A store refused a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.words())]
pub struct Refusal {
    /// The status of its answer.
    pub status: StatusCode,
    /// The store's word for it, such as `NoSuchKey`; empty where it gave none.
    pub code: String,
    /// The store's sentence about it.
    pub message: String,
    /// The region that the store wants requests to be signed for.
    pub region: Option<String>,
}

impl Refusal {
    /// Reads an error answer. A HEAD has no body, and then the status alone speaks.
    #[must_use]
    pub fn of<B>(response: &Response<B>, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let element = |name| xml::text(&text, name).map(|text| shortened(&text));
        let field = response.headers().get("x-amz-bucket-region");
        let field = field
            .and_then(|region| region.to_str().ok())
            .map(str::to_owned);
        Self {
            status: response.status(),
            code: element("Code").unwrap_or_default(),
            message: element("Message").unwrap_or_default(),
            region: field.or_else(|| element("Region")),
        }
    }

    /// Whether the object or the bucket is not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// Whether the store does not accept who asks: a wrong key or secret, or a clock that is off.
    #[must_use]
    pub fn is_about_credentials(&self) -> bool {
        let codes = [
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "InvalidToken",
            "NotSignedUp",
            "ExpiredToken",
            "RequestTimeTooSkewed",
            "TokenRefreshRequired",
        ];
        // The answer to a HEAD has no word for it.
        let is_wordless = self.status == StatusCode::FORBIDDEN && self.code.is_empty();
        // Some stores have one word for everything that is denied.
        let message = self.message.to_ascii_lowercase();
        let sentences = ["invalid signature", "no such key"];
        let is_in_its_sentence = self.code == "AccessDenied"
            && sentences.iter().any(|sentence| message.contains(sentence));
        codes.contains(&self.code.as_str())
            || is_in_its_sentence
            || is_wordless
            || self.status == StatusCode::UNAUTHORIZED
    }

    /// Whether this machine's clock and the store's disagree by more than a signature is good for.
    #[must_use]
    pub fn is_about_the_clock(&self) -> bool {
        self.code == "RequestTimeTooSkewed"
    }

    /// The refusal in words, with what to do about it where that is known.
    #[must_use]
    pub fn words(&self) -> String {
        let mut text = match (self.code.as_str(), self.message.as_str()) {
            ("", _) => format!("the store answered with status {}", self.status.as_u16()),
            (code, "") => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        };
        if self.is_about_the_clock() {
            text += " (the clock of this machine or of the store is wrong)";
        }
        // Some stores name it in every refusal.
        let is_elsewhere = matches!(self.status.as_u16(), 301 | 307 | 400);
        if let Some(region) = self.region.as_ref().filter(|_| is_elsewhere) {
            text = format!("{text} (the region of the bucket is {region})");
        }
        text
    }
}

fn shortened(text: &str) -> String {
    let text = text.chars().filter(|character| !character.is_control());
    text.take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        let response = Response::builder().status(status).body(()).unwrap();
        Refusal::of(&response, body.as_bytes())
    }

    #[test]
    fn the_code_and_the_sentence_of_the_store_are_told() {
        let body = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>The key &amp; all</Message></Error>";
        let refusal = refusal(404, body);
        assert_eq!(refusal.to_string(), "NoSuchKey: The key & all");
        assert!(refusal.is_missing() && !refusal.is_about_credentials());
    }

    #[test]
    fn a_skewed_clock_and_a_wrong_region_say_what_to_do() {
        let skewed = refusal(403, "<Error><Code>RequestTimeTooSkewed</Code></Error>");
        assert!(skewed.is_about_the_clock() && skewed.is_about_credentials());
        assert!(skewed.to_string().contains("clock"));
        let body = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>no</Message><Region>eu-west-1</Region></Error>";
        assert!(refusal(400, body).to_string().ends_with("is eu-west-1)"));
    }

    #[test]
    fn a_store_that_denies_everything_in_one_word_is_read_to_the_end() {
        let denied = |sentence: &str| {
            let code = "<Code>AccessDenied</Code>";
            let region = "<Region>eu-west-1</Region>";
            let body = format!("<Error>{code}<Message>{sentence}</Message>{region}</Error>");
            refusal(403, &body)
        };
        for sentence in [
            "Forbidden: Invalid signature",
            "Forbidden: No such key: GK1",
        ] {
            assert!(denied(sentence).is_about_credentials(), "{sentence}");
            assert!(!denied(sentence).to_string().contains("region"));
        }
        assert!(!denied("Access Denied").is_about_credentials());
    }

    #[test]
    fn an_answer_without_words_is_told_by_its_status() {
        for body in ["", "<html>", "{\"error\": 1}", "<Code>"] {
            let text = refusal(403, body).to_string();
            assert_eq!(text, "the store answered with status 403", "{body}");
        }
    }
}
