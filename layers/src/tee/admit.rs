//! [`Admit`]: who decides whether a response is kept, and where its bytes go.

use std::{future::Future, pin::Pin};

use http::{HeaderValue, request, response};

use super::sink::Sink;
use crate::body::BoxError;

/// A task that the owner of the store runs to its end.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What happens to a response.
pub enum Admission<S> {
    /// It is kept: its bytes go into the sink, and every request reads from there.
    Keep(S),
    /// It passes by; the reason becomes `detail` of `Cache-Status`.
    Pass(&'static str),
    /// It is refused, and so is the request.
    Refuse(BoxError),
}

/// A part of an artifact that an earlier, interrupted transfer left behind.
pub struct Kept {
    /// How many bytes of the artifact are there.
    pub length: u64,
    /// The strong validator they belong to.
    pub validator: HeaderValue,
}

/// Decides what is kept. Cheap to clone; clones decide alike.
pub trait Admit: Clone + Send + Sync + 'static {
    /// Where the bytes of a kept response go.
    type Sink: Sink;

    /// What an interrupted transfer of this request left behind, if it may be resumed.
    fn kept(&self, _request: &request::Parts) -> impl Future<Output = Option<Kept>> + Send {
        std::future::ready(None)
    }

    /// Decides about the response to `request`. `kept` is what the response continues, after the
    /// origin agreed to continue it. A sink that cannot be given what was kept has taken nothing: then
    /// the origin is asked for the whole.
    fn admit(
        &self,
        request: &request::Parts,
        response: &response::Parts,
        kept: Option<Kept>,
    ) -> impl Future<Output = Admission<Self::Sink>> + Send;

    /// Runs a fill to its end, whatever becomes of the requests that wait for it.
    fn spawn(&self, fill: Task);
}
