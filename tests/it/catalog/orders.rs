//! Every order and every filter shows the same as sorting everything, page by page, whatever was written
//! before; a cursor stays good while others write; what is derived can be derived again.

use std::time::SystemTime;

use artifact_cache::{
    artifact::{
        Artifact, Filter,
        listing::{By, Order, State},
    },
    catalog::{Catalog, Change, PinOf, TagChange, Tagged},
};

use super::{key, open, store};

fn url(number: u64) -> String {
    let host = match number % 3 {
        0 => "a.example.com",
        1 => "a.example.com:8443",
        _ => "b.example.com",
    };
    format!("https://{host}/{}/{number}", number % 7)
}

/// A few hundred random writes: stores, new versions, hits, removals, tags, pins, soft purges.
async fn churned(catalog: &Catalog, random: &mut fastrand::Rng) {
    for _ in 0..400 {
        let number = random.u64(0..60);
        let id = catalog.artifact_of(&key(&url(number))).expect("read");
        let id = id.map(|artifact| artifact.id);
        match (random.u8(0..10), id) {
            (0..=3, _) | (_, None) => {
                let body = vec![7; random.usize(0..20)];
                store(catalog, &url(number), &body).await;
            }
            (4..=6, Some(id)) => catalog.count_hit(id),
            (7, Some(id)) => drop(catalog.write(Change::Remove { id }).await.expect("removed")),
            (8, Some(_)) => {
                let key = key(&url(number));
                let change = Change::Invalidate { key };
                catalog.write(change).await.expect("marked");
            }
            (_, Some(id)) => {
                let names = vec![format!("t{}", number % 3)];
                let of = Tagged::Id(id);
                let change = Change::Tags(TagChange::Give { of, names });
                catalog.write(change).await.expect("tagged");
            }
        }
        if random.u8(0..20) == 0 {
            catalog.flush_hits().await.expect("flushed");
        }
    }
    let pin = Change::Pin {
        of: PinOf::Url(key(&url(5))),
        note: String::new(),
    };
    catalog.write(pin).await.expect("pinned");
    catalog.flush_hits().await.expect("flushed");
}

fn everything(catalog: &Catalog) -> Vec<Artifact> {
    let filter = Filter {
        limit: 1000,
        ..Filter::default()
    };
    catalog.list(&filter).expect("list")
}

/// The numbers of a list, read in pages of `limit`.
fn paged(catalog: &Catalog, filter: &Filter, limit: usize) -> Vec<u64> {
    let mut filter = Filter {
        limit,
        ..filter.clone()
    };
    let mut ids = Vec::new();
    loop {
        let page = catalog.page(&filter).expect("page");
        assert!(page.artifacts.len() <= limit);
        ids.extend(page.artifacts.iter().map(|artifact| artifact.id));
        match page.next {
            Some(next) => filter.after = next,
            None => return ids,
        }
    }
}

type Passes = Box<dyn Fn(&Artifact) -> bool>;

/// A filter, and what it means.
fn case(
    set: impl FnOnce(&mut Filter),
    passes: impl Fn(&Artifact) -> bool + 'static,
) -> (Filter, Passes) {
    let mut filter = Filter::default();
    set(&mut filter);
    (filter, Box::new(passes))
}

fn filters_of_urls() -> Vec<(Filter, Passes)> {
    let prefix = "https://b.example.com/1";
    let (plain, port) = ("https://a.example.com", "https://a.example.com:8443/3");
    let two = |it: &mut Filter| {
        (it.host, it.contains) = (
            Some("a.example.com:8443".to_owned()),
            Some("com:8443/3".to_owned()),
        );
    };
    vec![
        case(|_| {}, |_| true),
        case(
            |it| it.prefix = Some(prefix.to_owned()),
            move |it| it.source_url.starts_with(prefix),
        ),
        case(
            |it| it.host = Some("a.example.com".to_owned()),
            move |it| it.source_url.starts_with(plain),
        ),
        case(two, move |it| it.source_url.starts_with(port)),
    ]
}

fn filters(middle: SystemTime) -> Vec<(Filter, Passes)> {
    let mut all = filters_of_urls();
    let tag = "t1".to_owned();
    all.extend([
        case(
            |it| it.tag = Some("t1".to_owned()),
            move |it| it.tags.contains(&tag),
        ),
        case(
            |it| (it.size_bytes.from, it.size_bytes.to) = (Some(4), Some(9)),
            |it| (4..=9).contains(&it.versions[0].size_bytes),
        ),
        case(
            |it| it.state = Some(State::Stale),
            |it| it.state == State::Stale,
        ),
        case(|it| it.pinned = Some(true), |it| it.source_url == url(5)),
        case(
            |it| it.used.from = Some(middle),
            move |it| it.last_accessed_at >= middle,
        ),
        case(
            |it| it.created.to = Some(middle),
            move |it| it.first_cached_at <= middle,
        ),
        case(|it| it.content_type = Some("text/*".to_owned()), |_| true),
        case(
            |it| it.content_type = Some("image/png".to_owned()),
            |_| false,
        ),
    ]);
    all
}

fn sort_key(by: By, it: &Artifact) -> (String, u64, u64) {
    let nanoseconds = |time: SystemTime| {
        let since = time
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("after 1970");
        u64::try_from(since.as_nanos()).expect("before 2500")
    };
    match by {
        By::Id => (String::new(), 0, it.id),
        By::Url => (it.source_url.clone(), 0, it.id),
        By::Size => (String::new(), it.versions[0].size_bytes, it.id),
        By::Used => (String::new(), nanoseconds(it.last_accessed_at), it.id),
        By::Hits => (String::new(), it.access_count, it.id),
    }
}

fn compare_all(catalog: &Catalog, random: &mut fastrand::Rng) {
    let mut all = everything(catalog);
    let middle = all[all.len() / 2].last_accessed_at;
    for by in [By::Id, By::Url, By::Size, By::Used, By::Hits] {
        for is_descending in [false, true] {
            all.sort_by_key(|it| sort_key(by, it));
            if is_descending {
                all.reverse();
            }
            for (filter, passes) in filters(middle) {
                let order = Order { by, is_descending };
                let filter = Filter { order, ..filter };
                let expected: Vec<u64> =
                    all.iter().filter(|it| passes(it)).map(|it| it.id).collect();
                let limit = random.usize(1..7);
                assert_eq!(paged(catalog, &filter, limit), expected, "{filter:?}");
                let counted = catalog.count(&filter).expect("count");
                assert_eq!(counted, expected.len() as u64, "{filter:?}");
            }
        }
    }
}

#[tokio::test]
async fn each_order_and_filter_shows_what_sorting_everything_shows() {
    for seed in 0..3 {
        let mut random = fastrand::Rng::with_seed(seed);
        let directory = tempfile::tempdir().expect("directory");
        let catalog = open(directory.path());
        churned(&catalog, &mut random).await;
        compare_all(&catalog, &mut random);
        assert_eq!(catalog.audit().expect("audit").inconsistencies, []);
        catalog.write(Change::Reindex).await.expect("derived again");
        compare_all(&catalog, &mut random);
        assert_eq!(catalog.audit().expect("audit").inconsistencies, []);
    }
}

#[tokio::test]
async fn a_cursor_is_good_while_others_write() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path());
    for number in 0..30 {
        store(&catalog, &url(number), &[0; 5]).await;
    }
    for by in [By::Id, By::Url, By::Size] {
        let before = everything(&catalog);
        let order = Order {
            by,
            is_descending: false,
        };
        let mut filter = Filter {
            order,
            limit: 7,
            ..Filter::default()
        };
        let mut seen = Vec::new();
        while let page = catalog.page(&filter).expect("page")
            && let Some(next) = page.next
        {
            seen.extend(page.artifacts.iter().map(|it| it.id));
            // What the cursor stands on goes, others come; those that stay are all shown once.
            let last = page.artifacts.last().expect("a page").id;
            catalog
                .write(Change::Remove { id: last })
                .await
                .expect("removed");
            let random = fastrand::u64(1000..1_000_000);
            store(&catalog, &url(random), &[0; 9]).await;
            filter.after = next;
        }
        let rest = catalog.list(&filter).expect("list");
        seen.extend(rest.iter().map(|it| it.id));
        for artifact in before {
            let times = seen.iter().filter(|id| **id == artifact.id).count();
            assert_eq!(times, 1, "{by:?} {}", artifact.source_url);
        }
    }
}

#[tokio::test]
async fn tags_are_bounded_counted_and_go_with_their_artifact() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path());
    for number in 0..3 {
        store(&catalog, &url(number), b"same").await;
    }
    let digest = artifact_cache_layers::digest::Sha256::of(b"same");
    let names: Vec<String> = (0..70).map(|n| format!("n{n:02}")).collect();
    let of = Tagged::Blob(digest);
    let change = Change::Tags(TagChange::Give { of, names });
    assert_eq!(catalog.write(change).await.expect("tagged").count, 3);
    let tagged = catalog
        .artifact_of(&key(&url(1)))
        .expect("read")
        .expect("there");
    assert_eq!(tagged.tags.len(), 64);
    let listed = catalog.tags("", 1000).expect("read");
    assert_eq!((listed.len(), &listed[0]), (64, &("n00".to_owned(), 3)));
    catalog
        .write(Change::Remove { id: tagged.id })
        .await
        .expect("removed");
    assert_eq!(
        catalog.tags("n62", 10).expect("read"),
        [("n63".to_owned(), 2)]
    );
    let name = "n00".to_owned();
    let dropped = catalog
        .write(Change::Tags(TagChange::Drop { name }))
        .await
        .expect("dropped");
    assert_eq!(dropped.count, 2);
    assert_eq!(catalog.tags("", 1).expect("read")[0].0, "n01");
    let gone = Change::Tags(TagChange::Give {
        of: Tagged::Url(key("https://nowhere.example/")),
        names: vec!["x".into()],
    });
    assert_eq!(catalog.write(gone).await.expect("nothing").count, 0);
}
