//! A file into the store, and out of it.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::FileExt as _,
    path::Path,
    sync::Arc,
};

use artifact_cache_layers::{
    body::Body,
    digest::{Hasher, Sha256},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::task::JoinSet;

use super::{
    Progress, StorageError,
    file::{Arriving, blocking},
    through::digest_in,
};
use crate::s3::{
    ObjectClient, ObjectError,
    client::Metadata,
    head::{Checker, Damaged, Head},
    multipart::{Part, Upload},
};

/// Files up to this length are written at once, and larger ones in parts of at least this length.
const PART: u64 = 16 << 20;
/// "Part numbers: 1 to 10,000 (inclusive)".
const MOST_PARTS: u64 = 10_000;
/// Parts on their way at once; each is in memory.
const AT_ONCE: usize = 4;
/// Bytes that are collected before they are written to a file.
const WRITE: usize = 1 << 20;

/// An object under way, if there is one.
pub(super) type Found = Option<(Head, Body)>;

/// Writes an object to a file; `None` when there is none.
pub(super) async fn download(
    found: Found,
    path: &Path,
    progress: Progress<'_>,
) -> Result<Option<Sha256>, StorageError> {
    let Some((head, body)) = found else {
        return Ok(None);
    };
    let file = Arriving::create(path).await?;
    let (file, digest) = receive(head, body, file, progress).await?;
    file.finish().await?;
    Ok(Some(digest))
}

async fn receive(
    head: Head,
    mut body: Body,
    mut file: Arriving,
    progress: Progress<'_>,
) -> Result<(Arriving, Sha256), StorageError> {
    let mut checker = Checker::new(head.check);
    let (mut received, mut collected, mut told) = (0, BytesMut::new(), None);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(ObjectError::Broken)?;
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                told = frame.trailers_ref().and_then(digest_in).or(told);
                continue;
            }
        };
        checker.update(&data);
        received += data.len() as u64;
        collected.extend_from_slice(&data);
        if collected.len() >= WRITE {
            file = file.write(collected.split().freeze()).await?;
            progress(received, head.size_bytes);
        }
    }
    let file = file.write(collected.freeze()).await?;
    progress(received, head.size_bytes);
    let digest = checker.finish()?;
    match told.filter(|told| *told != digest) {
        None => Ok((file, digest)),
        Some(told) => Err(StorageError::Damaged(Damaged {
            expected: told.to_string(),
            actual: digest.to_string(),
        })),
    }
}

/// Uploads a file, in one request or in parts.
pub(super) async fn upload(
    client: &ObjectClient,
    (bucket, key): (&str, &str),
    path: &Path,
    metadata: &Metadata,
    progress: Progress<'_>,
) -> Result<Sha256, StorageError> {
    let (file, length) = open(path).await?;
    if length <= PART {
        let bytes = read(&file, path, 0, length).await?;
        let digest = client.put(bucket, key, bytes, metadata).await?;
        progress(length, Some(length));
        return Ok(digest);
    }
    // The digest goes into the head of the upload, which comes first.
    let digest = hashed(&file, path).await?;
    let upload = client.begin(bucket, key, digest, metadata).await?;
    let parts = send_parts(client, &upload, (&file, path, length), progress).await?;
    client.complete(&upload, &parts).await?;
    Ok(digest)
}

async fn send_parts(
    client: &ObjectClient,
    upload: &Upload,
    (file, path, length): (&Arc<File>, &Path, u64),
    progress: Progress<'_>,
) -> Result<Vec<Part>, StorageError> {
    let size = part_size(length);
    let (mut under_way, mut parts, mut sent) = (JoinSet::new(), Vec::new(), 0);
    let mut offsets = (0..length).step_by(usize::try_from(size).unwrap_or(usize::MAX));
    let mut number = 0;
    loop {
        while under_way.len() < AT_ONCE
            && let Some(offset) = offsets.next()
        {
            number += 1;
            let size = size.min(length - offset);
            let bytes = read(file, path, offset, size).await?;
            let (client, upload) = (client.clone(), upload.clone());
            under_way.spawn(async move {
                let part = client.put_part(&upload, number, bytes).await;
                part.map(|part| (part, size))
            });
        }
        let Some(done) = under_way.join_next().await else {
            break;
        };
        let failed = |error: tokio::task::JoinError| ObjectError::Unreachable(error.into());
        let (part, size) = done.map_err(failed)??;
        parts.push(part);
        sent += size;
        progress(sent, Some(length));
    }
    parts.sort_by_key(|part| part.number);
    Ok(parts)
}

/// Whole mebibytes, so that there are not more parts than a store takes.
fn part_size(length: u64) -> u64 {
    length
        .div_ceil(MOST_PARTS)
        .next_multiple_of(1 << 20)
        .max(PART)
}

async fn open(path: &Path) -> Result<(Arc<File>, u64), StorageError> {
    let name = path.to_owned();
    let opened = blocking(move || {
        let file = File::open(name)?;
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        Ok((Arc::new(file), about.len()))
    });
    opened.await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StorageError::FileNotFound(path.to_owned()),
        _ => StorageError::file("read", path)(error),
    })
}

/// So many bytes from `offset` on. A file that became shorter meanwhile is an error.
async fn read(
    file: &Arc<File>,
    path: &Path,
    offset: u64,
    length: u64,
) -> Result<Bytes, StorageError> {
    let file = file.clone();
    let bytes = blocking(move || {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes.into())
    });
    bytes.await.map_err(StorageError::file("read", path))
}

async fn hashed(file: &Arc<File>, path: &Path) -> Result<Sha256, StorageError> {
    let mut file = file.clone();
    let digest = blocking(move || {
        let (mut hasher, mut buffer) = (Hasher::default(), vec![0; WRITE]);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                length => hasher.update(&buffer[..length]),
            }
        }
    });
    digest.await.map_err(StorageError::file("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_large_enough_for_a_store_to_take_them_all() {
        for length in [PART + 1, 1 << 30, 1 << 40, 5 << 40] {
            let size = part_size(length);
            assert!(
                size >= PART && length.div_ceil(size) <= MOST_PARTS,
                "{length}"
            );
        }
    }
}
