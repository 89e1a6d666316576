//! `Directory`: the files of an authority. `ca.pem` is its certificate, before older ones that clients may
//! still trust; `ca.key` its key, which only its owner may read.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use super::{Authority, InvalidAuthority, Made};

/// The directory of an authority.
#[derive(Clone, Debug)]
pub struct Directory(PathBuf);

const OWNER_ONLY: u32 = 0o600;
const EVERYBODY: u32 = 0o644;

impl Directory {
    /// The authority in `path`, whether it exists or not.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The file of the certificate.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    /// The file of the key.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.0.join("ca.key")
    }

    /// Reads the authority.
    ///
    /// # Errors
    /// When there is none, or others may read its key.
    pub fn load(&self) -> Result<Authority, InvalidAuthority> {
        let certificate = self.pem()?;
        let key = self.key();
        let mode = fs::metadata(&key).map_err(failed("read", &key))?.mode();
        if mode & 0o077 != 0 {
            return Err(InvalidAuthority::Exposed(key));
        }
        let key = fs::read_to_string(&key).map_err(failed("read", &key))?;
        Authority::new(&certificate, &key)
    }

    /// The certificates in PEM: that of the authority, and older ones.
    ///
    /// # Errors
    /// When there is none.
    pub fn pem(&self) -> Result<String, InvalidAuthority> {
        let path = self.certificate();
        fs::read_to_string(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => InvalidAuthority::Absent(self.0.clone()),
            _ => failed("read", &path)(error),
        })
    }

    /// Writes a new authority where there is none.
    ///
    /// # Errors
    /// When there is one, or the files cannot be written.
    pub fn create(&self, made: &Made) -> Result<(), InvalidAuthority> {
        for path in [self.certificate(), self.key()] {
            if path.exists() {
                return Err(InvalidAuthority::Exists(path));
            }
        }
        fs::create_dir_all(&self.0).map_err(failed("make", &self.0))?;
        self.write(&made.certificate, &made.key)
    }

    /// Writes a new authority in place of the old one, whose certificate stays behind the new one so
    /// that what `ca.pem` was given to trusts both.
    ///
    /// # Errors
    /// When there is none, or the files cannot be written.
    pub fn replace(&self, made: &Made) -> Result<(), InvalidAuthority> {
        let old = self.pem()?;
        let both = format!("{}{}\n", made.certificate, first_block(&old));
        self.write(&both, &made.key)
    }

    fn write(&self, certificate: &str, key: &str) -> Result<(), InvalidAuthority> {
        write(&self.key(), key, OWNER_ONLY)?;
        write(&self.certificate(), certificate, EVERYBODY)
    }
}

/// The first certificate of a PEM text.
pub(super) fn first_certificate(text: &str) -> Result<CertificateDer<'static>, InvalidAuthority> {
    CertificateDer::from_pem_slice(text.as_bytes())
        .map_err(|error| InvalidAuthority::Certificate(error.into()))
}

/// The text of the first certificate.
fn first_block(text: &str) -> &str {
    const END: &str = "-----END CERTIFICATE-----";
    let end = text.find(END).map_or(text.len(), |at| at + END.len());
    text[..end].trim()
}

/// Writes the whole file beside its place and moves it there, with these permissions from the start.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), InvalidAuthority> {
    let beside = path.with_extension("new");
    let written = || {
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(mode);
        let mut file = options.open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    written().map_err(failed("write", path))
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> InvalidAuthority {
    let path = path.to_owned();
    move |source| InvalidAuthority::File {
        action,
        path: path.clone(),
        source,
    }
}
