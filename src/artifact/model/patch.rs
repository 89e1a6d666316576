//! `Patch`: fields of a model that are to have other values. What is `None` stays as it is.

use super::{MadeOf, Model, Refusal, Stage};

/// New values, each for the field of its name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    /// The stage.
    pub stage: Option<Stage>,
    /// Artifact, provenance and architecture; an empty `artifact_uri` stands for none. With another path,
    /// digest and size of the file before are forgotten.
    pub made_of: MadeOf,
    /// Whether it is frozen.
    pub frozen: Option<bool>,
    /// Step of the training.
    pub training_step: Option<i64>,
    /// Loss at that step.
    pub training_loss: Option<f64>,
    /// What it was trained on.
    pub dataset: Option<String>,
    /// What people say about it.
    pub description: Option<String>,
    /// Labels.
    pub tags: Option<Vec<String>>,
    /// Results of evaluations, a JSON object as text.
    pub metrics: Option<String>,
}

/// Sets fields of `$of` to those of `$from` that are something, and writes down their names in `$to`.
macro_rules! set {
    ($to:ident, $of:expr, $from:expr; $($field:ident),+ $(,)?) => {
        $(if $from.$field.is_some() {
            $of.$field.clone_from(&$from.$field);
            $to.push(stringify!($field));
        })+
    };
}

impl Patch {
    /// Sets the fields and returns their names, or refuses what the model's state forbids.
    pub(super) fn apply(&self, model: &mut Model) -> Result<Vec<&'static str>, Refusal> {
        if self.frozen == Some(false) && model.frozen {
            return Err(Refusal::Unfreeze);
        }
        let is_immutable = model.is_immutable();
        let mut set = Vec::new();
        if let Some(stage) = self.stage {
            model.stage = stage;
            set.push("status");
        }
        let (of, new) = (&mut model.made_of, &self.made_of);
        let mut made_of = artifact(of, new);
        set!(made_of, of, new; run_id, git_commit, created_by, source_host);
        let mut architecture = Vec::new();
        set!(architecture, of, new; d_model, n_layers, n_heads, vocab_size, params);
        let mut blocked = [made_of.as_slice(), &architecture].concat();
        if is_immutable && !blocked.is_empty() {
            blocked.sort_unstable();
            return Err(Refusal::Immutable(blocked));
        }
        set.extend(made_of);
        if let Some(frozen) = self.frozen {
            model.frozen = frozen;
            set.push("frozen");
        }
        set.extend(architecture);
        set!(set, model, self; training_step, training_loss, dataset, description, tags, metrics);
        Ok(set)
    }
}

/// The checkpoint and the configuration. Another file whose digest is not known has none, rather
/// than the one of the file before.
fn artifact(of: &mut MadeOf, new: &MadeOf) -> Vec<&'static str> {
    let mut set = Vec::new();
    if !new.artifact_uri.is_empty() {
        of.artifact_uri.clone_from(&new.artifact_uri);
        set.push("artifact_uri");
    }
    set!(set, of, new; local_checkpoint_path, local_config_path);
    if new.local_checkpoint_path.is_some() {
        (of.checkpoint_sha256, of.checkpoint_size_bytes) = (None, None);
    }
    if new.local_config_path.is_some() {
        (of.config_sha256, of.config_size_bytes) = (None, None);
    }
    set!(set, of, new; checkpoint_sha256, checkpoint_size_bytes);
    set!(set, of, new; config_sha256, config_size_bytes);
    set
}
