//! Bringing a damaged artifact back: its file is moved aside, and then every URL that had these bytes is asked
//! for them until one still has. The catalog goes on to know the artifact meanwhile, so that its history and
//! its other URLs stay. A request that comes in between finds no file and fetches it by itself.

use artifact_cache_layers::{
    body::BoxError, digest::Sha256, extensions::Anew, semantics::target_uri::TargetUri,
};

use crate::{
    jobs::warm::{Means, reason},
    store::verify::{Pace, Verdict, verify_blob},
};

/// URLs that are asked.
const MAX_SOURCES: usize = 16;

/// What became of a damaged artifact.
pub(super) enum Healed {
    /// It was sound when it was looked at again, or is wanted no more.
    ByItself,
    /// Its bytes came from this URL.
    From(String),
    /// They are nowhere to be had; it is forgotten.
    Not(String),
}

/// Brings back what is damaged.
pub(super) async fn heal(means: &Means, digest: Sha256) -> Result<Healed, BoxError> {
    let store = &means.store;
    let sources = store.catalog().urls_of(&digest, MAX_SOURCES)?;
    if store.quarantine(digest).await?.is_none() {
        return Ok(Healed::ByItself);
    }
    let mut why = String::from("no URL is known to have had it");
    for url in sources {
        let Ok(uri) = url.parse::<TargetUri>() else {
            continue;
        };
        let asked = means.cache.bring(&uri, Some(digest), Some(Anew::Whole));
        if let Err(error) = asked.await {
            why = format!("{url}: {}", reason(&*error));
            continue;
        }
        // The answer is verified, but its commit may be under way.
        store.settle().await;
        if is_sound(means, digest).await? {
            return Ok(Healed::From(url));
        }
        why = format!("{url}: it was not stored");
    }
    // Unless somebody brought it back meanwhile, nothing says any more that it is there.
    if store.committer().recheck(digest).await? {
        return Ok(Healed::Not(why));
    }
    Ok(Healed::ByItself)
}

async fn is_sound(means: &Means, digest: Sha256) -> Result<bool, BoxError> {
    let Some(known) = means.store.catalog().blob(&digest)? else {
        return Ok(false);
    };
    let blobs = means.store.blobs().clone();
    let look = move || verify_blob(&blobs, &digest, known.size_bytes, Pace::default());
    Ok(matches!(
        tokio::task::spawn_blocking(look).await?,
        Ok(Verdict::Sound)
    ))
}
