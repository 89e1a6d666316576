//! `ArtifactsStore` and `ObjectClient`, as a program uses them.

use std::{fs, process::Command, sync::Arc};

use artifact_cache::{
    artifacts_store::{
        ArtifactsStore, Settings, StorageError, download_if_exists, get_store, storage_available,
        upload_file,
    },
    clock::Clock,
    config::{s3::Addressing, secret::Secret, upstream::Upstream},
    s3::{Endpoint, Endpoints, ObjectClient, ObjectError, Operation},
    upstream::{Guard, Roots, Upstreams},
};
use artifact_cache_layers::{
    body::{Body, BoxError},
    semantics::target_uri::TargetUri,
    sigv4::Credentials,
};
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::BodyExt as _;
use tower::{service_fn, util::BoxCloneSyncService};

use crate::support::s3::{ACCESS_KEY, BUCKET, DOMAIN, SECRET_KEY, Store};

fn settings(store: &Store) -> Settings {
    Settings {
        endpoint: Some(store.url()),
        access_key: Some(ACCESS_KEY.into()),
        secret_key: Secret::from(SECRET_KEY.to_owned()),
        bucket: BUCKET.into(),
        ..Settings::default()
    }
}

pub(super) struct Anywhere;

impl Guard for Anywhere {
    fn check_uri(&self, _: &TargetUri) -> Result<(), BoxError> {
        Ok(())
    }
    fn check_authority(&self, _: &str, _: u16) -> Result<(), BoxError> {
        Ok(())
    }
    fn check_address(&self, _: std::net::SocketAddr) -> Result<(), BoxError> {
        Ok(())
    }
}

fn endpoint(url: &str, region: &str, addressing: Addressing) -> Arc<Endpoint> {
    let keys = Arc::new(Credentials::new(ACCESS_KEY, SECRET_KEY));
    Arc::new(Endpoint::new("x", url, region, addressing, keys).unwrap())
}

fn upstreams(clock: Clock) -> Upstreams {
    let settings = Upstream {
        max_retries: 0,
        ..Upstream::default()
    };
    let upstreams = Upstreams::with_roots(&settings, Arc::new(Anywhere), Roots::none());
    let stores = artifact_cache::config::s3::S3::default();
    let upstreams = upstreams.unwrap().timed_by(clock);
    upstreams
        .with_stores(&settings, &stores, Endpoints::default())
        .unwrap()
}

fn client(store: &Store, clock: Clock) -> ObjectClient {
    let exchange = BoxCloneSyncService::new(upstreams(clock));
    let endpoint = endpoint(&store.url(), "us-east-1", Addressing::Path);
    ObjectClient::new(exchange, endpoint)
}

#[tokio::test]
async fn the_store_of_the_document_works_as_it_is_written() {
    let (server, directory) = (Store::start(), tempfile::tempdir().unwrap());
    let (file, copy) = (
        directory.path().join("f"),
        directory.path().join("new/dir/c"),
    );
    fs::write(&file, "engine").unwrap();
    let store = ArtifactsStore::new(settings(&server));
    assert!(store.is_available());
    assert!(!store.exists("engines/a.trt").await);
    assert!(!store.download_if_exists("engines/a.trt", &copy).await);
    assert_eq!(store.last_error(), None);
    let metadata = [("version", "1.0"), ("Precision", "fp16")];
    let digest = store
        .upload_file("engines/a.trt", &file, &metadata)
        .await
        .unwrap();
    assert!(store.exists("engines/a.trt").await);
    let head = store.head("engines/a.trt").await.unwrap().unwrap();
    assert_eq!(head.sha256(), Some(digest));
    for (name, value) in [("version", "1.0"), ("precision", "fp16")] {
        let pair = (name.to_owned(), value.to_owned());
        assert!(head.metadata.contains(&pair), "{head:?}");
    }
    assert!(store.download_if_exists("engines/a.trt", &copy).await);
    assert_eq!(fs::read(&copy).unwrap(), b"engine");
    assert!(store.delete("engines/a.trt").await);
    assert!(!store.exists("engines/a.trt").await);
}

/// Runs this test again in a process that has the document's variables: the functions read no others.
#[test]
fn the_documents_functions_ask_the_store_of_the_environment() {
    const NAME: &str =
        "s3_client::library::the_documents_functions_ask_the_store_of_the_environment";
    if std::env::var_os("ARTIFACTS_ENDPOINT").is_some() {
        return the_documents_examples();
    }
    assert!(!storage_available() && !get_store().is_available());
    assert!(!download_if_exists("engines/a.trt", "/dev/null/a"));
    let refused = upload_file("key", "/etc/hostname", &[]);
    assert!(matches!(refused, Err(StorageError::Credentials(_))));
    let store = Store::start();
    fs::create_dir(store.directory().join("screenalytics-artifacts")).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .env("ARTIFACTS_ENDPOINT", store.url())
        .env("ARTIFACTS_ACCESS_KEY", ACCESS_KEY)
        .env("ARTIFACTS_SECRET_KEY", SECRET_KEY)
        .env("ARTIFACTS_USE_SSL", "false")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
    assert_eq!(store.count("PUT"), 1);
}

fn the_documents_examples() {
    let directory = tempfile::tempdir().unwrap();
    let (file, copy) = (directory.path().join("f"), directory.path().join("c"));
    fs::write(&file, "model").unwrap();
    assert!(storage_available() && get_store().is_available());
    assert!(!download_if_exists("models/my_model.onnx", &copy));
    let metadata = [("version", "1.0"), ("precision", "fp16")];
    upload_file("models/my_model.onnx", &file, &metadata).unwrap();
    assert!(download_if_exists("models/my_model.onnx", &copy));
    assert!(download_if_exists(
        "s3://screenalytics-artifacts/models/my_model.onnx",
        &copy
    ));
    assert_eq!(fs::read(copy).unwrap(), b"model");
    let missing = upload_file("key", "/path/to/file", &[]);
    assert!(matches!(missing, Err(StorageError::FileNotFound(_))));
}

#[tokio::test]
async fn errors_are_told_apart_and_an_outage_is_remembered() {
    let mut server = Store::start();
    let store = ArtifactsStore::new(settings(&server));
    let missing = store.upload_file("a", "/does/not/exist", &[]).await;
    assert!(matches!(missing, Err(StorageError::FileNotFound(_))));
    let without = ArtifactsStore::new(Settings::default());
    assert!(!without.is_available());
    let refused = without.upload_file("a", "/etc/hostname", &[]).await;
    assert!(matches!(refused, Err(StorageError::Credentials(_))));
    server.stop();
    assert!(!store.exists("a").await);
    assert!(store.last_error().unwrap().contains("cannot be asked"));
}

#[tokio::test]
async fn a_clock_that_is_off_is_reported_as_such() {
    let (server, clock) = (Store::start(), Clock::system());
    server.place("a", b"bytes");
    let client = client(&server, clock.clone());
    assert!(client.get(BUCKET, "a", None).await.unwrap().is_some());
    clock.shift(-3600);
    let Err(ObjectError::Refused(refusal)) = client.get(BUCKET, "a", None).await else {
        panic!("a signature of an hour ago is good for nothing");
    };
    assert!(refusal.is_about_the_clock(), "{refusal:?}");
    assert!(refusal.to_string().contains("clock"));
}

#[tokio::test]
async fn parts_of_an_object_can_be_read() {
    let server = Store::start();
    server.place("a", b"0123456789");
    let client = client(&server, Clock::system());
    for (range, part) in [
        ("bytes=2-4", "234"),
        ("bytes=7-", "789"),
        ("bytes=-2", "89"),
    ] {
        let (_, body) = client.get(BUCKET, "a", Some(range)).await.unwrap().unwrap();
        assert_eq!(body.collect().await.unwrap().to_bytes(), part);
    }
    let beyond = client.get(BUCKET, "a", Some("bytes=20-")).await;
    let Err(ObjectError::Refused(refusal)) = beyond else {
        panic!("there is nothing beyond the end");
    };
    assert_eq!(refusal.status, 416);
}

/// A service that signs for the host and connects to the store, whatever the host is: as a resolver of
/// names would.
fn resolved_to(store: &Store) -> artifact_cache::s3::client::Exchange {
    let address = store.address();
    BoxCloneSyncService::new(service_fn(move |mut request: Request<Body>| async move {
        let operation = request.extensions_mut().remove::<Operation>();
        let operation = operation.unwrap();
        *request.uri_mut() = operation.address.clone();
        let (endpoint, now) = (operation.endpoint, Clock::system().now());
        let signed = endpoint.sign(&mut request, operation.payload, None, now);
        signed.await?;
        let (head, _) = request.into_parts();
        raw(head, address).await
    }))
}

/// Sends a request without a body over a connection of its own.
async fn raw(
    mut head: http::request::Parts,
    address: std::net::SocketAddr,
) -> Result<http::Response<Body>, BoxError> {
    let stream = tokio::net::TcpStream::connect(address).await?;
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    tokio::spawn(connection);
    head.uri = Uri::from(head.uri.path_and_query().unwrap().clone());
    let request = Request::from_parts(head, http_body_util::Empty::<Bytes>::new());
    Ok(sender.send_request(request).await?.map(Body::stream))
}

#[tokio::test]
async fn a_bucket_may_stand_in_the_host() {
    let server = Store::start();
    server.place("dir/a b", b"bytes");
    let url = format!("http://{DOMAIN}");
    let endpoint = endpoint(&url, "us-east-1", Addressing::Virtual);
    let client = ObjectClient::new(resolved_to(&server), endpoint);
    let (_, body) = client.get(BUCKET, "dir/a b", None).await.unwrap().unwrap();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "bytes");
    let page = client.list(BUCKET, "dir/", None).await.unwrap();
    assert_eq!(page.objects[0].key, "dir/a b");
    assert_eq!(server.requests()[0], "GET /dir/a%20b");
}
