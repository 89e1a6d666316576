//! Uploads, an object store in this process, and other clients of it beside the cache.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use tempfile::TempDir;

use artifact_cache_layers::digest::Hasher;

use super::{
    machine::{cpu_time_of_children, on_server_core},
    objects::Objects,
};

pub(super) const ACCESS_KEY: &str = "AKBENCH";
pub(super) const SECRET_KEY: &str = "benchsecret";
pub(super) const BUCKET: &str = "bench";
const PIECE: usize = 1 << 20;

/// A store with one bucket in a directory, which checks the signature of every request.
pub(super) struct Store {
    pub(super) address: SocketAddr,
    data: TempDir,
    objects: Objects,
}

impl Store {
    /// Starts it on a thread of its own, which lasts as long as the program.
    pub(super) fn start(data: &Path) -> io::Result<Self> {
        let data = tempfile::Builder::new().prefix("store-").tempdir_in(data)?;
        fs::create_dir(data.path().join(BUCKET))?;
        let objects = Objects::new(data.path().join(BUCKET));
        let mut builder = S3ServiceBuilder::new(objects.clone());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                    return;
                };
                while let Ok((stream, _)) = listener.accept().await {
                    let service = service.clone();
                    tokio::spawn(
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                    );
                }
            });
        });
        Ok(Self {
            address,
            data,
            objects,
        })
    }

    /// Puts an object there, past the store's door.
    pub(super) fn place(&self, name: &str, size: u64) -> io::Result<()> {
        let mut file = fs::File::create(self.file(name))?;
        let mut hasher = Hasher::default();
        pieces(name.len() as u64 ^ seed(name), size, |piece| {
            hasher.update(piece);
            file.write_all(piece)
        })?;
        self.objects.add(name, hasher.finish().to_string());
        Ok(())
    }

    /// Makes room again.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.file(name))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.data.path().join(BUCKET).join(name)
    }

    /// Wall and CPU time that a client takes to fetch the object into a file, if it is installed.
    pub(super) fn beside(
        &self,
        client: &str,
        name: &str,
    ) -> io::Result<Option<(Duration, Duration)>> {
        let to = self.data.path().join("fetched");
        let mut command = Command::new(client);
        match client {
            "curl" => command
                .args([
                    "-sf",
                    "--noproxy",
                    "*",
                    "--aws-sigv4",
                    "aws:amz:us-east-1:s3",
                    "--user",
                ])
                .arg(format!("{ACCESS_KEY}:{SECRET_KEY}"))
                .arg("-o")
                .arg(&to)
                .arg(format!("http://{}/{BUCKET}/{name}", self.address)),
            _ => command
                .args(["--endpoint-url", &format!("http://{}", self.address)])
                .args(["s3", "cp", "--quiet", &format!("s3://{BUCKET}/{name}")])
                .arg(&to)
                .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
                .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
                .env("AWS_DEFAULT_REGION", "us-east-1"),
        };
        let (before, start) = (cpu_time_of_children()?, Instant::now());
        let child = on_server_core(|| command.stdout(Stdio::null()).stderr(Stdio::null()).spawn());
        let Ok(mut child) = child else {
            return Ok(None);
        };
        let status = child.wait()?;
        let took = start.elapsed();
        let cpu = cpu_time_of_children()?.saturating_sub(before);
        fs::remove_file(to).unwrap_or_default();
        Ok(status.success().then_some((took, cpu)))
    }
}

fn seed(name: &str) -> u64 {
    name.bytes()
        .fold(7, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte))
}

/// Bytes that no two seeds share, piece by piece.
fn pieces(seed: u64, size: u64, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    fastrand::Rng::with_seed(seed).fill(&mut piece);
    let (mut left, mut number) = (size, 0_u64);
    while left > 0 {
        piece[..8].copy_from_slice(&number.to_le_bytes());
        let length = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        take(&piece[..length])?;
        left -= length as u64;
        number += 1;
    }
    Ok(())
}

/// Uploads a new file of that size to `/files` and waits for the answer.
pub(super) fn upload(address: SocketAddr, seed: u64, size: u64) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let head = format!(
        "POST /files HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/gzip\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    pieces(seed, size, |piece| stream.write_all(piece))?;
    let mut answer = BufReader::new(stream);
    let mut status = String::new();
    answer.read_line(&mut status)?;
    let mut rest = Vec::new();
    answer.read_to_end(&mut rest)?;
    if status.starts_with("HTTP/1.1 201 ") {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "an upload was answered with {status}"
    )))
}
