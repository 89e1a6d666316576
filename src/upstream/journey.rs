//! The journey of one request: to its origin, and on to wherever that leads.

use artifact_cache_layers::{
    body::{Body, BoxError},
    extensions::{FinalUri, Peer, Target},
};
use http::{Request, Response};
use tokio::time::Instant;

use super::{
    NoTarget, Shared, UpstreamFailure,
    attempt::{self, Errand},
    destination::Destination,
    explain,
    redirect::{Follow, Itinerary},
};
use crate::s3::Operation;

impl Shared {
    pub(super) async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        self.observe.requested();
        self.follow(request).await
    }

    /// Goes where redirects lead, in archive modes, for requests that only read.
    async fn follow(&self, mut request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let extensions = request.extensions_mut();
        let operation = extensions.remove::<Operation>();
        let target = extensions.remove::<Target>().ok_or(NoTarget)?;
        let peer = extensions.get::<Peer>();
        let errand = Errand {
            interim: peer.and_then(|peer| peer.1.clone()),
            mode: target.mode,
            deadline: Instant::now() + self.head_timeout,
            follows: Follow::of(target.mode, request.method(), self.presigned),
        };
        let here = self.destination(&target, operation)?;
        self.may_go(&request, &target)?;
        let request = self.outgoing(request, &target);
        self.travel(request, here, &target, errand).await
    }

    /// Nothing goes out, not even a look-up, while no origin may be asked.
    fn may_go(&self, request: &Request<Body>, target: &Target) -> Result<(), UpstreamFailure> {
        self.contact
            .admit_request(request, target, &self.clock)
            .inspect_err(|_| self.observe.withheld())
    }

    async fn travel(
        &self,
        mut request: Request<Body>,
        mut here: Destination,
        target: &Target,
        errand: Errand,
    ) -> Result<Response<Body>, BoxError> {
        let mut itinerary = Itinerary::new(here.origin.clone(), self.max_redirects);
        let mut last = target.uri.clone();
        loop {
            let again = attempt::again(&request);
            let mut response = self.attempts(request, &here, &errand).await?;
            let rewritten = self.ways.rewritten(itinerary.here());
            let asked = rewritten.filter(|_| here.signing.is_none());
            let next = errand.follows.next(&itinerary, &response, asked.as_ref())?;
            let next = next.map(|next| self.ways.restored(next));
            let (Some(next), Some(mut again)) = (next, again) else {
                itinerary.restore(response.headers_mut());
                response.extensions_mut().insert(FinalUri(last));
                return Ok(match here.signing {
                    Some(_) => explain::explained(response, errand.deadline).await,
                    None => response,
                });
            };
            here = self.onward(here, &next, explain::region(&response))?;
            itinerary.remember(response.headers());
            itinerary.go(next.clone(), again.headers_mut());
            (request, last) = (again, next);
        }
    }

    /// The request without what its way through the program left on it.
    fn outgoing(&self, request: Request<Body>, target: &Target) -> Request<Body> {
        let (mut head, body) = request.into_parts();
        head.extensions = http::Extensions::new();
        head.version = http::Version::HTTP_11;
        if target.mode.is_archive() {
            let user_agent = self.user_agent.clone();
            head.headers.insert(http::header::USER_AGENT, user_agent);
        }
        Request::from_parts(head, body)
    }
}
