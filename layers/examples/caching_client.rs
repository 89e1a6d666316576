//! A client with a cache of its own: `cache` over `collapse` over `tee` over whatever sends requests.
//!
//! `cargo run -p artifact-cache-layers --features cache,collapse,tee --example caching_client`
//!
//! The origin is a function here, so that it can be seen how often it is asked; in earnest it is an
//! HTTP client. The store is the one for tests; in earnest it is one that keeps bytes on a disk.

use std::sync::atomic::{AtomicU32, Ordering};

use artifact_cache_layers::{
    body::{Body, BoxError},
    cache::{CacheLayer, Rules},
    collapse::{CollapseLayer, Flights},
    memory::{MemoryStore, get},
    tee::TeeLayer,
};
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::{Service, ServiceBuilder, ServiceExt as _, service_fn};

const URL: &str = "http://example.com/artifact.tar.gz";

/// How often the origin was asked.
static ASKED: AtomicU32 = AtomicU32::new(0);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let store = MemoryStore::default();
    let flights = Flights::new(|task| drop(tokio::spawn(task)));
    let client = ServiceBuilder::new()
        .layer(CacheLayer::new(store.clone(), Rules::default()))
        .layer(CollapseLayer::new(flights))
        .layer(TeeLayer::new(store))
        .service(service_fn(origin));

    println!("three at once, of which one asks:");
    tokio::try_join!(
        show(client.clone(), get(URL)?),
        show(client.clone(), get(URL)?),
        show(client.clone(), get(URL)?),
    )?;
    println!("from the store:");
    show(client.clone(), get(URL)?).await?;
    println!("a part of it:");
    show(client.clone(), with(header::RANGE, "bytes=-4")?).await?;
    println!("not trusted, hence confirmed by the origin:");
    show(client, with(header::CACHE_CONTROL, "no-cache")?).await?;
    println!(
        "the origin was asked {} times",
        ASKED.load(Ordering::Relaxed)
    );
    Ok(())
}

/// Has one artifact, and confirms it to whoever has it already.
async fn origin(request: Request<Body>) -> Result<Response<Body>, http::Error> {
    ASKED.fetch_add(1, Ordering::Relaxed);
    let response = Response::builder()
        .header(header::CACHE_CONTROL, "max-age=60")
        .header(header::ETAG, "\"v1\"");
    if request.headers().contains_key(header::IF_NONE_MATCH) {
        return response
            .status(StatusCode::NOT_MODIFIED)
            .body(Body::empty());
    }
    response.body(Body::from("the bytes of the artifact"))
}

fn with(name: header::HeaderName, value: &'static str) -> Result<Request<Body>, BoxError> {
    let mut request = get(URL)?;
    let value = header::HeaderValue::from_static(value);
    request.headers_mut().insert(name, value);
    Ok(request)
}

async fn show<S>(client: S, request: Request<Body>) -> Result<(), BoxError>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    let (head, body) = client.oneshot(request).await?.into_parts();
    let bytes = body.collect().await?.to_bytes();
    let how = head.headers["cache-status"].to_str()?;
    println!(
        "  {} {how}: {}",
        head.status,
        String::from_utf8_lossy(&bytes)
    );
    Ok(())
}
