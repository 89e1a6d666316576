//! For operators: `GET /api/v1/files/{prefix}`, the one file whose id begins so, and `POST
//! /api/v1/files:expire`, what retention makes of the files now. A dry run unless the request says otherwise.

use std::time::SystemTime;

use artifact_cache_layers::body::{Body, BoxError};
use http::{Method, Response, StatusCode, request::Parts};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Files, Info, absent, invalid,
    keys::{self, Scope},
};
use crate::{
    access::Caller,
    api::{
        answer,
        json::{self, Fields},
        timestamp::rfc3339,
    },
    artifact::file::Kept,
    config::files::RetentionRule,
    error::Error,
    store::retention::expires,
};

/// Files that an answer shows at most.
const SHOWN: usize = 200;

/// An uploaded file as an operator sees it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "KeptFile")]
pub(super) struct Known {
    #[serde(flatten)]
    info: Info,
    /// With which tags and keys it was uploaded, and when last.
    uploads: Vec<Uploaded>,
    /// A pointer that leads to it.
    pointer: Option<String>,
    /// When it goes by the rules of `files.retention`; `null` for never.
    expires_at: Option<String>,
}

/// One way in which a file was uploaded.
#[derive(Serialize, JsonSchema)]
struct Uploaded {
    tag: String,
    key: String,
    last_uploaded_at: String,
}

/// What retention removed, or would.
#[derive(Serialize, JsonSchema)]
pub(super) struct Expiry {
    dry_run: bool,
    /// How many files.
    count: u64,
    size_bytes: u64,
    /// At most 200 of them.
    items: Vec<Known>,
}

/// What shall be done.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct ToExpire {
    /// Whether to show only what would go; unless it is `false`, nothing is removed.
    #[expect(dead_code, reason = "it is read field by field")]
    dry_run: Option<bool>,
}

impl Files {
    pub(super) fn find(&self, prefix: &str, head: &Parts) -> Result<Response<Body>, BoxError> {
        self.permit_operator(Scope::Read, head)?;
        let is_prefix =
            (4..=64).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_prefix {
            return Err(invalid("a prefix has 4 to 64 hex characters").into());
        }
        let prefix = prefix.to_ascii_lowercase();
        let mut found = self.store.catalog().files_beginning(&prefix, 2)?;
        let kept = found.pop().ok_or_else(|| absent(&prefix))?;
        if !found.is_empty() {
            let message = format!("more than one file begins with {prefix}");
            return Err(Error::Conflict { message }.into());
        }
        let rules = self.config.load().files.retention.clone();
        let response = answer::json(StatusCode::OK, &Known::of(&kept, &rules))?;
        Ok(if head.method == Method::HEAD {
            answer::without_body(response)
        } else {
            response
        })
    }

    pub(super) async fn expire(
        &self,
        head: &Parts,
        body: Body,
    ) -> Result<Response<Body>, BoxError> {
        self.permit_operator(Scope::Delete, head)?;
        let document = json::read(body, json::MAX_JSON).await?;
        let dry_run = dry_run(&document)?;
        let rules = self.config.load().files.retention.clone();
        let expired = self.store.expire(&rules, !dry_run, SHOWN).await;
        let expired = expired.map_err(Error::from)?;
        let items = expired.files.iter().map(|kept| Known::of(kept, &rules));
        let expiry = Expiry {
            dry_run,
            count: expired.count,
            size_bytes: expired.size_bytes,
            items: items.collect(),
        };
        Ok(answer::json(StatusCode::OK, &expiry)?)
    }

    /// The gate has asked for a token of operators. Without tokens, the keys of files decide.
    fn permit_operator(&self, scope: Scope, head: &Parts) -> Result<(), Error> {
        if head.extensions.get::<Caller>().is_some() {
            return Ok(());
        }
        keys::permit(&self.config.load(), scope, head)
    }
}

fn dry_run(document: &[u8]) -> Result<bool, Error> {
    if document.is_empty() {
        return Ok(true);
    }
    let mut fields = Fields::parse(document)?;
    let dry_run = fields.optional_switch("dry_run").unwrap_or(true);
    fields.finish()?;
    Ok(dry_run)
}

impl Known {
    fn of(kept: &Kept, rules: &[RetentionRule]) -> Self {
        let uploads = kept.uploads.iter().map(|(label, last)| Uploaded {
            tag: label.tag.clone(),
            key: label.key.clone(),
            last_uploaded_at: rfc3339(*last),
        });
        Self {
            info: Info::of(&kept.file),
            uploads: uploads.collect(),
            pointer: kept.pointer.as_ref().map(ToString::to_string),
            expires_at: expires(kept, rules).map(|time: SystemTime| rfc3339(time)),
        }
    }
}
