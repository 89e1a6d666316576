//! Where pointers lead, written beside the blobs so that it survives the loss of the catalog: one line of
//! JSON for each change in `<base_path>/pointers.jsonl`. The newest line of a pointer counts.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead as _, BufReader, Write as _},
    path::PathBuf,
    sync::PoisonError,
};

use artifact_cache_layers::digest::Sha256;
use serde::{Deserialize, Serialize};

use super::BlobStore;
use crate::artifact::file::{Owner, PointerName};

/// The file, directly below the root of the store.
pub(super) const POINTERS: &str = "pointers.jsonl";

#[derive(Serialize, Deserialize)]
struct Line {
    owner: String,
    id: String,
    /// `None` when the pointer was removed.
    file_id: Option<String>,
}

impl Line {
    fn new(name: &PointerName, file: Option<Sha256>) -> Self {
        let owner = match name.owner {
            Owner::Run => "run",
            Owner::Tokenizer => "tokenizer",
        };
        Self {
            owner: owner.into(),
            id: name.id.clone(),
            file_id: file.map(|file| file.to_string()),
        }
    }

    fn name(&self) -> Option<PointerName> {
        let owner = match self.owner.as_str() {
            "run" => Owner::Run,
            "tokenizer" => Owner::Tokenizer,
            _ => return None,
        };
        PointerName::new(owner, &self.id)
    }
}

impl BlobStore {
    /// Writes down where a pointer leads by `current`, durably. That is asked while no other change is being
    /// written, so that the last line is the last change, in whichever order changes get here. Blocks.
    ///
    /// # Errors
    /// When the file cannot be written, and those of `current`.
    pub fn note_pointer<E: From<io::Error>>(
        &self,
        name: &PointerName,
        current: impl FnOnce() -> Result<Option<Sha256>, E>,
    ) -> Result<(), E> {
        let turn = self.0.journal.lock();
        let _turn = turn.unwrap_or_else(PoisonError::into_inner);
        let line = Line::new(name, current()?);
        let mut line = serde_json::to_vec(&line).map_err(io::Error::from)?;
        line.push(b'\n');
        let file = File::options()
            .append(true)
            .create(true)
            .open(self.pointers_path());
        let mut file = file?;
        file.write_all(&line)?;
        Ok(file.sync_data()?)
    }

    /// Where each pointer leads that was not removed. A line that was cut by a crash is left out. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn noted_pointers(&self) -> io::Result<Vec<(PointerName, Sha256)>> {
        let mut newest = BTreeMap::new();
        let file = match File::open(self.pointers_path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file?,
        };
        for line in BufReader::new(file).split(b'\n') {
            if let Ok(line) = serde_json::from_slice::<Line>(&line?) {
                newest.insert((line.owner.clone(), line.id.clone()), line);
            }
        }
        let leads = newest.values().filter_map(|line| {
            let file = line.file_id.as_deref()?.parse().ok()?;
            Some((line.name()?, file))
        });
        Ok(leads.collect())
    }

    /// Rewrites the file with the newest line of each pointer. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn compact_pointers(&self) -> io::Result<()> {
        let turn = self.0.journal.lock();
        let _turn = turn.unwrap_or_else(PoisonError::into_inner);
        let path = self.pointers_path();
        if !path.exists() {
            return Ok(());
        }
        let compacted = path.with_extension("new");
        let mut file = File::create(&compacted)?;
        for (name, digest) in self.noted_pointers()? {
            serde_json::to_writer(&file, &Line::new(&name, Some(digest)))?;
            file.write_all(b"\n")?;
        }
        file.sync_all()?;
        std::fs::rename(compacted, path)
    }

    fn pointers_path(&self) -> PathBuf {
        self.root().join(POINTERS)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::temporary_store, *};

    fn note(store: &BlobStore, name: &PointerName, file: Option<Sha256>) {
        let noted: io::Result<()> = store.note_pointer(name, || Ok(file));
        noted.expect("noted");
    }

    #[test]
    fn the_newest_line_counts_and_a_torn_one_does_not() {
        let (_directory, store) = temporary_store();
        let [a, b] = ["a", "b \"ü"].map(|id| PointerName::new(Owner::Run, id).expect("a name"));
        let [one, two] = [Sha256::of(b"1"), Sha256::of(b"2")];
        assert_eq!(store.noted_pointers().expect("none"), []);
        for (name, file) in [
            (&a, Some(one)),
            (&b, Some(one)),
            (&a, None),
            (&b, Some(two)),
        ] {
            note(&store, name, file);
        }
        let path = store.pointers_path();
        let mut file = File::options().append(true).open(&path).expect("the file");
        file.write_all(b"{\"owner\":\"run\",\"id\":\"a\",\"fi")
            .expect("torn");
        let expected = [(b.clone(), two)];
        assert_eq!(store.noted_pointers().expect("read"), expected);
        store.compact_pointers().expect("compacted");
        assert_eq!(store.noted_pointers().expect("read"), expected);
        let lines = std::fs::read_to_string(path).expect("text");
        assert_eq!(lines.lines().count(), 1);
    }
}
