//! Large objects, written in parts (S3 multipart upload). Nothing is visible before the last step; what
//! is given up is aborted, because a store keeps and charges for parts that nobody completes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use artifact_cache_layers::digest::Sha256;
use bytes::Bytes;
use http::{Method, header};

use super::{
    ObjectClient, ObjectError,
    client::{Ask, Metadata, parameter},
    fields::object_fields,
    xml,
};

/// An upload that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The bucket.
    pub bucket: String,
    /// The key that the object will have.
    pub key: String,
    /// The store's name for the upload.
    pub id: String,
    /// When it was begun, as the store writes times (RFC 3339); empty where it was not told.
    pub initiated: String,
}

/// Uploads of this client that are neither completed nor aborted.
#[derive(Clone, Debug, Default)]
pub(super) struct Unfinished(Arc<Mutex<Vec<Upload>>>);

impl Unfinished {
    fn lock(&self) -> MutexGuard<'_, Vec<Upload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, upload: &Upload) {
        self.lock().retain(|known| known.id != upload.id);
    }
}

/// A part that the store has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its place, from 1.
    pub number: u32,
    /// Its entity tag.
    pub etag: String,
}

impl ObjectClient {
    /// Begins an upload of an object that will have this digest.
    ///
    /// # Errors
    /// When the store cannot be asked or refuses.
    pub async fn begin(
        &self,
        bucket: &str,
        key: &str,
        digest: Sha256,
        metadata: &Metadata,
    ) -> Result<Upload, ObjectError> {
        let mut ask = Ask::new(Method::POST, bucket, key);
        ask.query = "uploads=".into();
        ask.fields = object_fields(key, digest, metadata)?;
        let text = self.text(ask).await?;
        let id = xml::text(&text, "UploadId").ok_or(ObjectError::Malformed("an UploadId"))?;
        let upload = Upload {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            id,
            initiated: String::new(),
        };
        self.unfinished.lock().push(upload.clone());
        Ok(upload)
    }

    /// Writes a part; its digest is signed.
    ///
    /// # Errors
    /// When the store cannot be asked or refuses.
    pub async fn put_part(
        &self,
        upload: &Upload,
        number: u32,
        bytes: Bytes,
    ) -> Result<Part, ObjectError> {
        let mut ask = Ask::new(Method::PUT, &upload.bucket, &upload.key);
        ask.query = format!("partNumber={number}&uploadId={}", parameter(&upload.id));
        ask.bytes = bytes;
        let response = self.send(ask).await?;
        let etag = response.headers().get(header::ETAG);
        let etag = etag.and_then(|etag| etag.to_str().ok());
        let etag = etag.ok_or(ObjectError::Malformed("an ETag"))?.to_owned();
        Ok(Part { number, etag })
    }

    /// Makes an object of the parts, in the order of their numbers.
    ///
    /// # Errors
    /// When the store cannot be asked or refuses.
    pub async fn complete(&self, upload: &Upload, parts: &[Part]) -> Result<(), ObjectError> {
        let parts = parts.iter().map(|Part { number, etag }| {
            let etag = xml::escaped(etag);
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
        });
        let parts: String = parts.collect();
        let mut ask = Ask::new(Method::POST, &upload.bucket, &upload.key);
        ask.query = format!("uploadId={}", parameter(&upload.id));
        ask.bytes = format!(
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{parts}</CompleteMultipartUpload>"
        )
        .into();
        self.text(ask).await?;
        self.unfinished.forget(upload);
        Ok(())
    }

    /// Gives an upload up; the store drops its parts. That there is none is no error.
    ///
    /// # Errors
    /// When the store cannot be asked or refuses.
    pub async fn abort(&self, upload: &Upload) -> Result<(), ObjectError> {
        let mut ask = Ask::new(Method::DELETE, &upload.bucket, &upload.key);
        ask.query = format!("uploadId={}", parameter(&upload.id));
        match self.send(ask).await {
            Err(ObjectError::Refused(refusal)) if !refusal.is_missing() => Err(refusal.into()),
            Err(error @ (ObjectError::Unreachable(_) | ObjectError::Broken(_))) => Err(error),
            _ => {
                self.unfinished.forget(upload);
                Ok(())
            }
        }
    }

    /// Gives up every upload of this client that is still under way.
    ///
    /// # Errors
    /// The last one; the others are tried all the same.
    pub async fn abort_unfinished(&self) -> Result<(), ObjectError> {
        let uploads = self.unfinished.lock().clone();
        let mut outcome = Ok(());
        for upload in &uploads {
            if let Err(error) = self.abort(upload).await {
                outcome = Err(error);
            }
        }
        outcome
    }

    /// Uploads to `bucket` that somebody began and nobody ended, up to a thousand.
    ///
    /// # Errors
    /// When the store cannot be asked or does not tell.
    pub async fn uploads(&self, bucket: &str) -> Result<Vec<Upload>, ObjectError> {
        let mut ask = Ask::new(Method::GET, bucket, "");
        ask.query = "uploads=".into();
        let text = self.text(ask).await?;
        let uploads = xml::elements(&text, "Upload").filter_map(|xml| {
            Some(Upload {
                bucket: bucket.to_owned(),
                key: xml::text(xml, "Key")?,
                id: xml::text(xml, "UploadId")?,
                initiated: xml::text(xml, "Initiated").unwrap_or_default(),
            })
        });
        Ok(uploads.collect())
    }
}
