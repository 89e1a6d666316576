//! The registry with 100,000 models and 1,000,000 events: how long pages, look-ups and the start take.
//!
//! `REGISTRY_MODELS` sets another number of models; each has ten events. With `--test` there are few.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up may panic"
)]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use artifact_cache::{
    artifact::{
        event::{Event, EventKind},
        model::{MadeOf, Model, Stage},
        moment::Moment,
    },
    catalog::{Catalog, CatalogOptions, Change, ModelFilter, ModelSort},
    clock::Clock,
};
use hdrhistogram::Histogram;

const EVENTS: u64 = 10;
const NAMES: u64 = 1000;
const READS: u64 = 20_000;
const BATCH: u64 = 2048;

fn open(directory: &Path) -> Catalog {
    let options = CatalogOptions::default();
    Catalog::open(directory, &options, Clock::system()).expect("catalog")
}

/// A model with the fields that a trainer sends.
fn model(id: u64) -> Model {
    let created_at = Moment(1_700_000_000_000 + id * 1000);
    Model {
        id,
        name: format!("model-{}", id % NAMES),
        version: format!("v{}", id / NAMES),
        stage: match (id / NAMES, id % 4) {
            (0, _) => Stage::Production,
            (_, 1) => Stage::Staging,
            (_, 2) => Stage::Archived,
            _ => Stage::Experimental,
        },
        description: Some(format!("checkpoint of step {id} of the weekly run")),
        tags: Some(vec![format!("team-{}", id % 50), "weekly".into()]),
        created_at,
        updated_at: Moment(created_at.0 + (id * 7919) % 1_000_000_000),
        made_of: MadeOf {
            artifact_uri: format!("s3://models/weekly/{id}/checkpoint.pt"),
            checkpoint_sha256: Some(format!("{id:064x}")),
            checkpoint_size_bytes: Some(4_000_000_000),
            run_id: Some(format!("run-{}", id / 10)),
            ..MadeOf::default()
        },
        training_step: Some(i64::try_from(id % 100_000).expect("small")),
        training_loss: Some(0.25),
        metrics: Some(r#"{"suites":{"core-v1":{"score":0.5,"_meta":{"actor":"ci"}}}}"#.into()),
        ..Model::default()
    }
}

fn events(id: u64) -> Vec<Event> {
    let event = |number| Event {
        id: (id - 1) * EVENTS + number,
        model_id: id,
        kind: EventKind::Eval,
        created_at: Moment(1_700_000_000_000),
        actor: Some("key:dev…".into()),
        payload: Some(r#"{"suite":"core-v1","metrics":{"score":0.5}}"#.into()),
    };
    (1..=EVENTS).map(event).collect()
}

fn fill(catalog: &Catalog, models: u64) {
    let start = Instant::now();
    for first in (1..=models).step_by(usize::try_from(BATCH).expect("small")) {
        let ids = first..=models.min(first + BATCH - 1);
        let changes = ids.map(|id| Change::ImportModel(Box::new(model(id)), events(id)));
        catalog.write_all_blocking(changes).expect("written");
    }
    let size = catalog.size_bytes().expect("size") >> 20;
    println!(
        "filled with {models} models and {} events in {:?}, {size} MiB",
        models * EVENTS,
        start.elapsed()
    );
}

fn report(name: &str, reads: u64, mut read: impl FnMut(u64) -> usize) {
    let mut times = Histogram::<u64>::new(3).expect("histogram");
    let mut found = 0;
    for number in 0..reads {
        let start = Instant::now();
        found += read(number);
        let nanoseconds = u64::try_from(start.elapsed().as_nanos()).expect("short");
        times.record(nanoseconds).expect("in range");
    }
    let at = |quantile| Duration::from_nanos(times.value_at_quantile(quantile));
    let (half, most, all) = (at(0.5), at(0.99), at(1.0));
    println!("{name:<28} p50 {half:>10.1?}  p99 {most:>10.1?}  max {all:>10.1?}  {found} found");
}

fn list(catalog: &Catalog, filter: &ModelFilter) -> usize {
    let filter = ModelFilter {
        limit: 50,
        ..filter.clone()
    };
    catalog.list_models(&filter).expect("list").len()
}

/// The filters whose pages are measured, each made from the number of the read.
type Filters = [(&'static str, fn(u64) -> ModelFilter); 9];

const FILTERS: Filters = [
    ("list, newest 50", |_| ModelFilter::default()),
    ("list, by updated_at", |number| ModelFilter {
        sort: ModelSort::UpdatedAt,
        offset: usize::try_from(number % 200).unwrap_or_default(),
        ..ModelFilter::default()
    }),
    ("filter by status", |_| ModelFilter {
        stage: Some(Stage::Staging),
        ..ModelFilter::default()
    }),
    ("filter by tag", |number| ModelFilter {
        tag: Some(format!("team-{}", number % 50)),
        ..ModelFilter::default()
    }),
    ("filter by name", |number| ModelFilter {
        name: Some(format!("model-{}", number % NAMES)),
        ..ModelFilter::default()
    }),
    ("filter by run", |number| ModelFilter {
        run_id: Some(format!("run-{}", number % 200)),
        ..ModelFilter::default()
    }),
    ("filter by tag and status", |number| ModelFilter {
        tag: Some(format!("team-{}", number % 50)),
        stage: Some(Stage::Staging),
        ..ModelFilter::default()
    }),
    ("text that many have", |_| ModelFilter {
        contains: Some("Weekly".into()),
        ..ModelFilter::default()
    }),
    ("filter by name and status", |number| ModelFilter {
        name: Some(format!("model-{}", number % NAMES)),
        stage: Some(Stage::Production),
        ..ModelFilter::default()
    }),
];

fn lists(catalog: &Catalog, reads: u64) {
    for (name, filter) in FILTERS {
        report(name, reads, |number| list(catalog, &filter(number)));
    }
    let nowhere = ModelFilter {
        contains: Some("nothing has this".into()),
        ..ModelFilter::default()
    };
    report("text that is nowhere", reads.min(5000), |_| {
        list(catalog, &nowhere)
    });
    report("text that one has", reads.min(5000), |number| {
        let step = number * 7919 % catalog.model_stats().map_or(1, |stats| stats.total) + 1;
        let one = ModelFilter {
            contains: Some(format!("Step {step} of")),
            ..ModelFilter::default()
        };
        list(catalog, &one)
    });
}

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let default = if is_test { 2000 } else { 100_000 };
    let models = std::env::var("REGISTRY_MODELS").ok();
    let models = models.map_or(default, |text| text.parse().expect("a number"));
    let reads = if is_test { 200 } else { READS };
    let directory = tempfile::tempdir().expect("directory");
    fill(&open(directory.path()), models);
    let start = Instant::now();
    let catalog = open(directory.path());
    println!("opened in {:?}", start.elapsed());
    lists(&catalog, reads);
    report("by name and version", reads, |number| {
        let found = catalog.model_named(&format!("model-{}", number % NAMES), "v1");
        found.expect("look-up").iter().count()
    });
    report("in production", reads, |number| {
        let found = catalog.model_in_production(&format!("model-{}", number % NAMES));
        found.expect("look-up").iter().count()
    });
    report("events, newest 100", reads, |number| {
        let id = number * 7919 % models + 1;
        catalog.model_events(id, 0, 100).expect("events").len()
    });
    report("numbers", reads.min(200), |_| {
        catalog.model_stats().expect("numbers").by_name.len()
    });
}
