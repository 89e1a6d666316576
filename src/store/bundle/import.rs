//! Taking an export in. The archive is somebody else's: nothing in it is believed. Records wait in a file
//! without a name; each blob is received under the rules of room, hashed, and known to the catalog, with the
//! URLs that its records name, only if its bytes are what its name promises.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read, Seek as _, Write as _},
    time::SystemTime,
};

use artifact_cache_layers::digest::{Hasher, Sha256};
use http::{HeaderName, header};
use tar::Archive;
use tokio::runtime::Handle;

use super::{BundleError, Counted, END, FORMAT, MANIFEST, Manifest, RECORDS};
use crate::{
    blob::{Partial, Recovery},
    catalog::Addition,
    store::{
        Store,
        archive::{ArchiveError, Item, Reader, blob_in, refused},
        commit::Verified,
        fsck::addition,
        room::Grant,
    },
};

/// Largest manifest and end, in bytes.
const MAX_JSON: u64 = 64 << 10;
/// Longest record, in bytes: larger heads are not stored either.
const MAX_RECORD: u64 = 256 << 10;
/// Most URLs of one blob.
const MAX_URLS: usize = 10_000;
/// Bytes copied at once, and reserved at once: what a header says may be a lie.
const CHUNK: usize = 1 << 20;
const STEP: u64 = 4 << 20;

/// Fields that describe a connection or a message, not what was stored.
const FOREIGN: [HeaderName; 10] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::SET_COOKIE,
];

impl Store {
    /// Takes an archive in. Blocks; on a thread of the runtime that may. What is newer here stays.
    ///
    /// # Errors
    /// When the archive is cut or breaks a rule, or there is no room. What came before that stays.
    pub fn import(&self, from: impl Read) -> Result<Counted, BundleError> {
        let mut archive = Archive::new(from);
        let mut reader = Reader::new(&mut archive)?;
        let manifest = named(reader.next()?, MANIFEST)?.small(MAX_JSON)?;
        let manifest: Manifest = serde_json::from_slice(&manifest)
            .map_err(|error| refused(MANIFEST, &format!("cannot be read: {error}")))?;
        if manifest.format > FORMAT {
            return Err(refused(MANIFEST, "is of a newer version of this program").into());
        }
        let mut records = self.spool(named(reader.next()?, RECORDS)?)?;
        let (mut counted, mut last) = (Counted::default(), None);
        loop {
            let item = reader.next()?.ok_or(ArchiveError::Cut)?;
            if item.name == END {
                item.small(MAX_JSON)?;
                counted.missing += records.skip_rest()?;
                return Ok(counted);
            }
            let digest = blob_in(&item.name);
            let digest = digest.ok_or_else(|| refused(&item.name, "is no part of an export"))?;
            if last.is_some_and(|last: Sha256| last.as_bytes() >= digest.as_bytes()) {
                return Err(refused(&item.name, "is out of order").into());
            }
            last = Some(digest);
            let additions = records.of(&digest, &mut counted.missing)?;
            self.take_in(digest, item, additions, &mut counted)?;
        }
    }

    /// The records, in a file without a name.
    fn spool<R: Read>(&self, mut item: Item<'_, R>) -> Result<Records, BundleError> {
        let mut file = self.blobs().scratch_file().map_err(BundleError::of)?;
        let mut grant = self.grant()?;
        let (mut buffer, mut length) = (vec![0; CHUNK], 0);
        loop {
            let read = item.content.read(&mut buffer).map_err(ArchiveError::from)?;
            if read == 0 {
                break;
            }
            length += read as u64;
            self.grow(&mut grant, length)?;
            file.write_all(&buffer[..read]).map_err(BundleError::of)?;
        }
        if length != item.size {
            return Err(ArchiveError::Cut.into());
        }
        file.rewind().map_err(BundleError::Disk)?;
        Ok(Records {
            lines: BufReader::new(file),
            ahead: None,
            now: self.clock().now(),
            _grant: grant,
        })
    }

    fn grant(&self) -> Result<Grant, BundleError> {
        let reserve = self.room().reserve(0, self.settings().min_free_bytes.0);
        Handle::current()
            .block_on(reserve)
            .ok_or(BundleError::NoRoom)
    }

    fn grow(&self, grant: &mut Grant, length: u64) -> Result<(), BundleError> {
        let step = length.next_multiple_of(STEP);
        let grow = grant.grow(step, self.settings().min_free_bytes.0);
        let is_granted = Handle::current().block_on(grow);
        is_granted.then_some(()).ok_or(BundleError::NoRoom)
    }

    fn take_in<R: Read>(
        &self,
        digest: Sha256,
        mut item: Item<'_, R>,
        additions: Vec<Addition>,
        counted: &mut Counted,
    ) -> Result<(), BundleError> {
        let limit = self.settings().max_object_bytes.0;
        if additions.is_empty() {
            return Err(refused(&item.name, "is named by no record").into());
        }
        if limit > 0 && item.size > limit {
            return Err(refused(&item.name, "is larger than storage.max_object_bytes").into());
        }
        if additions.iter().any(|one| one.response.length != item.size) {
            return Err(refused(&item.name, "has another length than its record").into());
        }
        let mut grant = self.grant()?;
        let partial = Partial::create(self.blobs(), None).map_err(BundleError::of)?;
        let (mut hasher, mut buffer, mut length) = (Hasher::default(), vec![0; CHUNK], 0_u64);
        loop {
            let read = item.content.read(&mut buffer).map_err(ArchiveError::from)?;
            if read == 0 {
                break;
            }
            self.grow(&mut grant, length + read as u64)?;
            hasher.update(&buffer[..read]);
            let written = partial.write_all_at(&buffer[..read], length);
            written.map_err(BundleError::of)?;
            length += read as u64;
        }
        if length != item.size {
            return Err(ArchiveError::Cut.into());
        }
        let came = (hasher.finish(), length);
        let verified = Verified::check(came, Some(digest), Some(item.size))
            .map_err(|_| refused(&item.name, "has other bytes than its name promises"))?;
        counted.artifacts += additions.len() as u64;
        counted.blobs += 1;
        counted.bytes += length;
        let is_new = self
            .committer()
            .import_blocking(partial, verified, additions);
        counted.known += u64::from(!is_new?);
        Ok(())
    }
}

fn named<'a, R: Read>(item: Option<Item<'a, R>>, name: &str) -> Result<Item<'a, R>, ArchiveError> {
    let item = item.ok_or(ArchiveError::Cut)?;
    if item.name != name {
        return Err(refused(
            &item.name,
            &format!("stands where {name:?} belongs"),
        ));
    }
    Ok(item)
}

/// Records in order of digest, one in memory at a time.
struct Records {
    lines: BufReader<File>,
    ahead: Option<Addition>,
    now: SystemTime,
    _grant: Grant,
}

impl Records {
    /// Those of a blob; those before it have no bytes in the archive.
    fn of(&mut self, digest: &Sha256, missing: &mut u64) -> Result<Vec<Addition>, BundleError> {
        let mut found = Vec::new();
        while let Some(next) = self.next()? {
            match next.response.digest.as_bytes().cmp(digest.as_bytes()) {
                std::cmp::Ordering::Less => *missing += 1,
                std::cmp::Ordering::Equal if found.len() < MAX_URLS => found.push(next),
                std::cmp::Ordering::Equal => {
                    return Err(refused(RECORDS, "names too many URLs of one file").into());
                }
                std::cmp::Ordering::Greater => {
                    self.ahead = Some(next);
                    break;
                }
            }
        }
        Ok(found)
    }

    fn skip_rest(&mut self) -> Result<u64, BundleError> {
        let mut count = 0;
        while self.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    fn next(&mut self) -> Result<Option<Addition>, BundleError> {
        if let Some(ahead) = self.ahead.take() {
            return Ok(Some(ahead));
        }
        let mut line = Vec::new();
        let mut limited = (&mut self.lines).take(MAX_RECORD);
        let read = limited.read_until(b'\n', &mut line);
        if read.map_err(BundleError::Disk)? == 0 {
            return Ok(None);
        }
        if line.pop() != Some(b'\n') {
            return Err(refused(RECORDS, "has a record that is cut or too long").into());
        }
        let record = serde_json::from_slice::<Recovery>(&line).ok();
        let addition = record.as_ref().and_then(addition);
        let addition = addition.ok_or_else(|| refused(RECORDS, "has an unreadable record"))?;
        Ok(Some(tamed(addition, self.now)))
    }
}

/// Without what an origin could not have meant, and not from the future: that would never be displaced.
fn tamed(mut addition: Addition, now: SystemTime) -> Addition {
    let response = &mut addition.response;
    for name in &FOREIGN {
        response.fields.remove(name);
    }
    response.request_time = response.request_time.min(now);
    response.response_time = response.response_time.min(now);
    addition
}
