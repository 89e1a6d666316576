//! `upstream.mode`: while no origin may be asked, every door serves what is stored, refuses the rest with a
//! word that says why, contacts nobody, and what was wanted is listed.

mod doors;
mod listed;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    cache::{Cache, Setup},
    origin::{Content, Origin, Reply},
};

/// The two modes in which no origin is asked.
const MODES: [&str; 2] = ["offline", "sealed"];

/// Settings with which a cache asks no origin.
fn closed(mode: &str) -> Setup {
    Cache::setup().environment("ARTIFACT_CACHE__UPSTREAM__MODE", mode)
}

/// An origin with `/stored`, which lies in the data directory, and `/missing`, which does not.
struct Kit {
    origin: Origin,
    data: TempDir,
    content: Content,
    /// Connections that it took to fill the store.
    connections: usize,
}

impl Kit {
    fn new() -> Self {
        let (origin, data) = (Origin::start(), TempDir::new().unwrap());
        let content = Content::seeded(8, 200_000);
        // Stale at once: the proxy would have to ask before it serves this again.
        let reply = Reply::file(content.clone(), "\"1\"").field("Cache-Control", "max-age=0");
        origin.route("/stored", reply);
        origin.route("/missing", Reply::ok(Content::literal("never seen")));
        let cache = Cache::setup().data(data.path()).start();
        cache.fetch(&origin.url("/stored")).assert_is(&content);
        // A stop that was asked for leaves nothing half written.
        let mut cache = cache;
        assert!(cache.terminate().success());
        let connections = origin.connections();
        Self {
            origin,
            data,
            content,
            connections,
        }
    }

    /// A cache over the same store that asks nobody.
    fn closed(&self, mode: &str) -> Cache {
        closed(mode).data(self.data.path()).start()
    }

    #[track_caller]
    fn assert_unasked(&self) {
        assert_eq!(self.origin.connections(), self.connections);
    }
}

fn misses(cache: &Cache) -> Vec<Value> {
    let answer = cache.get("/api/v1/misses");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}
