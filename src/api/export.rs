//! The list as NDJSON: every artifact that passes the filter, one JSON object a line, read in pages
//! while the client takes them. Memory stays that of one page.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
};

use artifact_cache_layers::body::BoxError;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::{Body, Frame};
use tokio::task::JoinHandle;

use super::{Backend, artifacts::record, query::MAX_LIMIT};
use crate::artifact::{Filter, Place};

/// The media type that asks for an export.
pub(super) const MEDIA_TYPE: &str = "application/x-ndjson";

/// Whether `Accept` names the export's media type (RFC 9110 §12.5.1).
pub(super) fn is_wanted(fields: &HeaderMap) -> bool {
    fields
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| {
            let (media_type, parameters) = range.split_once(';').unwrap_or((range, ""));
            media_type.trim().eq_ignore_ascii_case(MEDIA_TYPE) && !is_refused(parameters)
        })
}

/// Whether the weight is zero, which means "not acceptable" (RFC 9110 §12.4.2).
fn is_refused(parameters: &str) -> bool {
    parameters
        .split(';')
        .filter_map(|parameter| parameter.trim().strip_prefix("q="))
        .any(|weight| weight.parse() == Ok(0.0_f32))
}

/// The body of an export.
pub(super) struct Export<B> {
    backend: B,
    filter: Filter,
    most: Option<usize>,
    reading: Option<JoinHandle<Result<Page, BoxError>>>,
    is_done: bool,
}

struct Page {
    lines: Bytes,
    len: usize,
    next: Option<Place>,
}

impl<B: Backend> Export<B> {
    /// Everything that passes `filter`, at most `most` artifacts.
    pub(super) fn new(backend: B, filter: Filter, most: Option<usize>) -> Self {
        Self {
            backend,
            filter,
            most,
            reading: None,
            is_done: false,
        }
    }

    /// Reads the next page on a blocking thread; a client that leaves abandons one page at most.
    fn read(&self) -> JoinHandle<Result<Page, BoxError>> {
        let (backend, mut filter) = (self.backend.clone(), self.filter.clone());
        filter.limit = self.page_size();
        tokio::task::spawn_blocking(move || page(&backend, &filter))
    }

    fn page_size(&self) -> usize {
        self.most.map_or(MAX_LIMIT, |most| most.min(MAX_LIMIT))
    }

    fn advance(&mut self, page: &Page) {
        self.is_done = page.next.is_none();
        self.filter.after = page.next.clone().unwrap_or_default();
        if let Some(most) = &mut self.most {
            *most -= page.len;
            self.is_done |= *most == 0;
        }
    }
}

fn page(backend: &impl Backend, filter: &Filter) -> Result<Page, BoxError> {
    let page = backend.page(filter)?;
    let mut lines = Vec::new();
    for artifact in &page.artifacts {
        serde_json::to_writer(&mut lines, &record(backend, artifact))?;
        lines.push(b'\n');
    }
    Ok(Page {
        lines: lines.into(),
        len: page.artifacts.len(),
        next: page.next,
    })
}

// Nothing in it is pinned through it.
impl<B> Unpin for Export<B> {}

impl<B: Backend> Body for Export<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.is_done {
            return Poll::Ready(None);
        }
        let mut reading = this.reading.take().unwrap_or_else(|| this.read());
        let Poll::Ready(page) = Pin::new(&mut reading).poll(cx) else {
            this.reading = Some(reading);
            return Poll::Pending;
        };
        // A page that failed ends the body with an error: a cut list must not look complete.
        let page = match page.map_err(BoxError::from).flatten() {
            Ok(page) => page,
            Err(error) => {
                this.is_done = true;
                return Poll::Ready(Some(Err(error)));
            }
        };
        this.advance(&page);
        match page.len {
            0 if this.is_done => Poll::Ready(None),
            // Nothing among the records looked at so far: an empty frame lets others have a turn.
            _ => Poll::Ready(Some(Ok(Frame::data(page.lines)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Method};
    use http_body_util::BodyExt as _;

    use super::{
        super::{
            Api,
            fake::{Memory, body_of, head},
        },
        *,
    };

    async fn export(
        memory: Memory,
        target: &str,
    ) -> http::Response<artifact_cache_layers::body::Body> {
        let mut request = head("GET", target);
        let accept = HeaderValue::from_static("application/x-ndjson, application/json;q=0.5");
        request.headers.insert(header::ACCEPT, accept);
        Api::new(memory).answer(&request).await.unwrap()
    }

    #[tokio::test]
    async fn an_export_has_every_artifact_once_whatever_the_page_size() {
        for artifacts in [0, 1, 200, 201, 450] {
            let answer = export(Memory::with(artifacts), "/api/artifacts").await;
            assert_eq!(answer.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
            let ids: Vec<u64> = body_of(answer)
                .await
                .lines()
                .map(|line| {
                    serde_json::from_str::<serde_json::Value>(line).unwrap()["id"]
                        .as_u64()
                        .unwrap()
                })
                .collect();
            assert_eq!(ids, (1..=artifacts).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn a_limit_bounds_an_export() {
        let answer = export(Memory::with(450), "/api/artifacts?limit=3").await;
        assert_eq!(body_of(answer).await.lines().count(), 3);
    }

    #[tokio::test]
    async fn an_export_that_fails_breaks_instead_of_ending() {
        let mut memory = Memory::with(1);
        memory.is_broken = true;
        let answer = export(memory, "/api/artifacts").await;
        assert!(answer.into_body().collect().await.is_err());
    }

    #[tokio::test]
    async fn asking_for_the_head_reads_nothing() {
        let mut request = head("HEAD", "/api/artifacts");
        request
            .headers
            .insert(header::ACCEPT, HeaderValue::from_static(MEDIA_TYPE));
        assert_eq!(request.method, Method::HEAD);
        let answer = Api::new(Memory::with(9)).answer(&request).await.unwrap();
        assert_eq!(answer.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
        assert_eq!(body_of(answer).await, "");
    }

    #[test]
    fn only_a_named_and_weighted_media_type_asks_for_an_export() {
        for (accept, expected) in [
            ("application/x-ndjson", true),
            ("text/html, Application/X-NDJSON; q=0.3", true),
            ("application/x-ndjson;q=0", false),
            ("*/*", false),
            ("application/json", false),
        ] {
            let fields = [(header::ACCEPT, HeaderValue::from_static(accept))];
            assert_eq!(
                is_wanted(&fields.into_iter().collect()),
                expected,
                "{accept}"
            );
        }
    }
}
