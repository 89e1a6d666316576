//! `Patch`: fields of a model that are to have other values. What is `None` stays as it is.

use super::{MadeOf, Model, Refusal, Stage};

/// New values, each for the field of its name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    /// The stage.
    pub stage: Option<Stage>,
    /// The checkpoint's place.
    pub artifact_uri: Option<String>,
    /// A path on the server; digest and size of another checkpoint are forgotten.
    pub local_checkpoint_path: Option<String>,
    /// A path on the server; digest and size of another configuration are forgotten.
    pub local_config_path: Option<String>,
    /// Digest of the checkpoint.
    pub checkpoint_sha256: Option<String>,
    /// Size of the checkpoint.
    pub checkpoint_size_bytes: Option<u64>,
    /// Digest of the configuration.
    pub config_sha256: Option<String>,
    /// Size of the configuration.
    pub config_size_bytes: Option<u64>,
    /// The run.
    pub run_id: Option<String>,
    /// The commit.
    pub git_commit: Option<String>,
    /// Who made it.
    pub created_by: Option<String>,
    /// Where it was made.
    pub source_host: Option<String>,
    /// Whether it is frozen.
    pub frozen: Option<bool>,
    /// Width.
    pub d_model: Option<i64>,
    /// Depth.
    pub n_layers: Option<i64>,
    /// Attention heads.
    pub n_heads: Option<i64>,
    /// Size of the vocabulary.
    pub vocab_size: Option<i64>,
    /// Number of parameters.
    pub params: Option<i64>,
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
        let mut made_of = self.artifact(&mut model.made_of);
        set!(made_of, model.made_of, self; run_id, git_commit, created_by, source_host);
        let mut architecture = Vec::new();
        set!(architecture, model.made_of, self; d_model, n_layers, n_heads, vocab_size, params);
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

    /// The checkpoint and the configuration. Another file whose digest is not known has none, rather
    /// than the one of the file before.
    fn artifact(&self, of: &mut MadeOf) -> Vec<&'static str> {
        let mut set = Vec::new();
        if let Some(uri) = &self.artifact_uri {
            of.artifact_uri.clone_from(uri);
            set.push("artifact_uri");
        }
        set!(set, of, self; local_checkpoint_path, local_config_path);
        if self.local_checkpoint_path.is_some() {
            (of.checkpoint_sha256, of.checkpoint_size_bytes) = (None, None);
        }
        if self.local_config_path.is_some() {
            (of.config_sha256, of.config_size_bytes) = (None, None);
        }
        set!(set, of, self; checkpoint_sha256, checkpoint_size_bytes);
        set!(set, of, self; config_sha256, config_size_bytes);
        set
    }
}
