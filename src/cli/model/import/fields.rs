//! Models and events field by field, out of objects whose values came from JSON or from columns. Whatever
//! has the wrong type is an error that names it.

use serde_json::{Map, Value};

use crate::artifact::{
    event::{Event, EventKind},
    model::{MadeOf, Model, Stage},
    moment::Moment,
};

/// Greatest number of a model or an event: what every reader of JSON can hold.
const MAX_ID: u64 = 1 << 53;

/// The fields of one object.
pub(super) struct Fields(pub(super) Map<String, Value>);

impl Fields {
    /// The value of the first of these names that is there and is not null.
    fn value(&self, names: &[&str]) -> Option<(&str, &Value)> {
        names.iter().find_map(|name| {
            let (name, value) = self.0.get_key_value(*name)?;
            (!value.is_null()).then_some((name.as_str(), value))
        })
    }

    fn read<'f, T>(
        &'f self,
        names: &[&str],
        what: &str,
        read: impl FnOnce(&'f Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some((name, value)) = self.value(names) else {
            return Ok(None);
        };
        let wrong = || format!("{name} must be {what}");
        read(value).map(Some).ok_or_else(wrong)
    }

    fn needed<T>(name: &str, read: Result<Option<T>, String>) -> Result<T, String> {
        read?.ok_or_else(|| format!("{name} is missing"))
    }

    fn text(&self, names: &[&str]) -> Result<Option<String>, String> {
        let text = self.read(names, "a text", Value::as_str)?;
        Ok(text.map(str::to_owned))
    }

    fn name(&self, name: &str) -> Result<String, String> {
        let text = Self::needed(name, self.text(&[name]))?;
        if text.is_empty() {
            return Err(format!("{name} is empty"));
        }
        Ok(text)
    }

    fn whole(&self, name: &str) -> Result<Option<i64>, String> {
        self.read(&[name], "a whole number", Value::as_i64)
    }

    fn size(&self, name: &str) -> Result<Option<u64>, String> {
        self.read(&[name], "a size in bytes", Value::as_u64)
    }

    fn number(&self, name: &str) -> Result<u64, String> {
        let what = "a number from 1 to 2^53";
        let read = |value: &Value| value.as_u64().filter(|id| (1..=MAX_ID).contains(id));
        Self::needed(name, self.read(&[name], what, read))
    }

    fn moment(&self, name: &str) -> Result<Moment, String> {
        let what = "a time as in 2024-11-17 10:30:45";
        let read = |value: &Value| value.as_str()?.parse().ok();
        Self::needed(name, self.read(&[name], what, read))
    }

    fn digest(&self, name: &str) -> Result<Option<String>, String> {
        self.read(&[name], "64 hex digits", |value| {
            let hex = value.as_str()?.to_ascii_lowercase();
            let is_digest = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_digest.then_some(hex)
        })
    }

    /// JSON, as such or as the text of a column.
    fn json(&self, names: &[&str], what: &str) -> Result<Option<Value>, String> {
        self.read(names, what, |value| match value {
            Value::String(text) if text.trim().is_empty() => Some(Value::Null),
            Value::String(text) => serde_json::from_str(text).ok(),
            value => Some(value.clone()),
        })
    }

    fn object(&self, names: &[&str]) -> Result<Option<String>, String> {
        let what = "a JSON object";
        match self.json(names, what)? {
            None | Some(Value::Null) => Ok(None),
            Some(value @ Value::Object(_)) => Ok(Some(value.to_string())),
            Some(_) => Err(format!("{} must be {what}", names[0])),
        }
    }

    fn tags(&self) -> Result<Option<Vec<String>>, String> {
        let what = "a JSON array of texts";
        let value = self.json(&["tags", "tags_json"], what)?;
        let tags = serde_json::from_value::<Option<Vec<String>>>(value.unwrap_or_default());
        let tags = tags.map_err(|_| format!("tags must be {what}"))?;
        Ok(tags.filter(|tags| !tags.is_empty()))
    }

    fn stage(&self) -> Result<Stage, String> {
        let read = |value: &Value| value.as_str()?.parse().ok();
        let what = "experimental, staging, production or archived";
        Ok(self.read(&["status"], what, read)?.unwrap_or_default())
    }

    fn is_frozen(&self) -> Result<bool, String> {
        let frozen = self.read(&["frozen"], "true, false, 1 or 0", |value| match value {
            Value::Bool(frozen) => Some(*frozen),
            value => [Some(0), Some(1)]
                .contains(&value.as_i64())
                .then(|| value.as_i64() == Some(1)),
        });
        Ok(frozen?.unwrap_or_default())
    }

    /// The model that they are.
    pub(super) fn model(&self) -> Result<Model, String> {
        Ok(Model {
            id: self.number("id")?,
            name: self.name("name")?,
            version: self.name("version")?,
            stage: self.stage()?,
            description: self.text(&["description"])?,
            tags: self.tags()?,
            created_at: self.moment("created_at")?,
            updated_at: self.moment("updated_at")?,
            frozen: self.is_frozen()?,
            made_of: self.made_of()?,
            training_step: self.whole("training_step")?,
            training_loss: self.read(&["training_loss"], "a number", Value::as_f64)?,
            dataset: self.text(&["dataset"])?,
            metrics: self.object(&["metrics", "metrics_json"])?,
        })
    }

    fn made_of(&self) -> Result<MadeOf, String> {
        let checkpoint_sha256 = self.digest("checkpoint_sha256")?;
        let by_digest = || Some(format!("sha256:{}", checkpoint_sha256.as_ref()?));
        let uri = self.text(&["artifact_uri"])?.filter(|uri| !uri.is_empty());
        let local = self.text(&["local_checkpoint_path", "checkpoint_path"])?;
        let artifact_uri = uri.or_else(by_digest).or_else(|| local.clone());
        Ok(MadeOf {
            artifact_uri: artifact_uri
                .ok_or("artifact_uri is missing, and no digest stands for it")?,
            local_checkpoint_path: local,
            local_config_path: self.text(&["local_config_path", "config_path"])?,
            checkpoint_size_bytes: self.size("checkpoint_size_bytes")?,
            checkpoint_sha256,
            config_sha256: self.digest("config_sha256")?,
            config_size_bytes: self.size("config_size_bytes")?,
            run_id: self.text(&["run_id"])?,
            git_commit: self.text(&["git_commit"])?,
            created_by: self.text(&["created_by"])?,
            source_host: self.text(&["source_host"])?,
            d_model: self.whole("d_model")?,
            n_layers: self.whole("n_layers")?,
            n_heads: self.whole("n_heads")?,
            vocab_size: self.whole("vocab_size")?,
            params: self.whole("params")?,
        })
    }

    /// The event that they are.
    pub(super) fn event(&self) -> Result<Event, String> {
        let what = "create, update, delete, promote, auto_demote or eval";
        let kind = |value: &Value| EventKind::of_word(value.as_str()?);
        Ok(Event {
            id: self.number("id")?,
            model_id: self.number("model_id")?,
            kind: Self::needed("event_type", self.read(&["event_type"], what, kind))?,
            created_at: self.moment("created_at")?,
            actor: self.text(&["actor"])?,
            payload: self.object(&["payload_json", "payload"])?,
        })
    }
}
