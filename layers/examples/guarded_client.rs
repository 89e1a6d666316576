//! A client that may be given any URL, because it cannot be made to reach the inside: the URL is
//! checked by the layer, and every address by the resolver before it is dialled.
//!
//! `cargo run -p artifact-cache-layers --features egress --example guarded_client -- http://example.com/`
//!
//! To stay short it speaks HTTP/1.0 without TLS and follows no redirects; one that does asks
//! `check_redirect` at each hop.

use std::{
    env,
    error::Error,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use artifact_cache_layers::{
    body::{Body, BoxError},
    egress::{EgressLayer, EgressPolicy, GuardedResolver},
};
use http::{Request, Response, uri::PathAndQuery};
use http_body_util::BodyExt as _;
use tokio::{net::lookup_host, task::spawn_blocking};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

const PATIENCE: Duration = Duration::from_secs(10);
const MAX_BYTES: u64 = 1 << 20;

#[tokio::main]
async fn main() -> ExitCode {
    let uri = env::args().nth(1);
    // Without an argument: what must not work, in disguise.
    let uri = uri.unwrap_or_else(|| "http://[::ffff:169.254.169.254]/latest/meta-data/".to_owned());
    match fetch(&uri).await {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{uri}: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn fetch(uri: &str) -> Result<String, BoxError> {
    let policy = Arc::new(EgressPolicy::default());
    let client = ServiceBuilder::new()
        .layer(EgressLayer::new(policy.clone()))
        .service(service_fn(move |request| send(request, policy.clone())));
    let response = client
        .oneshot(Request::get(uri).body(Body::empty())?)
        .await?;
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The only place that connects, and only to addresses that were checked.
async fn send(
    request: Request<Body>,
    policy: Arc<EgressPolicy>,
) -> Result<Response<Body>, BoxError> {
    let uri = request.uri();
    let host = uri.host().unwrap_or_default().to_owned();
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let head = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
    let port = uri.port_u16().unwrap_or(80);

    let addresses = GuardedResolver::new(look_up, policy)
        .resolve(&host, port)
        .await?;
    let answer = spawn_blocking(move || exchange(&addresses, &head)).await??;
    Ok(Response::new(Body::from(answer)))
}

fn look_up(host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + use<> {
    let host = host.to_owned();
    async move { Ok(lookup_host((host, port)).await?.collect()) }
}

fn exchange(addresses: &[SocketAddr], head: &str) -> io::Result<Vec<u8>> {
    let address = addresses.first().ok_or(io::ErrorKind::NotFound)?;
    let mut stream = TcpStream::connect_timeout(address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_BYTES).read_to_end(&mut answer)?;
    Ok(answer)
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}
