//! Writing an export. The choice is kept as pairs of digests, 64 bytes for each URL; everything else is read
//! when its turn comes.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufWriter, Seek as _, Write},
};

use artifact_cache_layers::{digest::Sha256, semantics::cache_key::CacheKey};

use super::{BundleError, Counted, END, FORMAT, MANIFEST, Manifest, RECORDS, json};
use crate::{
    artifact::Filter,
    blob::Recovery,
    catalog::Catalog,
    store::{
        archive::{ArchiveError, Writer, blob_name},
        commit::Committer,
    },
    telemetry::timestamp::Timestamp,
};

/// What is to be exported.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// These URLs.
    pub keys: Vec<CacheKey>,
    /// And whatever passes one of these.
    pub filters: Vec<Filter>,
}

/// A digest and a URL whose present answer has it, in order of digest.
type Pairs = BTreeSet<([u8; 32], [u8; 32])>;

/// Blobs and their lengths.
type Blobs = Vec<(Sha256, u64)>;

impl Committer {
    /// Writes what is selected as an archive. Blocks, as long as whoever reads takes.
    ///
    /// # Errors
    /// When something cannot be read or written; the archive is cut then, and refused by everybody.
    pub fn export(&self, selection: Selection, to: impl Write) -> Result<Counted, BundleError> {
        let underway = self.backups.begin();
        let pairs = chosen(&self.catalog, selection)?;
        let (mut records, blobs, mut counted) = self.records(&pairs)?;
        let mut archive = Writer::new(to);
        let created_at = Timestamp(self.catalog.clock().now()).to_string();
        let manifest = Manifest {
            format: FORMAT,
            program: concat!("artifact-cache ", env!("CARGO_PKG_VERSION")).into(),
            created_at,
            counted: counted.clone(),
        };
        archive.add_bytes(MANIFEST, &json(&manifest)?)?;
        let size = records.stream_position().map_err(BundleError::Disk)?;
        records.rewind().map_err(BundleError::Disk)?;
        archive.add(RECORDS, size, &mut records)?;
        counted.blobs = 0;
        for (digest, length) in blobs {
            let opened = self.blobs.open_afresh(&digest).map_err(BundleError::Disk)?;
            if let Some(blob) = opened.filter(|blob| blob.len == length) {
                archive.add(&blob_name(&digest), length, &mut &*blob.file)?;
                counted.blobs += 1;
            }
            underway.is_past(digest);
        }
        archive.add_bytes(END, &json(&counted)?)?;
        archive.finish()?;
        Ok(counted)
    }

    /// The records in a file without a name, the blobs that they name, and the sums.
    fn records(&self, pairs: &Pairs) -> Result<(File, Blobs, Counted), BundleError> {
        let file = self.blobs.scratch_file().map_err(BundleError::of)?;
        let (mut writer, mut counted) = (BufWriter::new(file), Counted::default());
        let mut blobs = Blobs::new();
        for (digest, key) in pairs {
            let (digest, key) = (Sha256::from(*digest), CacheKey(Sha256::from(*key)));
            let Some(set) = self.catalog.responses(&key)? else {
                continue;
            };
            let responses = set.responses.iter().map(|stored| &stored.response);
            for response in responses.filter(|response| response.digest == digest) {
                let record = Recovery::new(&set.uri, set.final_url.as_deref(), response);
                let mut line = json(&record)?;
                line.push(b'\n');
                writer.write_all(&line).map_err(BundleError::of)?;
                counted.artifacts += 1;
                if blobs.last().is_none_or(|(last, _)| *last != digest) {
                    blobs.push((digest, response.length));
                    counted.bytes += response.length;
                }
            }
        }
        counted.blobs = blobs.len() as u64;
        let file = writer.into_inner();
        let file = file.map_err(|error| BundleError::of(error.into_error()))?;
        Ok((file, blobs, counted))
    }
}

fn chosen(catalog: &Catalog, selection: Selection) -> Result<Pairs, BundleError> {
    let mut pairs = Pairs::new();
    for key in &selection.keys {
        choose(catalog, key, None, &mut pairs)?;
    }
    for mut filter in selection.filters {
        loop {
            let page = catalog.page(&filter)?;
            for artifact in &page.artifacts {
                if let Ok(uri) = artifact.source_url.parse() {
                    choose(catalog, &CacheKey::of(&uri), filter.digest, &mut pairs)?;
                }
            }
            match page.next {
                Some(next) => filter.after = next,
                None => break,
            }
        }
    }
    Ok(pairs)
}

fn choose(
    catalog: &Catalog,
    key: &CacheKey,
    only: Option<Sha256>,
    pairs: &mut Pairs,
) -> Result<(), BundleError> {
    let set = catalog.responses(key)?;
    let digests = set
        .iter()
        .flat_map(|set| &set.responses)
        .map(|stored| stored.response.digest);
    let wanted = digests.filter(|digest| only.is_none_or(|only| only == *digest));
    pairs.extend(wanted.map(|digest| (*digest.as_bytes(), *key.0.as_bytes())));
    Ok(())
}

impl From<std::io::Error> for BundleError {
    fn from(error: std::io::Error) -> Self {
        ArchiveError::from(error).into()
    }
}
