//! The `rescue` layer: outside it there are only responses.

use std::{
    convert::Infallible,
    error::Error,
    future::Ready,
    io,
    task::{Context, Poll},
};

use artifact_cache_layers::{
    body::Body,
    cause::cause_of,
    rescue::{Panicked, RescueLayer, Respond},
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use crate::support::{get, gives};

fn respond(error: &(dyn Error + 'static)) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{error} {error:?}")));
    *response.status_mut() = match cause_of::<io::Error>(error) {
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
        None => StatusCode::INTERNAL_SERVER_ERROR,
    };
    response
}

async fn text(response: Response<Body>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_response_passes_as_it_is() {
    let service = RescueLayer::new(respond).layer(gives(|| Body::from("artifact")));
    let Ok(response) = service.oneshot(get("/")).await;
    assert_eq!(text(response).await, "artifact");
}

#[tokio::test]
async fn an_error_becomes_the_response_that_the_product_chose() {
    let fails = service_fn(|_: Request<Body>| async {
        Err::<Response<Body>, _>(io::Error::from(io::ErrorKind::TimedOut))
    });
    let Ok(response) = RescueLayer::new(respond)
        .layer(fails)
        .oneshot(get("/"))
        .await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_panic_is_an_error_whose_text_only_the_log_can_read() {
    let respond = |error: &(dyn Error + 'static)| {
        let panicked = cause_of::<Panicked>(error).expect("a typed panic");
        assert_eq!(panicked.message(), "the password is secret");
        respond(error)
    };
    let panics = service_fn(|_: Request<Body>| async {
        let password = "secret";
        panic!("the password is {password}");
        #[expect(unreachable_code, reason = "names the type of the response")]
        Ok::<Response<Body>, Infallible>(Response::new(Body::empty()))
    });
    let Ok(response) = RescueLayer::new(respond)
        .layer(panics)
        .oneshot(get("/"))
        .await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let text = text(response).await;
    assert!(
        text.contains("panicked") && !text.contains("secret"),
        "{text}"
    );
}

/// Fails where its field says.
#[derive(Clone)]
struct Trap(&'static str);

impl Service<Request<Body>> for Trap {
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = Ready<io::Result<Response<Body>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        assert_ne!(self.0, "panic when asked");
        Poll::Ready(match self.0 {
            "error when asked" => Err(io::ErrorKind::NotConnected.into()),
            _ => Ok(()),
        })
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert_ne!(self.0, "panic when called");
        std::future::ready(Ok(Response::new(Body::empty())))
    }
}

#[tokio::test]
async fn a_service_that_fails_before_its_future_is_rescued_too() {
    for (trap, status) in [
        ("panic when asked", 500),
        ("error when asked", 503),
        ("panic when called", 500),
        ("", 200),
    ] {
        let Ok(response) = RescueLayer::new(respond)
            .layer(Trap(trap))
            .oneshot(get("/"))
            .await;
        assert_eq!(response.status(), status, "{trap}");
    }
}

#[derive(Clone)]
struct ByMethod;

impl Respond for ByMethod {
    type Memo = Method;

    fn remember(&self, request: &Request<Body>) -> Method {
        request.method().clone()
    }

    fn respond(&self, method: Method, _: &(dyn Error + 'static)) -> Response<Body> {
        Response::new(Body::from(method.to_string()))
    }
}

#[tokio::test]
async fn the_answer_may_depend_on_the_request() {
    let fails = service_fn(|_: Request<Body>| async { Err::<Response<Body>, _>("no") });
    let request = Request::put("/").body(Body::empty()).unwrap();
    let Ok(response) = RescueLayer::new(ByMethod)
        .layer(fails)
        .oneshot(request)
        .await;
    assert_eq!(text(response).await, "PUT");
}
