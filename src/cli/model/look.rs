//! The verbs that only look: `ls`, `show`, `metrics`, `events`, `compare`.

use clap::Args;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::place::{Place, encoded, id_of, path_of, read};
use crate::cli::{
    exit::Failure,
    output::{Output, printable},
};

/// Arguments of `model ls`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Ls {
    #[command(flatten)]
    place: Place,
    /// Only models of this stage: experimental, staging, production or archived
    #[arg(long)]
    status: Option<String>,
    /// Only versions of this name
    #[arg(long)]
    name: Option<String>,
    /// Only models with this tag
    #[arg(long)]
    tag: Option<String>,
    /// Only models of this run
    #[arg(long)]
    run_id: Option<String>,
    /// Only models with this in name, version or description
    #[arg(short, long = "query", value_name = "TEXT")]
    q: Option<String>,
    /// `created_at`, `updated_at` or `training_step`
    #[arg(long, default_value = "created_at")]
    sort: String,
    /// asc or desc
    #[arg(long, default_value = "desc")]
    order: String,
    /// Most models shown, up to 200
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Models skipped
    #[arg(long, default_value_t = 0)]
    offset: u64,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Ls {
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let mut query = Serializer::new(String::new());
        for (name, value) in [
            ("status", &self.status),
            ("name", &self.name),
            ("tag", &self.tag),
            ("run_id", &self.run_id),
            ("q", &self.q),
        ] {
            query.extend_pairs(value.as_ref().map(|value| (name, value)));
        }
        query
            .append_pair("sort", &self.sort)
            .append_pair("order", &self.order)
            .append_pair("limit", &self.limit.to_string())
            .append_pair("offset", &self.offset.to_string());
        let path = format!("/models?{}", query.finish());
        let models = read(&self.place.client()?, &path).await?;
        if self.json {
            return out.json(&models);
        }
        let mut lines = models.as_array().into_iter().flatten();
        lines.try_for_each(|model| out.line(&line(model)))
    }
}

fn line(model: &Value) -> String {
    let text = |key: &str| printable(model[key].as_str().unwrap_or_default());
    let (id, name, version) = (&model["id"], text("name"), text("version"));
    let (status, updated) = (text("status"), text("updated_at"));
    format!("{id:>6}  {status:<12}  {updated:<23}  {name}:{version}")
}

/// Arguments of `model show`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Show {
    #[command(flatten)]
    place: Place,
    /// Number, or name:version
    model: String,
}

impl Show {
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let path = path_of(&self.model)?;
        out.json(&read(&self.place.client()?, &path).await?)
    }
}

/// Arguments of `model metrics`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Metrics {
    #[command(flatten)]
    place: Place,
    /// Number, or name:version
    model: String,
    /// Only this suite
    #[arg(long)]
    suite: Option<String>,
}

impl Metrics {
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.place.client()?;
        let mut path = format!("/models/{}/metrics", id_of(&client, &self.model).await?);
        if let Some(suite) = &self.suite {
            path = format!("{path}?suite={}", encoded(suite));
        }
        out.json(&read(&client, &path).await?)
    }
}

/// Arguments of `model events`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Events {
    #[command(flatten)]
    place: Place,
    /// Number, which may be that of a model that is gone, or name:version
    model: String,
    /// Most events shown, up to 500
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Events skipped
    #[arg(long, default_value_t = 0)]
    offset: u64,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Events {
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.place.client()?;
        // A number may be that of a model that is gone.
        let id = match self.model.parse::<u64>() {
            Ok(id) => id,
            Err(_) => id_of(&client, &self.model).await?,
        };
        let (limit, offset) = (self.limit, self.offset);
        let path = format!("/models/{id}/events?limit={limit}&offset={offset}");
        let events = read(&client, &path).await?;
        if self.json {
            return out.json(&events);
        }
        let mut lines = events.as_array().into_iter().flatten();
        lines.try_for_each(|event| out.line(&happened(event)))
    }
}

fn happened(event: &Value) -> String {
    let text = |key: &str| printable(event[key].as_str().unwrap_or_default());
    let (at, kind, actor) = (text("created_at"), text("event_type"), text("actor"));
    let payload = printable(&event["payload"].to_string());
    format!("{at}  {kind:<11}  {actor}  {payload}")
}

/// Arguments of `model compare`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Compare {
    #[command(flatten)]
    place: Place,
    /// Numbers of the models
    #[arg(required = true, value_name = "ID")]
    ids: Vec<u64>,
}

impl Compare {
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let ids: Vec<_> = self.ids.iter().map(u64::to_string).collect();
        let path = format!("/compare?ids={}", ids.join(","));
        out.json(&read(&self.place.client()?, &path).await?)
    }
}
