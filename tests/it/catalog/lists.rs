//! Lists filter, page and stay in order of id.

use artifact_cache::{artifact::Filter, catalog::Catalog};
use artifact_cache_layers::digest::Sha256;

use super::{open, store};

/// Thirty artifacts with the ids 1 to 30: every third on another host, the fifth and sixth the same.
async fn thirty() -> (tempfile::TempDir, Catalog) {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path());
    for number in 0..30 {
        let host = if number % 3 == 0 { "a" } else { "b" };
        let url = format!("https://{host}.example.com/{number}.deb");
        store(&catalog, &url, &[u8::from(number == 4 || number == 5)]).await;
    }
    (directory, catalog)
}

fn ids(catalog: &Catalog, filter: &Filter) -> Vec<u64> {
    let listed = catalog.list(filter).expect("list");
    listed.iter().map(|artifact| artifact.id).collect()
}

fn all() -> Filter {
    Filter {
        limit: 100,
        ..Filter::default()
    }
}

#[tokio::test]
async fn a_page_begins_behind_its_cursor_and_ends_at_its_limit() {
    let (_directory, catalog) = thirty().await;
    assert_eq!(ids(&catalog, &all()), (1..=30).collect::<Vec<_>>());
    let page = Filter {
        limit: 4,
        after: 10.into(),
        ..all()
    };
    assert_eq!(ids(&catalog, &page), [11, 12, 13, 14]);
    let none = Filter { limit: 0, ..all() };
    assert_eq!(ids(&catalog, &none), [0_u64; 0]);
    let last = Filter {
        after: 28.into(),
        ..all()
    };
    let last = catalog.page(&last).expect("page");
    assert_eq!((last.artifacts.len(), last.artifacts[0].id), (2, 29));
}

#[tokio::test]
async fn following_the_cursor_visits_each_artifact_once() {
    let (_directory, catalog) = thirty().await;
    let mut filter = Filter { limit: 7, ..all() };
    let mut visited = Vec::new();
    loop {
        let page = catalog.page(&filter).expect("page");
        visited.extend(page.artifacts.iter().map(|artifact| artifact.id));
        match page.next {
            Some(next) => filter.after = next,
            None => break,
        }
    }
    assert_eq!(visited, (1..=30).collect::<Vec<_>>());
}

#[tokio::test]
async fn filters_narrow_by_host_prefix_part_and_digest() {
    let (_directory, catalog) = thirty().await;
    let host = Filter {
        host: Some("a.example.com".into()),
        ..all()
    };
    assert_eq!(ids(&catalog, &host).len(), 10);
    let prefix = Some("https://b.example.com/2".into());
    let prefix = Filter { prefix, ..all() };
    assert_eq!(ids(&catalog, &prefix).len(), 8);
    let contains = Filter {
        contains: Some("/17.".into()),
        ..all()
    };
    assert_eq!(ids(&catalog, &contains), [18]);
    let digest = Filter {
        digest: Some(Sha256::of(&[1])),
        ..all()
    };
    assert_eq!(ids(&catalog, &digest), [5, 6]);
    let second = Filter {
        limit: 1,
        after: 5.into(),
        ..digest
    };
    assert_eq!(ids(&catalog, &second), [6]);
}
