//! How a well-behaved file answers conditions and ranges (RFC 9110 §13 and §14).

use super::{Received, content::Content, reply::Reply};

impl Reply {
    /// The reply as this request gets it.
    pub(super) fn negotiated(self, request: &Received) -> Self {
        if self.status != 200 {
            return self;
        }
        if self.honours_conditions && self.is_unchanged_for(request) {
            return self.with_status(304, (0, 0));
        }
        match request.value("range") {
            Some(range) if self.honours_ranges && self.if_range_holds(request) => {
                self.partial(range)
            }
            _ => self,
        }
    }

    fn is_unchanged_for(&self, request: &Received) -> bool {
        // RFC 9110 §13.1.3: "A recipient MUST ignore If-Modified-Since if the request contains an If-None-Match".
        if let Some(tags) = request.value("if-none-match") {
            let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
            return self.value("etag").is_some_and(|etag| {
                tags.trim() == "*" || tags.split(',').any(|tag| opaque(tag) == opaque(etag))
            });
        }
        let since = request.value("if-modified-since").and_then(date);
        let modified = self.value("last-modified").and_then(date);
        since.zip(modified).is_some_and(|(s, m)| m <= s)
    }

    fn if_range_holds(&self, request: &Received) -> bool {
        let Some(validator) = request.value("if-range") else {
            return true;
        };
        // Strong comparison: a weak tag never matches.
        let is_tag = self.value("etag") == Some(validator) && !validator.starts_with("W/");
        is_tag || self.value("last-modified") == Some(validator)
    }

    fn partial(self, range: &str) -> Self {
        let length = self.content.length();
        match satisfied(range, length) {
            Satisfied::Ignored => self,
            Satisfied::Never => self
                .field("Content-Range", format!("bytes */{length}"))
                .with_status(416, (0, 0)),
            Satisfied::By(from, to) => {
                let truth = format!("bytes {from}-{}/{length}", to - 1);
                let said = self.content_range.clone().unwrap_or(truth);
                self.field("Content-Range", said)
                    .with_status(206, (from, to))
            }
        }
    }

    fn with_status(mut self, status: u16, range: (u64, u64)) -> Self {
        self.status = status;
        self.range = range;
        if range == (0, 0) {
            self.content = Content::literal("");
        }
        self
    }
}

/// What becomes of a Range field.
enum Satisfied {
    /// By the bytes `[from, to)`.
    By(u64, u64),
    /// It lies outside of the representation.
    Never,
    /// It is malformed, or asks for several ranges.
    Ignored,
}

fn satisfied(range: &str, length: u64) -> Satisfied {
    match bounds(range, length) {
        Some((from, to)) if from < to => Satisfied::By(from, to),
        Some(_) => Satisfied::Never,
        None => Satisfied::Ignored,
    }
}

fn bounds(range: &str, length: u64) -> Option<(u64, u64)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        return Some((length.saturating_sub(last.parse().ok()?), length));
    }
    let to = if last.is_empty() {
        length
    } else {
        length.min(last.parse::<u64>().ok()?.saturating_add(1))
    };
    Some((first.parse().ok()?, to))
}

fn date(text: &str) -> Option<std::time::SystemTime> {
    httpdate::parse_http_date(text).ok()
}
