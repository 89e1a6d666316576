//! The bodies that the registry takes. Each is declared once: from that come its struct, how it is read,
//! and its schema in the API's description.

use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::form::Fields;
use crate::{artifact::model::Stage, error::Error};

/// Declares a body: its fields, and names under which a field may come as well.
macro_rules! body {
    (
        $(#[doc = $about:literal])+
        pub(super) struct $name:ident {
            $($(#[doc = $doc:literal])+ $(#[schemars($schema:meta)])* $field:ident $(| $alias:ident)?: $type:ty,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub(super) struct $name {
            $($(#[doc = $doc])+ $(#[schemars($schema)])* $(#[schemars(extend("x-alias" = stringify!($alias)))])? pub(super) $field: $type,)+
        }

        impl $name {
            /// Reads a body; every fault is found.
            pub(super) fn read(body: Value) -> Result<Self, Error> {
                let mut fields = Fields::of(body)?;
                $(let $field = fields.take(&[$(stringify!($alias),)? stringify!($field)]);)+
                // Read all of them first: `?` would stop at the first fault.
                let read = (|| Some(Self { $($field: $field?,)+ }))();
                fields.finish(read)
            }
        }
    };
}

/// Declares a body with its own fields and with those that say what a model is made of and about it.
macro_rules! model_body {
    (
        $(#[doc = $about:literal])+
        pub(super) struct $name:ident { $($own:tt)* }
    ) => {
        body! {
            $(#[doc = $about])+
            pub(super) struct $name {
                $($own)*
                /// Where the checkpoint is; a new model needs it unless there is `checkpoint_sha256`.
                artifact_uri: Option<String>,
                /// Path of the checkpoint on the server, where that is allowed; also `checkpoint_path`.
                local_checkpoint_path | checkpoint_path: Option<String>,
                /// Path of the configuration on the server, where that is allowed; also `config_path`.
                local_config_path | config_path: Option<String>,
                /// SHA-256 of the checkpoint, 64 hexadecimal digits.
                checkpoint_sha256: Option<String>,
                /// Size of the checkpoint in bytes.
                checkpoint_size_bytes: Option<i64>,
                /// SHA-256 of the configuration.
                config_sha256: Option<String>,
                /// Size of the configuration in bytes.
                config_size_bytes: Option<i64>,
                /// The run that made it.
                run_id: Option<String>,
                /// The commit that the run was of.
                git_commit: Option<String>,
                /// Who made it; for a new model otherwise who registers it.
                created_by: Option<String>,
                /// Where it was made; for a new model otherwise the address that registers it.
                source_host: Option<String>,
                /// Width.
                d_model: Option<i64>,
                /// Depth.
                n_layers: Option<i64>,
                /// Attention heads.
                n_heads: Option<i64>,
                /// Size of the vocabulary.
                vocab_size: Option<i64>,
                /// Number of parameters.
                params: Option<i64>,
                /// Step of the training.
                training_step: Option<i64>,
                /// Loss at that step.
                training_loss: Option<f64>,
                /// What it was trained on.
                dataset: Option<String>,
                /// What people say about it.
                description: Option<String>,
                /// Labels to find it by.
                tags: Option<Vec<String>>,
                /// Results of evaluations, those of a suite in `suites`; in a change in place of all that
                /// are there.
                metrics: Option<Map<String, Value>>,
            }
        }
    };
}

model_body! {
    /// A model to register.
    pub(super) struct CreateModel {
        /// What it is called.
        name: String,
        /// Which version of that name; together they are unique.
        version: String,
        /// Where it starts.
        #[schemars(default)]
        status: Stage,
        /// Whether what it is made of can never be changed.
        #[schemars(default)]
        frozen: bool,
        /// Its configuration: width, depth, heads and vocabulary are taken from it or from its
        /// `architecture`.
        config_json: Option<Map<String, Value>>,
    }
}

model_body! {
    /// New values for fields of a model; what is null or absent stays.
    pub(super) struct UpdateModel {
        /// How far it has come.
        status: Option<Stage>,
        /// Whether it is frozen, which cannot be taken back.
        frozen: Option<bool>,
    }
}

body! {
    /// The result of one suite; it joins what is there of that suite.
    pub(super) struct WriteMetrics {
        /// The suite.
        suite: String,
        /// Its metrics.
        metrics: Map<String, Value>,
        /// What it was evaluated on.
        dataset: Option<String>,
        /// The commit of the evaluator.
        eval_commit: Option<String>,
        /// How it was evaluated.
        eval_config: Option<Map<String, Value>>,
        /// What people say about it.
        notes: Option<String>,
    }
}
