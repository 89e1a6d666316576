//! What the verbs of `ca` do with the files of the authority.

use std::time::{Duration, SystemTime};

use artifact_cache_layers::body::BoxError;

use crate::{
    cli::settings::Settings,
    clock::Clock,
    config,
    proxy::authority::{Description, Directory, Scope, Wanted, make},
    upstream::Roots,
};

/// An authority as it is shown.
pub(in crate::cli) struct Shown {
    pub(in crate::cli) name: String,
    pub(in crate::cli) sha256: String,
    pub(in crate::cli) not_before: String,
    pub(in crate::cli) not_after: String,
    pub(in crate::cli) hosts: Vec<String>,
    pub(in crate::cli) certificate: String,
    pub(in crate::cli) key: String,
}

/// Makes an authority with this name, bound to these hosts, for this many days.
pub(in crate::cli) fn init(
    settings: Settings,
    (name, hosts, days): (String, Vec<String>, u32),
) -> Result<Shown, BoxError> {
    let directory = directory(settings)?;
    let wanted = Wanted {
        name,
        scope: Scope::parse(&hosts)?,
        lifetime: of_days(days),
    };
    directory.create(&make(&wanted, Clock::system().now())?)?;
    described(&directory)
}

/// Makes another authority like the one that is there.
pub(in crate::cli) fn rotate(settings: Settings, days: u32) -> Result<Shown, BoxError> {
    let directory = directory(settings)?;
    let authority = directory.load()?;
    let old = authority.description();
    let wanted = Wanted {
        name: old.name.trim_start_matches("CN=").to_owned(),
        scope: Scope::parse(&old.hosts)?,
        lifetime: of_days(days),
    };
    directory.replace(&make(&wanted, Clock::system().now())?)?;
    described(&directory)
}

/// What is there.
pub(in crate::cli) fn show(settings: Settings) -> Result<Shown, BoxError> {
    described(&directory(settings)?)
}

/// The certificates in PEM, behind the machine's own if wanted.
pub(in crate::cli) fn export(settings: Settings, with_own: bool) -> Result<String, BoxError> {
    let pem = directory(settings)?.pem()?;
    Ok(if with_own {
        format!("{}{pem}", Roots::native_pem())
    } else {
        pem
    })
}

fn directory(settings: Settings) -> Result<Directory, BoxError> {
    let config = config::load(&super::sources(settings))?.config;
    Ok(Directory::new(config.intercept.authority(&config.storage)))
}

fn described(directory: &Directory) -> Result<Shown, BoxError> {
    let authority = directory.load()?;
    let Description {
        name,
        sha256,
        not_before,
        not_after,
        hosts,
    } = authority.description().clone();
    Ok(Shown {
        name,
        sha256: sha256.to_string(),
        not_before: date(not_before),
        not_after: date(not_after),
        hosts,
        certificate: directory.certificate().display().to_string(),
        key: directory.key().display().to_string(),
    })
}

fn date(seconds: i64) -> String {
    let seconds = Duration::from_secs(seconds.unsigned_abs());
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + seconds)
}

const fn of_days(days: u32) -> Duration {
    Duration::from_hours(24 * days as u64)
}
