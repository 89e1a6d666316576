//! Keys of the registry's tables. Names have any length and LMDB's keys have not, so digests stand for
//! them.

use artifact_cache_layers::digest::Sha256;
use serde::{Deserialize, Serialize};

use crate::artifact::model::{Model, Stage};

/// What lists can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModelSort {
    /// When it was registered.
    #[default]
    CreatedAt,
    /// When it was changed last.
    UpdatedAt,
    /// Step of the training; models without one come before all others.
    TrainingStep,
}

impl ModelSort {
    pub(super) const ALL: [Self; 3] = [Self::CreatedAt, Self::UpdatedAt, Self::TrainingStep];

    /// Where a model stands in this order: as bytes, greater is later.
    pub(super) fn value(self, model: &Model) -> u64 {
        match self {
            Self::CreatedAt => model.created_at.0,
            Self::UpdatedAt => model.updated_at.0,
            Self::TrainingStep => model.training_step.map_or(0, ordered),
        }
    }
}

/// A signed number so that its bytes sort as it does, above 0, which stands for none.
fn ordered(number: i64) -> u64 {
    (number.cast_unsigned() ^ (1 << 63)).max(1)
}

/// Which models an order is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope<'a> {
    All,
    Stage(Stage),
    Name(&'a str),
    Tag(&'a str),
    Run(&'a str),
}

impl Scope<'_> {
    /// The beginning of the keys of an order.
    pub(super) fn prefix(self, sort: ModelSort) -> Vec<u8> {
        let mut key = match self {
            Self::All => vec![b'a'],
            Self::Stage(stage) => vec![b's', stage as u8],
            Self::Name(name) => digested(b'n', name),
            Self::Tag(tag) => digested(b't', tag),
            Self::Run(run) => digested(b'r', run),
        };
        key.push(sort as u8);
        key
    }
}

/// 128 bits are enough: a list looks at the record all the same.
fn digested(kind: u8, text: &str) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend(&Sha256::of(text.as_bytes()).as_bytes()[..16]);
    key
}

/// Every key of `model_orders` that a model has.
pub(in crate::catalog) fn orders(model: &Model) -> Vec<Vec<u8>> {
    let mut scopes = vec![
        Scope::All,
        Scope::Stage(model.stage),
        Scope::Name(&model.name),
    ];
    scopes.extend(model.made_of.run_id.as_deref().map(Scope::Run));
    scopes.extend(model.tags.iter().flatten().map(|tag| Scope::Tag(tag)));
    let mut keys: Vec<_> = scopes
        .into_iter()
        .flat_map(|scope| ModelSort::ALL.map(|sort| order(scope, sort, model)))
        .collect();
    // A tag may be there twice.
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn order(scope: Scope<'_>, sort: ModelSort, model: &Model) -> Vec<u8> {
    let mut key = scope.prefix(sort);
    key.extend(sort.value(model).to_be_bytes());
    key.extend(model.id.to_be_bytes());
    key
}

/// The key of `model_names` that keeps name and version unique.
pub(in crate::catalog) fn named(name: &str, version: &str) -> Vec<u8> {
    let mut key = vec![b'v'];
    key.extend(Sha256::of(name.as_bytes()).as_bytes());
    key.extend(Sha256::of(version.as_bytes()).as_bytes());
    key
}

/// The key of `model_names` that has the one version in production.
pub(in crate::catalog) fn production(name: &str) -> Vec<u8> {
    let mut key = vec![b'p'];
    key.extend(Sha256::of(name.as_bytes()).as_bytes());
    key
}

/// The beginning of the keys of `model_names` that keep a digest: one for each model in production.
pub(in crate::catalog) fn kept(digest: &Sha256) -> Vec<u8> {
    let mut key = vec![b'd'];
    key.extend(digest.as_bytes());
    key
}

/// The key with which a model keeps its checkpoint, while it is in production.
fn keeps(model: &Model) -> Option<Vec<u8>> {
    let hex = model.made_of.checkpoint_sha256.as_deref()?;
    let digest = hex
        .parse()
        .ok()
        .filter(|_| model.stage == Stage::Production)?;
    let mut key = kept(&digest);
    key.extend(model.id.to_be_bytes());
    Some(key)
}

/// Every key of `model_names` that a model has.
pub(in crate::catalog) fn names(model: &Model) -> Vec<Vec<u8>> {
    let mut keys = vec![named(&model.name, &model.version)];
    if model.stage == Stage::Production {
        keys.push(production(&model.name));
    }
    keys.extend(keeps(model));
    keys
}

/// The key of an event: those of a model are neighbours, in the order they happened.
pub(in crate::catalog) fn event(model: u64, event: u64) -> [u8; 16] {
    (u128::from(model) << 64 | u128::from(event)).to_be_bytes()
}

/// The key of the number of models that have a name.
pub(super) fn count_of_name(name: &str) -> Vec<u8> {
    let mut key = vec![b'n'];
    key.extend(Sha256::of(name.as_bytes()).as_bytes());
    key
}

/// A count and what it is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::catalog) enum Counted {
    Stage(Stage, u64),
    Name(String, u64),
}

impl Counted {
    pub(in crate::catalog) const fn count(&self) -> u64 {
        match self {
            Self::Stage(_, count) | Self::Name(_, count) => *count,
        }
    }

    pub(in crate::catalog) fn with(self, count: u64) -> Self {
        match self {
            Self::Stage(stage, _) => Self::Stage(stage, count),
            Self::Name(name, _) => Self::Name(name, count),
        }
    }
}
