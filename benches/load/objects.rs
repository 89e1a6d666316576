//! What the store of the load keeps: files of a directory, sent in large pieces, with the digest that an upload of ours
//! would have left beside them. A store that reads the whole file for each part it is asked for would be measured instead.

use std::{
    collections::HashMap,
    fs::File,
    future::{Future, ready},
    ops::Range,
    os::unix::fs::FileExt as _,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::SystemTime,
};

use bytes::Bytes;
use http_body::{Body, Frame};
use s3s::{
    S3, S3Request, S3Response, S3Result,
    dto::{
        ETag, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, Metadata,
        StreamingBlob,
    },
    s3_error,
};

const PIECE: u64 = 1 << 20;

/// The objects of one bucket. Clones share them.
#[derive(Clone)]
pub(super) struct Objects {
    directory: PathBuf,
    digests: Arc<Mutex<HashMap<String, String>>>,
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = S3Result<S3Response<T>>> + Send + 'a>>;

/// A part of a file.
struct Pieces(File, Range<u64>);

impl Objects {
    pub(super) fn new(directory: PathBuf) -> Self {
        let digests = Arc::default();
        Self { directory, digests }
    }

    /// Makes a file of the directory an object.
    pub(super) fn add(&self, name: &str, sha256: String) {
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        digests.insert(name.to_owned(), sha256);
    }

    fn find(&self, name: &str) -> S3Result<(File, u64, Metadata)> {
        let digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = digests.get(name).ok_or_else(|| s3_error!(NoSuchKey))?;
        let file = File::open(self.directory.join(name));
        let file = file.map_err(|error| s3_error!(error, NoSuchKey))?;
        let length = file
            .metadata()
            .map_err(|error| s3_error!(error, InternalError))?
            .len();
        Ok((
            file,
            length,
            HashMap::from([("sha256".to_owned(), digest.clone())]),
        ))
    }

    fn get(&self, input: &GetObjectInput) -> S3Result<GetObjectOutput> {
        let (file, length, metadata) = self.find(&input.key)?;
        let range = input.range.map(|range| range.check(length)).transpose()?;
        let content_range = range
            .as_ref()
            .map(|range| format!("bytes {}-{}/{length}", range.start, range.end - 1));
        let range = range.unwrap_or(0..length);
        let content_length = i64::try_from(range.end - range.start).ok();
        let body = s3s::Body::http_body(Pieces(file, range));
        Ok(GetObjectOutput {
            body: Some(StreamingBlob::from(body)),
            content_length,
            content_range,
            e_tag: Some(e_tag(&metadata)),
            last_modified: Some(SystemTime::UNIX_EPOCH.into()),
            metadata: Some(metadata),
            ..GetObjectOutput::default()
        })
    }
}

/// The tag of an object in parts, which is no MD5.
fn e_tag(metadata: &Metadata) -> ETag {
    ETag::Strong(format!("{}-1", metadata["sha256"]))
}

impl S3 for Objects {
    fn get_object<'a, 'b>(
        &'a self,
        request: S3Request<GetObjectInput>,
    ) -> Answer<'b, GetObjectOutput>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(ready(self.get(&request.input).map(S3Response::new)))
    }

    fn head_object<'a, 'b>(
        &'a self,
        request: S3Request<HeadObjectInput>,
    ) -> Answer<'b, HeadObjectOutput>
    where
        'a: 'b,
        Self: 'b,
    {
        let found = self.find(&request.input.key);
        let output = found.map(|(_, length, metadata)| HeadObjectOutput {
            content_length: i64::try_from(length).ok(),
            e_tag: Some(e_tag(&metadata)),
            last_modified: Some(SystemTime::UNIX_EPOCH.into()),
            metadata: Some(metadata),
            ..HeadObjectOutput::default()
        });
        Box::pin(ready(output.map(S3Response::new)))
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Range { start, end } = self.1;
        let length = PIECE.min(end - start);
        if length == 0 {
            return Poll::Ready(None);
        }
        let mut piece = vec![0; usize::try_from(length).unwrap_or_default()];
        let read = self.0.read_exact_at(&mut piece, start);
        self.1.start += length;
        Poll::Ready(Some(read.map(|()| Frame::data(piece.into()))))
    }
}
