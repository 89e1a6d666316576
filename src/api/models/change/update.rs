//! `PATCH /models/{id}`: from the form to a patch.

use super::{Asked, Error, Wish, digest, invalid, size, text};
use crate::{
    api::models::{
        local::{Known, Which},
        requests::UpdateModel,
    },
    artifact::model::{MadeOf, Patch},
};

impl Asked<'_> {
    /// The patch that a form is.
    pub(super) async fn update(&self, form: UpdateModel, id: u64) -> Result<Wish, Error> {
        let registry = self.registry;
        registry.check_paths([&form.local_checkpoint_path, &form.local_config_path])?;
        not_blank("local_checkpoint_path", form.local_checkpoint_path.as_ref())?;
        not_blank("local_config_path", form.local_config_path.as_ref())?;
        not_blank("artifact_uri", form.artifact_uri.as_ref())?;
        let checkpoint = Known {
            sha256: digest(form.checkpoint_sha256.clone())?,
            size_bytes: size("checkpoint_size_bytes", form.checkpoint_size_bytes)?,
        };
        let config = Known {
            sha256: digest(form.config_sha256.clone())?,
            size_bytes: size("config_size_bytes", form.config_size_bytes)?,
        };
        let path = form.local_checkpoint_path.as_ref();
        let checkpoint = registry.known(Which::Checkpoint, path, checkpoint).await?;
        let path = form.local_config_path.as_ref();
        let config = registry.known(Which::Config, path, config).await?;
        Ok(Wish::Update(id, Box::new(patch(form, checkpoint, config))))
    }
}

fn patch(form: UpdateModel, checkpoint: Known, config: Known) -> Patch {
    Patch {
        stage: form.status,
        made_of: MadeOf {
            artifact_uri: form.artifact_uri.unwrap_or_default().trim().to_owned(),
            local_checkpoint_path: form.local_checkpoint_path,
            local_config_path: form.local_config_path,
            checkpoint_sha256: checkpoint.sha256,
            checkpoint_size_bytes: checkpoint.size_bytes,
            config_sha256: config.sha256,
            config_size_bytes: config.size_bytes,
            run_id: form.run_id,
            git_commit: form.git_commit,
            created_by: form.created_by,
            source_host: form.source_host,
            d_model: form.d_model,
            n_layers: form.n_layers,
            n_heads: form.n_heads,
            vocab_size: form.vocab_size,
            params: form.params,
        },
        frozen: form.frozen,
        training_step: form.training_step,
        training_loss: form.training_loss,
        dataset: form.dataset,
        description: form.description,
        tags: form.tags,
        metrics: text(form.metrics),
    }
}

fn not_blank(name: &str, value: Option<&String>) -> Result<(), Error> {
    match value {
        Some(value) if value.trim().is_empty() => Err(invalid(format!("{name} cannot be empty"))),
        _ => Ok(()),
    }
}
