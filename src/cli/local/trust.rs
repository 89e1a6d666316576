//! The certificates that clients of this machine's cache must trust: there are some where an authority was
//! made for it.

use std::{fs, io, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Settings, sources};
use crate::{
    config::{self},
    setup::Trust,
};

/// The authority's certificate, and a bundle of it with the machine's own, which is written beside it: most
/// clients trust the one file that they are given and nothing else. `None` without an authority.
pub(in crate::cli) fn trust(settings: Settings) -> Option<Trust> {
    let storage = config::load(&sources(settings)).ok()?.config.storage;
    let directory = storage.base_path.parent()?.join("ca");
    let authority = fs::canonicalize(directory.join("ca.pem")).ok()?;
    let bundle = authority.with_file_name("bundle.pem");
    let bundle = match write(&authority, &bundle) {
        Ok(()) => bundle,
        // Somebody else's directory: hosts that are not read on the way are not trusted then.
        Err(_) if bundle.exists() => bundle,
        Err(_) => authority.clone(),
    };
    Some(Trust {
        authority: authority.to_str()?.to_owned(),
        bundle: bundle.to_str()?.to_owned(),
    })
}

fn write(authority: &Path, bundle: &Path) -> io::Result<()> {
    let mut text = fs::read_to_string(authority)?;
    for certificate in rustls_native_certs::load_native_certs().certs {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = STANDARD.encode(&certificate);
        for line in encoded.as_bytes().chunks(64) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    if fs::read_to_string(bundle).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let beside = bundle.with_extension(format!("{}.new", std::process::id()));
    fs::write(&beside, text)?;
    fs::rename(beside, bundle)
}
