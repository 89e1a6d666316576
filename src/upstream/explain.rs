//! What a store says of an object, or in the body of an error: read here, while the response is still at
//! hand.

use artifact_cache_layers::{body::Body, extensions::Explained};
use bytes::BytesMut;
use http::{Response, header};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use crate::s3::{Refusal, head::Check};

/// The most that is read of an error.
const MOST: usize = 16 << 10;

/// The response with what the whole object is checked against beside it; or where it is an error, with the
/// store's [`Refusal`] and without its body.
pub(super) async fn explained(mut response: Response<Body>, deadline: Instant) -> Response<Body> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        let check = Check::of_whole(response.headers());
        response.extensions_mut().insert(check);
        return response;
    }
    let (mut head, body) = response.into_parts();
    let text = timeout_at(deadline, beginning(body)).await;
    let text = text.unwrap_or_default();
    head.headers.remove(header::CONTENT_LENGTH);
    let mut response = Response::from_parts(head, Body::empty());
    let refusal = Refusal::of(&response, &text);
    let words = Explained(refusal.words().into());
    response.extensions_mut().insert(words);
    response.extensions_mut().insert(refusal);
    response
}

/// The region that a redirecting store names.
pub(super) fn region(response: &Response<Body>) -> Option<String> {
    let field = response.headers().get("x-amz-bucket-region")?;
    field.to_str().ok().map(str::to_owned)
}

/// The beginning of a body; one that breaks off ends there.
async fn beginning(mut body: Body) -> BytesMut {
    let mut text = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Some(data) = frame.data_ref() else { break };
        text.extend_from_slice(&data[..data.len().min(MOST - text.len())]);
        if text.len() == MOST {
            break;
        }
    }
    text
}
