//! The verbs that change what is registered: `promote` and `rm`.

use clap::Args;
use http::Method;

use super::place::{Place, act, encoded, id_of};
use crate::cli::{exit::Failure, output::Output, rm::confirm};

/// Arguments of `model promote`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Promote {
    #[command(flatten)]
    place: Place,
    /// Number, or name:version
    model: String,
    /// The stage: experimental, staging, production or archived
    #[arg(
        long = "to",
        visible_alias = "to-status",
        value_name = "STAGE",
        default_value = "production"
    )]
    to: String,
    /// Only if the model still has this entity tag
    #[arg(long, value_name = "TAG")]
    if_match: Option<String>,
}

impl Promote {
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.place.client()?;
        let id = id_of(&client, &self.model).await?;
        let path = format!("/models/{id}/promote?to_status={}", encoded(&self.to));
        out.json(&act(&client, Method::POST, &path, self.if_match.as_deref()).await?)
    }
}

/// Arguments of `model rm`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Rm {
    #[command(flatten)]
    place: Place,
    /// Number, or name:version
    model: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,
}

impl Rm {
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.place.client()?;
        let id = id_of(&client, &self.model).await?;
        if self.dry_run {
            return out.line(&format!("would remove model {id}"));
        }
        confirm(self.yes, &format!("model {id}"))?;
        let path = format!("/models/{id}");
        out.json(&act(&client, Method::DELETE, &path, None).await?)
    }
}
