//! `POST /models`: from the form to a draft.

use serde_json::{Map, Value};

use super::{Actor, Asked, Error, Wish, digest, invalid, size, text};
use crate::{
    api::models::{
        local::{self, Known, Which},
        requests::CreateModel,
    },
    artifact::model::{Draft, MadeOf},
};

impl Asked<'_> {
    /// The draft that a form is.
    pub(super) async fn create(&self, form: CreateModel, actor: &Actor) -> Result<Wish, Error> {
        let form = self.with_architecture(form).await?;
        let checkpoint = Known {
            sha256: digest(form.checkpoint_sha256.clone())?,
            size_bytes: size("checkpoint_size_bytes", form.checkpoint_size_bytes)?,
        };
        let config = Known {
            sha256: digest(form.config_sha256.clone())?,
            size_bytes: size("config_size_bytes", form.config_size_bytes)?,
        };
        let (registry, path) = (self.registry, form.local_checkpoint_path.as_ref());
        let checkpoint = registry.known(Which::Checkpoint, path, checkpoint).await?;
        let path = form.local_config_path.as_ref();
        let config = registry.known(Which::Config, path, config).await?;
        let made_of = self.made_of(&form, checkpoint, config, actor)?;
        Ok(Wish::Create(Box::new(draft(form, made_of))))
    }

    /// The form with what its configuration says of the architecture.
    async fn with_architecture(&self, mut form: CreateModel) -> Result<CreateModel, Error> {
        self.registry
            .check_paths([&form.local_checkpoint_path, &form.local_config_path])?;
        let path = form.local_config_path.clone();
        let config = match (
            form.config_json.take(),
            path.filter(|path| !path.is_empty()),
        ) {
            (None, Some(path)) => local::config(path).await?,
            (config, _) => config.unwrap_or_default(),
        };
        let named = config.get("architecture");
        let architecture = match named {
            Some(architecture) => architecture.as_object(),
            None => Some(&config),
        };
        let number = |name: &str| whole(architecture, name);
        form.d_model = form.d_model.or_else(|| number("d_model"));
        form.n_layers = form.n_layers.or_else(|| number("n_layers"));
        form.n_heads = form.n_heads.or_else(|| number("n_heads"));
        form.vocab_size = form.vocab_size.or_else(|| number("vocab_size"));
        Ok(form)
    }

    fn made_of(
        &self,
        form: &CreateModel,
        checkpoint: Known,
        config: Known,
        actor: &Actor,
    ) -> Result<MadeOf, Error> {
        let given = form.artifact_uri.as_deref().map(str::trim);
        let given = given.filter(|uri| !uri.is_empty()).map(str::to_owned);
        let by_digest = checkpoint
            .sha256
            .as_ref()
            .map(|hex| format!("sha256:{hex}"));
        let artifact_uri = given.or(by_digest).ok_or_else(|| {
            invalid("artifact_uri is required unless checkpoint_sha256 is provided".into())
        })?;
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let peer = self.peer.map(|address| address.to_string());
        Ok(MadeOf {
            artifact_uri,
            local_checkpoint_path: given(&form.local_checkpoint_path),
            local_config_path: given(&form.local_config_path),
            checkpoint_sha256: checkpoint.sha256,
            checkpoint_size_bytes: checkpoint.size_bytes,
            config_sha256: config.sha256,
            config_size_bytes: config.size_bytes,
            run_id: form.run_id.clone(),
            git_commit: form.git_commit.clone(),
            created_by: given(&form.created_by).or_else(|| Some(actor.0.clone())),
            source_host: given(&form.source_host).or(peer),
            d_model: form.d_model,
            n_layers: form.n_layers,
            n_heads: form.n_heads,
            vocab_size: form.vocab_size,
            params: form.params,
        })
    }
}

fn draft(form: CreateModel, made_of: MadeOf) -> Draft {
    Draft {
        name: form.name,
        version: form.version,
        stage: form.status,
        frozen: form.frozen,
        made_of,
        training_step: form.training_step,
        training_loss: form.training_loss,
        dataset: form.dataset,
        description: form.description,
        // Nothing and nothing in it are the same here.
        tags: form.tags.filter(|tags| !tags.is_empty()),
        metrics: text(form.metrics.filter(|metrics| !metrics.is_empty())),
    }
}

fn whole(object: Option<&Map<String, Value>>, name: &str) -> Option<i64> {
    object?.get(name)?.as_i64()
}
