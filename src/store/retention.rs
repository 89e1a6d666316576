//! How long uploaded files are kept: by rules for their tags and keys, and never less than as long as a
//! pointer leads to them or somebody pinned them.

use std::time::{Duration, SystemTime};

use artifact_cache_layers::digest::Sha256;

use super::{Store, upload::UploadError};
use crate::{
    artifact::file::{Kept, Label},
    catalog::{Change, FileChange, Keeper},
    config::files::{Files, RetentionRule},
    store::commit::CommitError,
};

/// Files looked at in one read transaction.
const BATCH: usize = 500;

/// What the rules make of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Files whose time is over, at most as many as were asked for.
    pub files: Vec<Kept>,
    /// How many files those are in all.
    pub count: u64,
    /// Their bytes.
    pub size_bytes: u64,
}

/// When a file's time is over; `None` when it never is. Each upload counts by the first rule that fits its
/// label, and the latest decides: nobody's file goes because somebody else uploaded the same for a day.
#[must_use]
pub fn expires(kept: &Kept, rules: &[RetentionRule]) -> Option<SystemTime> {
    if kept.is_crowded || kept.pointer.is_some() {
        return None;
    }
    let each = kept.uploads.iter().map(|(label, last)| {
        let rule = rules.iter().find(|rule| fits(rule, label))?;
        last.checked_add(rule.ttl.0)
            .filter(|_| rule.ttl.0 > Duration::ZERO)
    });
    let each: Option<Vec<_>> = each.collect();
    each?.into_iter().max()
}

fn fits(rule: &RetentionRule, label: &Label) -> bool {
    (rule.tag.is_empty() || rule.tag == label.tag) && (rule.key.is_empty() || rule.key == label.key)
}

impl Store {
    /// The files whose time is over by these rules; shows at most `shown` of them. Removes them if `apply`
    /// is set, each in one transaction that looks again.
    ///
    /// # Errors
    /// When the catalog fails. What was removed until then is gone.
    pub async fn expire(
        &self,
        rules: &[RetentionRule],
        apply: bool,
        shown: usize,
    ) -> Result<Expired, UploadError> {
        let mut expired = Expired::default();
        let mut after = None;
        loop {
            let kept = self.batch(after).await?;
            let Some(last) = kept.last() else {
                return Ok(expired);
            };
            after = Some(last.file.digest);
            let now = self.clock().now();
            for kept in kept {
                let is_over = expires(&kept, rules).is_some_and(|over| over <= now);
                if is_over && self.may_go(&kept).await? && (!apply || self.let_go(&kept).await?) {
                    expired.count += 1;
                    expired.size_bytes += kept.file.size_bytes;
                    if expired.files.len() < shown {
                        expired.files.push(kept);
                    }
                }
            }
        }
    }

    /// The scheduled run: what goes is logged; unless it is applied, it only says what would go.
    ///
    /// # Errors
    /// As [`Store::expire`].
    pub async fn expire_scheduled(&self, settings: &Files) -> Result<(), UploadError> {
        if settings.retention.is_empty() {
            return Ok(());
        }
        let expired = self.expire(&settings.retention, settings.expire, 0).await?;
        if expired.count > 0 {
            let (files, size_bytes) = (expired.count, expired.size_bytes);
            let message = if settings.expire {
                "uploaded files expired"
            } else {
                "uploaded files would expire; files.expire removes them"
            };
            tracing::info!(files, size_bytes, "{message}");
        }
        Ok(())
    }

    async fn batch(&self, after: Option<Sha256>) -> Result<Vec<Kept>, UploadError> {
        let catalog = self.catalog().clone();
        let read = move || catalog.kept_files(after.as_ref(), BATCH);
        let read = tokio::task::spawn_blocking(read).await;
        let kept = read.map_err(|_| UploadError::Shutdown)?;
        Ok(kept.map_err(CommitError::from)?)
    }

    /// Whether nothing but the upload itself keeps it.
    async fn may_go(&self, kept: &Kept) -> Result<bool, UploadError> {
        let (catalog, digest) = (self.catalog().clone(), kept.file.digest);
        let keepers = tokio::task::spawn_blocking(move || catalog.keepers(&digest)).await;
        let keepers = keepers.map_err(|_| UploadError::Shutdown)?;
        let keepers = keepers.map_err(CommitError::from)?;
        Ok(keepers.iter().all(|keeper| *keeper == Keeper::Upload))
    }

    async fn let_go(&self, kept: &Kept) -> Result<bool, UploadError> {
        let (digest, uploads) = (kept.file.digest, kept.uploads.clone());
        let change = Change::ExpireFile { digest, uploads };
        let gone = self.take_out(digest, change).await? == FileChange::Done;
        if gone {
            tracing::info!(file_id = %digest, "uploaded file expired");
        }
        Ok(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{artifact::file::File, config::units::Span};

    fn at(days: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400)
    }

    fn kept(uploads: &[(&str, &str, u64)]) -> Kept {
        let label = |tag: &str, key: &str| Label {
            tag: tag.into(),
            key: key.into(),
        };
        Kept {
            file: File {
                digest: Sha256::of(b"x"),
                size_bytes: 1,
                content_type: "a/b".into(),
                created_at: at(0),
            },
            uploads: uploads
                .iter()
                .map(|&(tag, key, day)| (label(tag, key), at(day)))
                .collect(),
            is_crowded: false,
            pointer: None,
        }
    }

    fn rule(tag: &str, key: &str, days: u64) -> RetentionRule {
        RetentionRule {
            tag: tag.into(),
            key: key.into(),
            ttl: Span::seconds(days * 86_400),
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_the_latest_upload() {
        let rules = [
            rule("nightly", "ci", 1),
            rule("nightly", "", 7),
            rule("", "ci", 30),
        ];
        for (uploads, expected) in [
            (&[("nightly", "ci", 1)][..], Some(at(2))),
            (&[("nightly", "other", 1)], Some(at(8))),
            (&[("release", "ci", 1)], Some(at(31))),
            (&[("release", "other", 1)], None),
            (
                &[("nightly", "ci", 10), ("nightly", "other", 1)],
                Some(at(11)),
            ),
            (&[("nightly", "ci", 1), ("", "", 0)], None),
        ] {
            assert_eq!(expires(&kept(uploads), &rules), expected, "{uploads:?}");
        }
        assert_eq!(expires(&kept(&[("a", "", 1)]), &[rule("", "", 0)]), None);
    }

    #[test]
    fn what_a_pointer_holds_or_too_many_uploaded_never_expires() {
        let rules = [rule("", "", 1)];
        let file = kept(&[("", "", 1)]);
        assert_eq!(expires(&file, &rules), Some(at(2)));
        let pointer =
            crate::artifact::file::PointerName::new(crate::artifact::file::Owner::Run, "r");
        assert_eq!(
            expires(
                &Kept {
                    pointer,
                    ..file.clone()
                },
                &rules
            ),
            None
        );
        let is_crowded = true;
        assert_eq!(expires(&Kept { is_crowded, ..file }, &rules), None);
    }
}
