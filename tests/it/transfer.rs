//! Bodies on their way from an origin through the store to clients, whatever happens to them there.

mod lies;
mod memory;
mod parts;
mod ranges;
mod restart;
mod resume;
mod space;

use crate::support::{
    cache::{Cache, fetch_path},
    client::{Request, Response},
    origin::{Content, Reply},
};

const MIB: u64 = 1 << 20;

/// Both doors; the explicit one does not hold the head back.
const DOORS: [Door; 2] = [Door::Proxy, Door::Fetch];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Proxy,
    Fetch,
}

impl Door {
    fn request(self, url: &str) -> Request {
        match self {
            Self::Proxy => Request::get(url),
            Self::Fetch => Request::get(&format!("{}&mode=stream", fetch_path(url))),
        }
    }

    fn get(self, cache: &Cache, url: &str) -> Response {
        cache.exchange(&self.request(url))
    }

    /// Whether the store has an answer for the URL.
    fn has(self, cache: &Cache, url: &str) -> bool {
        let request = self.request(url).field("Cache-Control", "only-if-cached");
        match cache.exchange(&request).status() {
            200 => true,
            504 => false,
            status => panic!("{status}"),
        }
    }
}

/// A file with a strong validator that stays fresh.
fn file(content: &Content, etag: &str) -> Reply {
    Reply::file(content.clone(), etag).field("Cache-Control", "max-age=600")
}

/// The same without a validator, by which a body cannot be continued.
fn plain(content: &Content) -> Reply {
    Reply::ok(content.clone()).field("Cache-Control", "max-age=600")
}
