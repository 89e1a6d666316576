//! Downloads into a file of one's own choice with `tee` alone, from an origin that breaks off on the way.
//!
//! `cargo run -p artifact-cache-layers --features tee --example tee_download -- /tmp/artifact`
//!
//! Who writes a store implements three traits: `Admit` decides what is kept, `Sink` takes the bytes, and
//! `Share` is what requests are answered from. This one gives a body out when all of it is there.

use std::{
    env,
    fs::File,
    io::{Seek as _, Write as _},
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::SystemTime,
};

use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::{Hasher, Sha256},
    extensions::{Delivery, Mode, Target},
    semantics::cache_key::Nominated,
    share::{PartPermit, Share, Shared, SharedError, Verdict, Wanted},
    tee::{Admission, Admit, Kept, Sink, Task, TeeLayer},
};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header, request, response};
use http_body::Frame;
use tokio::sync::watch;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

const ARTIFACT: &str = "the bytes of the artifact";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let path = env::args().nth(1).map(PathBuf::from);
    let path = path.unwrap_or_else(|| env::temp_dir().join("artifact"));
    let client = ServiceBuilder::new()
        .layer(TeeLayer::new(Folder { path: path.clone() }))
        .service(service_fn(origin));

    let mut request = Request::get("http://example.com/artifact").body(Body::empty())?;
    request.extensions_mut().insert(Target {
        signed: None,
        uri: "http://example.com/artifact".parse()?,
        mode: Mode::Internal,
        expect: None,
        delivery: Delivery::Spool,
    });
    let response = client.oneshot(request).await?;
    let shared = response.extensions().get::<Shared>();
    let shared = shared.ok_or("the response was not admitted")?;
    match shared.share.verdict().await {
        Verdict::Complete { digest, length } => {
            println!("{length} bytes in {}, sha256:{digest}", path.display());
            Ok(())
        }
        Verdict::Failed(error) => Err(error.into()),
    }
}

/// Breaks off in the middle of the whole, and has the rest for whoever asks for it.
async fn origin(request: Request<Body>) -> Result<Response<Body>, BoxError> {
    let (first, rest) = ARTIFACT.split_at(10);
    let response = Response::builder().header(header::ETAG, "\"v1\"");
    if let Some(range) = request.headers().get(header::RANGE) {
        println!("the origin is asked for {}", range.to_str()?);
        let range = format!("bytes 10-{}/{}", ARTIFACT.len() - 1, ARTIFACT.len());
        let response = response
            .status(StatusCode::PARTIAL_CONTENT)
            .header(header::CONTENT_RANGE, range);
        return Ok(response.body(Body::from(rest))?);
    }
    println!("the origin sends {} bytes and breaks off", first.len());
    Ok(response.body(Body::stream(Breaking(Some(Bytes::from(first)))))?)
}

/// A body that gives out its bytes and breaks off.
struct Breaking(Option<Bytes>);

impl http_body::Body for Breaking {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let first = self.0.take().map(Frame::data);
        Poll::Ready(Some(first.ok_or_else(|| "the connection was reset".into())))
    }
}

/// Keeps every successful response in one file.
#[derive(Clone)]
struct Folder {
    path: PathBuf,
}

impl Admit for Folder {
    type Sink = Download;

    async fn admit(
        &self,
        _: &request::Parts,
        response: &response::Parts,
        _: Option<Kept>,
    ) -> Admission<Download> {
        if response.status != StatusCode::OK {
            return Admission::Pass("status");
        }
        match File::create(&self.path) {
            Ok(file) => Admission::Keep(Download {
                file,
                hasher: Hasher::default(),
                taken: 0,
                told: Arc::new(Told {
                    path: self.path.clone(),
                    fields: response.headers.clone(),
                    verdict: watch::Sender::new(None),
                }),
            }),
            Err(error) => Admission::Refuse(error.into()),
        }
    }

    fn spawn(&self, fill: Task) {
        tokio::spawn(fill);
    }
}

/// The file on its way.
struct Download {
    file: File,
    hasher: Hasher,
    taken: u64,
    told: Arc<Told>,
}

impl Sink for Download {
    fn share(&self) -> Arc<dyn Share> {
        self.told.clone()
    }

    fn taken(&self) -> u64 {
        self.taken
    }

    // To stay short it writes where it stands; a server would not hold up its other tasks for a disk.
    async fn write(&mut self, bytes: Bytes) -> Result<(), BoxError> {
        self.file.write_all(&bytes)?;
        self.hasher.update(&bytes);
        self.taken += bytes.len() as u64;
        Ok(())
    }

    async fn restart(&mut self) -> bool {
        let is_empty = self.file.set_len(0).is_ok() && self.file.rewind().is_ok();
        (self.hasher, self.taken) = (Hasher::default(), 0);
        is_empty
    }

    async fn finish(self) {
        let (digest, length) = (self.hasher.finish(), self.taken);
        self.told.settle(Verdict::Complete { digest, length });
    }

    async fn fail(self, error: BoxError) {
        self.told.settle(Verdict::Failed(SharedError::new(error)));
    }
}

/// What requests are answered from.
struct Told {
    path: PathBuf,
    fields: HeaderMap,
    verdict: watch::Sender<Option<Verdict>>,
}

impl Told {
    fn settle(&self, verdict: Verdict) {
        self.verdict.send_replace(Some(verdict));
    }
}

impl Share for Told {
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }

    fn fields(&self) -> &HeaderMap {
        &self.fields
    }

    fn nominated(&self) -> &Nominated {
        const { &Vec::new() }
    }

    fn times(&self) -> (SystemTime, SystemTime) {
        (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH)
    }

    fn length(&self) -> Option<u64> {
        None
    }

    fn available(&self) -> u64 {
        0
    }

    fn is_open(&self) -> bool {
        self.verdict.borrow().is_some()
    }

    fn body(&self, _: Wanted) -> Body {
        std::fs::read(&self.path).map_or_else(|_| Body::empty(), Body::from)
    }

    fn expect(&self, _: Option<Sha256>) {}

    fn verdict(&self) -> Pin<Box<dyn Future<Output = Verdict> + Send>> {
        let mut verdict = self.verdict.subscribe();
        Box::pin(async move {
            let settled = verdict.wait_for(Option::is_some).await;
            let settled = settled.ok().and_then(|verdict| verdict.clone());
            settled.unwrap_or_else(|| Verdict::Failed(SharedError::new("gone".into())))
        })
    }

    fn try_part(&self) -> Option<PartPermit> {
        None
    }
}
