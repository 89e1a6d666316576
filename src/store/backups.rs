//! What backups under way still need. A backup names every blob that the catalog had when it began and
//! takes them in order of digest; until it is past one, that blob is not unlinked.

use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use artifact_cache_layers::digest::Sha256;

/// How far a backup has come: everything up to this digest is taken.
type Position = Mutex<Option<Sha256>>;

/// The backups of one store; clones share them.
#[derive(Clone, Default)]
pub(super) struct Backups(Arc<RwLock<Vec<Arc<Position>>>>);

/// A backup under way; dropping it ends it.
pub(crate) struct Underway {
    backups: Backups,
    position: Arc<Position>,
}

/// Somebody removes blobs; no backup begins meanwhile, so that what was decided stays right.
pub(super) struct Removing<'b>(RwLockReadGuard<'b, Vec<Arc<Position>>>);

impl Backups {
    /// Begins a backup, before the catalog is copied. Waits for removals under way.
    pub(super) fn begin(&self) -> Underway {
        let position = Arc::<Position>::default();
        let mut positions = self.0.write().unwrap_or_else(PoisonError::into_inner);
        positions.push(position.clone());
        Underway {
            backups: self.clone(),
            position,
        }
    }

    /// Begins to remove blobs. To be kept until the last of them is unlinked.
    pub(super) fn removing(&self) -> Removing<'_> {
        Removing(self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Underway {
    /// Everything up to `digest` was taken.
    pub(crate) fn is_past(&self, digest: Sha256) {
        let mut position = self.position.lock().unwrap_or_else(PoisonError::into_inner);
        *position = Some(digest);
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let mut positions = self
            .backups
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        positions.retain(|position| !Arc::ptr_eq(position, &self.position));
    }
}

impl Removing<'_> {
    /// Whether no backup needs a blob any more.
    pub(super) fn may_go(&self, digest: &Sha256) -> bool {
        self.0.iter().all(|position| {
            let position = position.lock().unwrap_or_else(PoisonError::into_inner);
            position.is_some_and(|position| digest.as_bytes() <= position.as_bytes())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_keeps_what_it_has_not_passed_and_nothing_once_it_is_over() {
        let backups = Backups::default();
        let [low, high] = [[1; 32], [2; 32]].map(Sha256::from);
        let may_go = |digest| backups.removing().may_go(&digest);
        assert!(may_go(low));
        let underway = backups.begin();
        assert!(!may_go(low));
        underway.is_past(low);
        assert!(may_go(low) && !may_go(high));
        let another = backups.begin();
        assert!(!may_go(low));
        drop((underway, another));
        assert!(may_go(high));
    }
}
