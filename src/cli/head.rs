//! `head`: is an artifact cached, and what would the head of its response say? Nothing is stored.

use clap::Args;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value, json};

use super::{
    client::refused,
    exit::Failure,
    fetch::Source,
    output::{Output, printable},
    remote::Remote,
};

/// Arguments of `head`.
#[derive(Args, Debug)]
pub(super) struct Head {
    #[command(flatten)]
    source: Source,
    /// Do not ask the origin when it is not cached
    #[arg(long)]
    cached: bool,
    #[command(flatten)]
    pub(super) remote: Remote,
}

impl Head {
    /// Prints the head. Succeeds on a hit; a miss is exit code 2, also when the origin has it.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let wanted = self.source.wanted()?;
        let client = self.remote.client()?;
        let target = wanted.target();
        let answer = client.send(Method::HEAD, &target, self.fields()).await?;
        let (status, fields) = (answer.status(), answer.headers());
        if self.cached && status == StatusCode::GATEWAY_TIMEOUT {
            return Err(Failure::Missing(format!("{} is not cached", wanted.uri)));
        }
        if !status.is_success() {
            return Err(refused(status));
        }
        self.tell(status, fields, out)?;
        match fields.get("x-cache-status") {
            Some(state) if state == "HIT" => Ok(()),
            _ => Err(Failure::Missing(format!("{} is not cached", wanted.uri))),
        }
    }

    /// RFC 9111 §5.2.1.7: `only-if-cached` is answered from the store or with 504.
    fn fields(&self) -> HeaderMap {
        let only = HeaderValue::from_static("only-if-cached");
        let fields = self.cached.then_some((header::CACHE_CONTROL, only));
        fields.into_iter().collect()
    }

    fn tell(
        &self,
        status: StatusCode,
        fields: &HeaderMap,
        out: &mut Output,
    ) -> Result<(), Failure> {
        if self.remote.json {
            return out.json(&json!({"status": status.as_u16(), "headers": object(fields)}));
        }
        for (name, value) in fields {
            let value = String::from_utf8_lossy(value.as_bytes());
            out.line(&format!("{name}: {}", printable(&value)))?;
        }
        Ok(())
    }
}

/// Fields by name; several of one name are joined as RFC 9110 §5.3 says.
fn object(fields: &HeaderMap) -> Value {
    let joined = |name| {
        let values = fields.get_all(name).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        Value::from(values.join(", "))
    };
    let pairs = fields.keys().map(|name| (name.to_string(), joined(name)));
    Value::Object(pairs.collect::<Map<_, _>>())
}
