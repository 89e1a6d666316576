//! [`Recorder`], what the product implements, and what it is told at the end.

use std::time::Duration;

use http::{Request, Response};

use crate::body::{Body, BoxError};

/// Is told of each request: started, perhaps a head, perhaps bytes, finished. It must not block.
pub trait Recorder: Send + Sync + 'static {
    /// What is kept of a request until it ends, such as its method and the time on the wall.
    type Memo: Send + 'static;

    /// A request came in.
    fn started(&self, request: &Request<Body>) -> Self::Memo;

    /// The head of its response is ready. Status, [`Served`](crate::extensions::Served) and whatever
    /// else the layers inside left on it can be read here.
    fn head(&self, memo: &mut Self::Memo, response: &Response<Body>) {
        let _ = (memo, response);
    }

    /// `len` bytes of the response body were handed to the transport.
    fn bytes(&self, memo: &mut Self::Memo, len: u64) {
        let _ = (memo, len);
    }

    /// The source of the response body failed.
    fn broke_off(&self, memo: &mut Self::Memo, error: &BoxError) {
        let _ = (memo, error);
    }

    /// The request is over. Called exactly once for each `started`.
    fn finished(&self, memo: Self::Memo, end: End);
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// In which way.
    pub outcome: Outcome,
    /// From the request's arrival to its end.
    pub duration: Duration,
    /// Bytes of the response body that were handed to the transport.
    pub bytes: u64,
}

/// In which way a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The whole response was handed to the transport.
    Complete,
    /// The source of the response body failed.
    BrokeOff,
    /// The response body was dropped early: the client left, or was cut off.
    Left,
    /// The service failed and gave no response.
    Failed,
    /// The request was dropped before its response began, as happens when the client leaves.
    Abandoned,
}
