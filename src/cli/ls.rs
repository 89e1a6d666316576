//! `ls`: what is cached, page by page as the server gives it out, so a long list starts at once and
//! takes no memory.

use artifact_cache_layers::digest::Sha256;
use clap::Args;
use serde_json::Value;
use url::form_urlencoded;

use super::{
    client::Client,
    exit::Failure,
    fetch::digest,
    output::{Output, printable, size},
    remote::Remote,
};

/// Artifacts asked for at once: the most the API gives.
const PAGE: usize = 200;

const SORT_HELP: &str = "Order: id, source_url, file_size, last_accessed_at or access_count; \
    largest first with a - in front";

/// Arguments of `ls`.
#[derive(Args, Debug)]
pub(super) struct Ls {
    /// Only URLs of this host
    #[arg(long)]
    host: Option<String>,
    /// Only URLs that start with this
    #[arg(long, value_name = "URL")]
    prefix: Option<String>,
    /// Only artifacts that have or had this digest
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    sha256: Option<Sha256>,
    /// Only URLs that contain this
    #[arg(short, long = "query", value_name = "TEXT")]
    q: Option<String>,
    /// Only artifacts with this tag
    #[arg(long, value_name = "NAME")]
    tag: Option<String>,
    /// Only this media type; `image/*` stands for all of them
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// Only artifacts that an operator pinned, or with `false` those that none did
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pinned: Option<bool>,
    /// Only artifacts in this state: current, stale or past
    #[arg(long)]
    state: Option<String>,
    /// Only artifacts of at least so many bytes, such as 10MiB
    #[arg(long, value_name = "SIZE")]
    min_size: Option<String>,
    /// Only artifacts of at most so many bytes
    #[arg(long, value_name = "SIZE")]
    max_size: Option<String>,
    /// Only artifacts that were not used for so long, such as 30d
    #[arg(long, value_name = "DURATION")]
    unused_for: Option<String>,
    /// Only artifacts that were stored first so long ago
    #[arg(long, value_name = "DURATION")]
    older_than: Option<String>,
    #[arg(long, help = SORT_HELP, value_name = "FIELD", allow_hyphen_values = true)]
    sort: Option<String>,
    /// Show no more than this many [default: all]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// The list at a server, read a page at a time.
pub(super) struct Pages {
    filters: Vec<(&'static str, String)>,
    cursor: Option<String>,
    is_done: bool,
}

impl Ls {
    /// Prints the list; with `--json` one object as the API has it.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.remote.client()?;
        let mut pages = Pages::new(self.filters());
        let mut left = self.limit.unwrap_or(usize::MAX);
        let mut list = List::begin(out, self.remote.json)?;
        while left > 0 {
            let Some(items) = pages.next(&client, left.min(PAGE)).await? else {
                break;
            };
            left -= items.len().min(left);
            items.iter().try_for_each(|item| list.item(item))?;
        }
        list.end()
    }

    fn filters(&self) -> Vec<(&'static str, String)> {
        let named = [
            ("host", self.host.clone()),
            ("prefix", self.prefix.clone()),
            ("sha256", self.sha256.map(|digest| digest.to_string())),
            ("q", self.q.clone()),
            ("tag", self.tag.clone()),
            ("content_type", self.content_type.clone()),
            ("pinned", self.pinned.map(|pinned| pinned.to_string())),
            ("state", self.state.clone()),
            ("min_size", self.min_size.clone()),
            ("max_size", self.max_size.clone()),
            ("unused_for", self.unused_for.clone()),
            ("older_than", self.older_than.clone()),
            ("sort", self.sort.clone()),
        ];
        let given = named.into_iter();
        given
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

impl Pages {
    /// The list of what passes `filters`.
    pub(super) fn new(filters: Vec<(&'static str, String)>) -> Self {
        Self {
            filters,
            cursor: None,
            is_done: false,
        }
    }

    /// The next artifacts, `None` after the last.
    pub(super) async fn next(
        &mut self,
        client: &Client,
        limit: usize,
    ) -> Result<Option<Vec<Value>>, Failure> {
        if self.is_done {
            return Ok(None);
        }
        let (_, mut page) = client.json(&self.target(limit)).await?;
        self.cursor = page["next_cursor"].as_str().map(str::to_owned);
        self.is_done = self.cursor.is_none();
        match page["items"].take() {
            Value::Array(items) => Ok(Some(items)),
            _ => Ok(None),
        }
    }

    fn target(&self, limit: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.filters);
        query.append_pair("limit", &limit.to_string());
        if let Some(cursor) = &self.cursor {
            query.append_pair("cursor", cursor);
        }
        format!("/api/v1/artifacts?{}", query.finish())
    }
}

/// The list as it is printed.
struct List<'a> {
    out: &'a mut Output,
    is_json: bool,
    is_first: bool,
}

impl<'a> List<'a> {
    fn begin(out: &'a mut Output, is_json: bool) -> Result<Self, Failure> {
        if is_json {
            out.bytes(b"{\"items\":[")?;
        } else {
            out.line(&row("ID", "SIZE", "HITS", "LAST USED", "URL"))?;
        }
        Ok(Self {
            out,
            is_json,
            is_first: true,
        })
    }

    fn item(&mut self, item: &Value) -> Result<(), Failure> {
        let is_first = std::mem::take(&mut self.is_first);
        if self.is_json {
            let separator = if is_first { "\n" } else { ",\n" };
            return self.out.bytes(format!("{separator}{item}").as_bytes());
        }
        let text = |name: &str| match &item[name] {
            Value::String(text) => printable(text),
            other => other.to_string(),
        };
        let size = item["file_size"].as_u64().map(size).unwrap_or_default();
        let (id, hits, used) = (text("id"), text("access_count"), text("last_accessed_at"));
        let line = row(&id, &size, &hits, &used, &text("source_url"));
        self.out.line(&line)
    }

    fn end(self) -> Result<(), Failure> {
        if self.is_json {
            self.out.line("\n],\"next_cursor\":null}")?;
        }
        self.out.flush()
    }
}

fn row(id: &str, size: &str, hits: &str, used: &str, url: &str) -> String {
    format!("{id:>8}  {size:>10}  {hits:>8}  {used:<20}  {url}")
}
