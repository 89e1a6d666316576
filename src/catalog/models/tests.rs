//! Tables of the registry that disagree: each way to be wrong is found, and mended.

use crate::{
    artifact::{
        event::{Event, EventKind},
        model::{MadeOf, Model, Stage, notice::Announcement},
        moment::Moment,
    },
    catalog::{
        Catalog, CatalogOptions, Change, Inconsistency, ModelFilter, ModelSort, codec,
        environment::Tables,
        models::{Counted, NUMBERS_KEY, Numbers, keys, texts},
        table::Table,
        upgrade,
    },
    clock::Clock,
};

fn model(id: u64, stage: Stage) -> Model {
    Model {
        id,
        name: "m".into(),
        version: id.to_string(),
        stage,
        tags: Some(vec!["t".into()]),
        created_at: Moment(1000),
        updated_at: Moment(1000 + id),
        made_of: MadeOf {
            checkpoint_sha256: Some("ab".repeat(32)),
            run_id: Some("r".into()),
            ..MadeOf::default()
        },
        ..Model::default()
    }
}

fn event(id: u64, model_id: u64) -> Event {
    Event {
        id,
        model_id,
        kind: EventKind::Create,
        created_at: Moment(1000),
        actor: None,
        payload: None,
    }
}

/// Three models, the second in production, each with an event.
fn sound() -> (tempfile::TempDir, Catalog) {
    let directory = tempfile::tempdir().expect("directory");
    let options = CatalogOptions::default();
    let catalog = Catalog::open(directory.path(), &options, Clock::system()).expect("catalog");
    for (id, stage) in [
        (1, Stage::Staging),
        (2, Stage::Production),
        (3, Stage::Staging),
    ] {
        let change = Change::ImportModel(Box::new(model(id, stage)), vec![event(id, id)]);
        catalog.write_blocking(change).expect("imported");
    }
    (directory, catalog)
}

type Which = fn(&Tables) -> Table;

/// Writes past the writer; nothing removes.
fn tamper(catalog: &Catalog, which: Which, key: &[u8], value: Option<&[u8]>) {
    let environment = catalog.environment();
    let mut txn = environment.lmdb.write_txn().expect("transaction");
    let table = which(&environment.tables);
    match value {
        Some(value) => table.put(&mut txn, key, value).expect("put"),
        None => assert!(table.delete(&mut txn, key).expect("delete"), "it was there"),
    }
    txn.commit().expect("commit");
}

fn faults(catalog: &Catalog) -> Vec<Inconsistency> {
    catalog.audit().expect("audit").inconsistencies
}

fn wrong(database: &'static str, key: &[u8]) -> Inconsistency {
    let key = key.to_vec();
    Inconsistency::WrongEntry { database, key }
}

/// Finds exactly this, mends it, and finds nothing more.
#[track_caller]
fn assert_mended(catalog: &Catalog, expected: &[Inconsistency]) {
    let found = faults(catalog);
    for one in expected {
        assert!(found.contains(one), "{one:?} in {found:?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:?}");
    catalog.write_blocking(Change::Reindex).expect("reindexed");
    assert_eq!(faults(catalog), []);
}

fn listed(catalog: &Catalog) -> Vec<u64> {
    let filter = ModelFilter {
        tag: Some("t".into()),
        ascending: true,
        limit: 10,
        ..ModelFilter::default()
    };
    catalog.list_model_ids(&filter).expect("listed")
}

#[test]
fn sound_tables_have_no_faults_and_reindexing_changes_nothing() {
    let (_directory, catalog) = sound();
    let stats = catalog.model_stats().expect("stats");
    assert_mended(&catalog, &[]);
    assert_eq!(catalog.model_stats().expect("stats"), stats);
    assert_eq!(listed(&catalog), [1, 2, 3]);
}

#[test]
fn a_missing_and_a_strange_order_are_mended() {
    let (_directory, catalog) = sound();
    let missing = keys::orders(&model(1, Stage::Staging));
    for key in &missing {
        tamper(&catalog, |tables| tables.model_orders, key, None);
    }
    let strange = keys::orders(&model(9, Stage::Archived)).remove(0);
    tamper(&catalog, |tables| tables.model_orders, &strange, Some(&[]));
    assert_eq!(listed(&catalog), [2, 3]);
    let faults = missing.iter().chain([&strange]);
    let faults: Vec<_> = faults.map(|key| wrong("model_orders", key)).collect();
    assert_mended(&catalog, &faults);
    assert_eq!(listed(&catalog), [1, 2, 3]);
}

#[test]
fn names_that_lead_elsewhere_are_mended() {
    let (_directory, catalog) = sound();
    let names = |tables: &Tables| tables.model_names;
    let (first, production) = (keys::named("m", "1"), keys::production("m"));
    let three = codec::encode(&3_u64).expect("encoded");
    tamper(&catalog, names, &first, Some(&three));
    tamper(&catalog, names, &production, None);
    let stray = keys::named("m", "9");
    tamper(&catalog, names, &stray, Some(&three));
    assert!(catalog.model_in_production("m").expect("read").is_none());
    let expected = [
        wrong("model_names", &first),
        wrong("model_names", &first),
        wrong("model_names", &production),
        wrong("model_names", &stray),
    ];
    assert_mended(&catalog, &expected);
    let found = catalog.model_named("m", "1").expect("read").expect("there");
    assert_eq!(found.id, 1);
    let found = catalog
        .model_in_production("m")
        .expect("read")
        .expect("there");
    assert_eq!(found.id, 2);
    assert!(catalog.model_named("m", "9").expect("read").is_none());
}

#[test]
fn counts_and_numbers_are_mended_and_no_number_is_given_twice() {
    let (_directory, catalog) = sound();
    let staging = [b's', Stage::Staging as u8];
    let seven = codec::encode(&Counted::Stage(Stage::Staging, 7)).expect("encoded");
    tamper(
        &catalog,
        |tables| tables.model_counts,
        &staging,
        Some(&seven),
    );
    let numbers = codec::encode(&Numbers::default()).expect("encoded");
    tamper(&catalog, |tables| tables.meta, NUMBERS_KEY, Some(&numbers));
    // The wrong count is wrong, and the right one is not there.
    let count = wrong("model_counts", &staging);
    assert_mended(&catalog, &[count, wrong("meta", NUMBERS_KEY)]);
    assert_eq!(catalog.model_stats().expect("stats").by_stage["staging"], 2);
    let txn = catalog.environment().read().expect("transaction");
    let numbers = catalog
        .environment()
        .tables
        .registry_numbers(&txn)
        .expect("numbers");
    assert_eq!((numbers.model, numbers.event), (3, 3));
}

#[test]
fn records_that_cannot_be_read_are_dropped_with_what_led_to_them() {
    let (_directory, catalog) = sound();
    let key = 1_u64.to_be_bytes();
    tamper(&catalog, |tables| tables.models, &key, Some(b"nonsense"));
    let misplaced = codec::encode(&event(3, 3)).expect("encoded");
    let place = keys::event(1, 3);
    tamper(
        &catalog,
        |tables| tables.model_events,
        &place,
        Some(&misplaced),
    );
    let found = faults(&catalog);
    assert!(found.contains(&wrong("models", &key)), "{found:?}");
    assert!(found.contains(&wrong("model_events", &place)), "{found:?}");
    catalog.write_blocking(Change::Reindex).expect("reindexed");
    assert_eq!(faults(&catalog), []);
    assert_eq!(listed(&catalog), [2, 3]);
    assert_eq!(catalog.model_events(1, 0, 10).expect("read").len(), 1);
}

#[test]
fn of_two_versions_in_production_the_one_changed_last_stays() {
    let (_directory, catalog) = sound();
    let third = codec::encode(&model(3, Stage::Production)).expect("encoded");
    tamper(
        &catalog,
        |tables| tables.models,
        &3_u64.to_be_bytes(),
        Some(&third),
    );
    assert!(!faults(&catalog).is_empty());
    catalog.write_blocking(Change::Reindex).expect("reindexed");
    assert_eq!(faults(&catalog), []);
    let found = catalog
        .model_in_production("m")
        .expect("read")
        .expect("there");
    assert_eq!(found.id, 3);
    let demoted = catalog.model(2).expect("read").expect("there");
    assert_eq!(demoted.stage, Stage::Staging);
    let events = catalog.model_events(2, 0, 10).expect("read");
    assert_eq!(events[0].kind, EventKind::AutoDemote);
    assert_eq!(events[0].actor.as_deref(), Some("fsck"));
}

#[test]
fn texts_that_disagree_with_their_models_are_mended() {
    let (_directory, catalog) = sound();
    let texts = |tables: &Tables| tables.model_texts;
    let (first, stray) = (texts::block_of(1), texts::block_of(700));
    let without = {
        let txn = catalog.environment().read().expect("transaction");
        let block = texts(&catalog.environment().tables).get(&txn, &first);
        texts::with(block.expect("read"), 2, None).expect("sound")
    };
    let without = without.expect("a rest");
    tamper(&catalog, texts, &first, Some(&without));
    tamper(&catalog, texts, &stray, Some(&without));
    let expected = [wrong("model_texts", &first), wrong("model_texts", &stray)];
    assert_mended(&catalog, &expected);
    tamper(&catalog, texts, &first, Some(b"nonsense"));
    assert!(faults(&catalog).contains(&wrong("model_texts", &first)));
    catalog.write_blocking(Change::Reindex).expect("reindexed");
    assert_eq!(faults(&catalog), []);
}

#[test]
fn of_two_models_of_one_name_and_version_both_stay_and_can_be_told_apart() {
    let (_directory, catalog) = sound();
    let models = |tables: &Tables| tables.models;
    for id in [4, 5] {
        let twin = Model {
            id,
            ..model(2, Stage::Staging)
        };
        let record = codec::encode(&twin).expect("encoded");
        tamper(&catalog, models, &u64::to_be_bytes(id), Some(&record));
    }
    let found = faults(&catalog);
    for other in [4, 5] {
        let same = Inconsistency::SameName { one: 2, other };
        assert!(found.contains(&same), "{found:?}");
    }
    catalog.write_blocking(Change::Reindex).expect("reindexed");
    assert_eq!(faults(&catalog), []);
    let named = |version: &str| catalog.model_named("m", version).expect("read");
    assert_eq!(named("2").expect("in production").id, 2);
    for id in [4, 5] {
        let version = format!("2~{id}");
        assert_eq!(named(&version).expect("renamed").id, id);
        let events = catalog.model_events(id, 0, 10).expect("read");
        assert_eq!(events[0].kind, EventKind::Update);
        let payload = events[0].payload.as_deref().expect("payload");
        assert!(payload.contains(&version), "{payload}");
    }
}

#[test]
fn a_message_that_cannot_be_read_is_dropped_and_stops_no_other() {
    let (_directory, catalog) = sound();
    let outbox = |tables: &Tables| tables.outbox;
    let announcement = Announcement {
        id: "m1-1-promoted".into(),
        event: "model.promoted".into(),
        body: "{}".into(),
    };
    let good = codec::encode(&(vec!["ci"], &announcement)).expect("encoded");
    tamper(&catalog, outbox, &7_u64.to_be_bytes(), Some(b"nonsense"));
    tamper(&catalog, outbox, &8_u64.to_be_bytes(), Some(&good));
    let next = catalog.next_announcement("ci", 0).expect("read");
    assert_eq!(next, Some((8, announcement)));
    assert_eq!(catalog.next_announcement("other", 0).expect("read"), None);
    assert_mended(&catalog, &[wrong("outbox", &7_u64.to_be_bytes())]);
    assert_eq!(catalog.announcements_waiting().expect("read"), 1);
}

#[test]
fn a_catalog_of_the_first_format_gets_its_texts() {
    let (directory, catalog) = sound();
    tamper(
        &catalog,
        |tables| tables.model_texts,
        &texts::block_of(1),
        None,
    );
    let first = codec::encode(&1_u32).expect("encoded");
    tamper(
        &catalog,
        |tables| tables.meta,
        upgrade::FORMAT_KEY,
        Some(&first),
    );
    assert!(!faults(&catalog).is_empty());
    drop(catalog);
    let options = CatalogOptions::default();
    let catalog = Catalog::open(directory.path(), &options, Clock::system()).expect("catalog");
    assert_eq!(faults(&catalog), []);
}

/// What a list would be without blocks: every model looked at.
fn by_looking(models: &[Model], filter: &ModelFilter) -> Vec<u64> {
    let text = filter
        .contains
        .as_deref()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let has = |model: &&Model| {
        let texts = [
            Some(&model.name),
            Some(&model.version),
            model.description.as_ref(),
        ];
        let mut texts = texts.into_iter().flatten();
        texts.any(|one| one.to_ascii_lowercase().contains(&text))
            && filter.stage.is_none_or(|stage| stage == model.stage)
            && (filter.run_id.is_none() || filter.run_id == model.made_of.run_id)
    };
    let mut found: Vec<_> = models.iter().filter(has).collect();
    found.sort_by_key(|model| (filter.sort.value(model), model.id));
    if !filter.ascending {
        found.reverse();
    }
    let page = found.into_iter().skip(filter.offset).take(filter.limit);
    page.map(|model| model.id).collect()
}

/// Models of which few, many or all have a text, some of them long.
fn many() -> Vec<Model> {
    let described = |id: u64| match id % 7 {
        0 => None,
        1 => Some(format!("{} Needle {id}", "x".repeat(5000))),
        _ => Some(format!("step {id} of the Weekly run")),
    };
    let one = |id: u64| Model {
        name: format!("m{}", id % 3),
        version: id.to_string(),
        description: described(id),
        updated_at: Moment(1000 + id * 7919 % 5000),
        made_of: MadeOf {
            run_id: Some(format!("r{}", id % 2)),
            ..MadeOf::default()
        },
        ..model(
            id,
            [Stage::Staging, Stage::Archived][usize::from(id.is_multiple_of(5))],
        )
    };
    (1..=3000).map(one).collect()
}

#[test]
fn a_text_is_found_wherever_it_stands_as_if_every_model_was_looked_at() {
    let directory = tempfile::tempdir().expect("directory");
    let options = CatalogOptions::default();
    let catalog = Catalog::open(directory.path(), &options, Clock::system()).expect("catalog");
    let models = many();
    let changes = models.iter().cloned();
    let changes = changes.map(|model| Change::ImportModel(Box::new(model), Vec::new()));
    catalog.write_all_blocking(changes).expect("imported");
    for text in [
        "nowhere",
        "WEEKLY",
        "needle 29",
        "m1",
        "2999",
        "step 1",
        "1",
        "",
    ] {
        for (sort, ascending) in [(ModelSort::CreatedAt, true), (ModelSort::UpdatedAt, false)] {
            for (offset, stage, run_id) in [
                (0, None, None),
                (37, Some(Stage::Archived), None),
                (990, None, Some("r1".to_owned())),
            ] {
                let filter = ModelFilter {
                    contains: Some(text.into()),
                    sort,
                    ascending,
                    offset,
                    stage,
                    run_id,
                    limit: 50,
                    ..ModelFilter::default()
                };
                let found = catalog.list_model_ids(&filter).expect("listed");
                assert_eq!(found, by_looking(&models, &filter), "{filter:?}");
            }
        }
    }
    assert_eq!(faults(&catalog), []);
}
