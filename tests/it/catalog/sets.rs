//! What is kept of one URL, and what each change does to it and to the sums.

use artifact_cache::{
    artifact::Totals,
    catalog::{CatalogError, Change, MAX_VERSIONS, Written},
};
use artifact_cache_layers::digest::Sha256;
use http::{StatusCode, header};

use super::{addition, key, open, store};

#[tokio::test]
async fn variants_are_told_apart_by_their_nominated_fields_and_are_bounded() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path());
    let url = "https://example.com/vary";
    for language in (0..20).chain([7]) {
        let body = format!("in language {language}");
        let mut addition = addition(url, body.as_bytes());
        let value = Some(language.to_string().into_bytes());
        addition.response.nominated = vec![(header::ACCEPT_LANGUAGE, value)];
        catalog.write(addition.into()).await.expect("stored");
    }
    let set = catalog.responses(&key(url)).expect("read").expect("set");
    let digests: Vec<_> = set
        .responses
        .iter()
        .map(|stored| stored.response.digest)
        .collect();
    let expected = [7]
        .into_iter()
        .chain((4..20).rev().filter(|&language| language != 7));
    let expected: Vec<_> = expected
        .map(|language| Sha256::of(format!("in language {language}").as_bytes()))
        .collect();
    assert_eq!(digests, expected);
}

#[tokio::test]
async fn versions_are_newest_first_bounded_and_keep_when_they_were_first_seen() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path());
    let url = "https://example.com/latest";
    store(&catalog, url, b"0").await;
    let first = catalog
        .responses(&key(url))
        .expect("read")
        .expect("set")
        .versions[0]
        .first_seen;
    store(&catalog, url, b"1").await;
    store(&catalog, url, b"0").await;
    let set = catalog.responses(&key(url)).expect("read").expect("set");
    let digests: Vec<_> = set.versions.iter().map(|version| version.digest).collect();
    assert_eq!(digests, [Sha256::of(b"0"), Sha256::of(b"1")]);
    assert_eq!(set.versions[0].first_seen, first);
    assert!(set.versions[0].last_seen > first);
    assert_eq!(set.responses.len(), 1, "one variant, replaced each time");
    let mut released = Vec::new();
    for number in 2..70_u8 {
        released.extend(store(&catalog, url, &[number, b'!']).await.released);
    }
    let set = catalog.responses(&key(url)).expect("read").expect("set");
    assert_eq!(set.versions.len(), MAX_VERSIONS);
    assert_eq!(released[..2], [Sha256::of(b"1"), Sha256::of(b"0")]);
    assert_eq!(catalog.totals().expect("totals").total_blobs, 64);
}

#[tokio::test]
async fn a_response_that_is_not_a_whole_representation_is_no_artifact() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path());
    let mut missing = addition("https://example.com/404", b"not here");
    missing.response.status = StatusCode::NOT_FOUND;
    catalog.write(missing.clone().into()).await.expect("stored");
    let set = catalog.responses(&missing.key).expect("read").expect("set");
    assert!(set.versions.is_empty());
    assert!(catalog.artifact(set.id).expect("read").is_none());
    let totals = catalog.totals().expect("totals");
    assert_eq!((totals.total_items, totals.total_blobs), (0, 1));
    let key = missing.key;
    let removed = catalog
        .write(Change::RemoveUrl { key })
        .await
        .expect("removed");
    assert_eq!(removed.released, [Sha256::of(b"not here")]);
}

#[tokio::test]
async fn totals_follow_every_change_and_deduplicate() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path());
    let one = store(&catalog, "https://example.com/1", b"shared").await;
    store(&catalog, "https://example.com/2", b"shared").await;
    let totals = catalog.totals().expect("totals");
    assert_eq!((totals.total_items, totals.total_blobs), (2, 1));
    assert_eq!(
        (totals.total_size_bytes, totals.logical_size_bytes),
        (6, 12)
    );
    let id = one.artifact.expect("artifact");
    let removed = catalog.write(Change::Remove { id }).await.expect("removed");
    assert_eq!((removed.artifact, removed.released.len()), (Some(id), 0));
    let key = key("https://example.com/2");
    let removed = catalog
        .write(Change::RemoveUrl { key })
        .await
        .expect("removed");
    assert_eq!(removed.released, [Sha256::of(b"shared")]);
    assert_eq!(catalog.totals().expect("totals"), Totals::default());
    assert!(
        catalog
            .blob(&Sha256::of(b"shared"))
            .expect("read")
            .is_none()
    );
    assert!(catalog.is_removable(&Sha256::of(b"shared")).expect("read"));
    let again = catalog
        .write(Change::Remove { id })
        .await
        .expect("nothing to do");
    assert_eq!(again, Written::default());
    store(&catalog, "https://example.com/2", b"shared").await;
    assert!(!catalog.is_removable(&Sha256::of(b"shared")).expect("read"));
}

#[tokio::test]
async fn invalidating_marks_every_variant_until_it_is_stored_again() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path());
    let url = "https://example.com/a";
    store(&catalog, url, b"body").await;
    let key = key(url);
    catalog
        .write(Change::Invalidate { key })
        .await
        .expect("invalidated");
    let set = catalog.responses(&key).expect("read").expect("set");
    assert!(set.responses[0].invalidated);
    let refresh = Change::Refer(addition(url, b"body"));
    catalog.write(refresh).await.expect("freshened");
    let set = catalog.responses(&key).expect("read").expect("set");
    assert!(!set.responses[0].invalidated);
}

#[tokio::test]
async fn a_url_can_refer_to_known_bytes_only() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path());
    let alias = || Change::Refer(addition("https://mirror.example.com/a", b"body"));
    let refused = catalog.write(alias()).await;
    assert!(matches!(refused, Err(CatalogError::UnknownBlob(_))));
    store(&catalog, "https://example.com/a", b"body").await;
    catalog.write(alias()).await.expect("referred");
    let digest = Sha256::of(b"body");
    let holder = catalog.holder(&digest).expect("read").expect("holder");
    assert_eq!(holder.response, Some(0));
    for url in ["https://example.com/a", "https://mirror.example.com/a"] {
        let key = key(url);
        catalog
            .write(Change::RemoveUrl { key })
            .await
            .expect("removed");
    }
    assert!(catalog.holder(&digest).expect("read").is_none());
    let refused = catalog.write(alias()).await;
    assert!(
        matches!(refused, Err(CatalogError::UnknownBlob(_))),
        "removed meanwhile"
    );
}

#[tokio::test]
async fn a_forgotten_blob_turns_its_urls_into_misses_but_spares_their_past() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path());
    store(&catalog, "https://example.com/both", b"old").await;
    store(&catalog, "https://example.com/both", b"new").await;
    store(&catalog, "https://example.com/only", b"new").await;
    let digest = Sha256::of(b"new");
    catalog
        .write(Change::ForgetBlob { digest })
        .await
        .expect("forgotten");
    let both = catalog
        .responses(&key("https://example.com/both"))
        .expect("read");
    let both = both.expect("its past is left");
    assert!(both.responses.is_empty());
    assert_eq!(both.versions.len(), 1);
    let only = catalog
        .responses(&key("https://example.com/only"))
        .expect("read");
    assert!(only.is_none());
    let holder = catalog
        .holder(&Sha256::of(b"old"))
        .expect("read")
        .expect("holder");
    assert_eq!(holder.response, None, "only by its past");
    assert_eq!(catalog.audit().expect("audit").inconsistencies, []);
    assert_eq!(catalog.totals().expect("totals").total_items, 1);
}
