//! What the origin has: bytes that anybody can compute from a URL's path.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::support::{
    cache::{Cache, fetch_path},
    client::{Request, Response},
    origin::{Chunks, Content, Origin, Reply},
};

/// How the origin sends an object, and how it may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// At most 64 KiB: collected in memory, written at once.
    Small,
    /// Up to 2 MiB.
    Medium,
    /// A few MiB, slowly: most kills come in the middle.
    Large,
    /// Without a length: only the end says how long it was.
    Chunked,
    /// Without a validator: what is left of it is of no use.
    Unnamed,
    /// Behind a redirect.
    Moved,
    /// Another version every few requests, never fresh.
    Changing,
}

const KINDS: [Kind; 7] = [
    Kind::Small,
    Kind::Medium,
    Kind::Large,
    Kind::Chunked,
    Kind::Unnamed,
    Kind::Moved,
    Kind::Changing,
];

/// Requests between two versions of a changing object.
const REQUESTS_PER_VERSION: u64 = 3;

/// The objects of one seed.
#[derive(Clone)]
pub(super) struct Objects {
    seed: u64,
    version: Arc<AtomicU64>,
    base: Arc<std::sync::OnceLock<String>>,
}

/// One object, known by its path `/kind/round/number`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) kind: Kind,
    round: u64,
    number: u64,
}

impl Object {
    pub(super) fn new(random: &mut fastrand::Rng, round: u64) -> Self {
        let kind = KINDS[random.usize(..KINDS.len())];
        Self {
            kind,
            // Sometimes one of an earlier round: whole, cut off, or never asked for.
            round: round.saturating_sub(random.u64(..4).saturating_sub(1)),
            number: random.u64(..3),
        }
    }

    pub(super) fn path(&self) -> String {
        format!("/{:?}/{}/{}", self.kind, self.round, self.number)
    }

    /// The object whose bytes are served: where the redirect leads.
    pub(super) fn behind(&self) -> Self {
        let kind = match self.kind {
            Kind::Moved => Kind::Large,
            kind => kind,
        };
        Self {
            kind,
            ..self.clone()
        }
    }

    pub(super) fn parse(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix('/')?.split('/');
        let name = parts.next()?;
        let kind = KINDS.into_iter().find(|kind| format!("{kind:?}") == name)?;
        Some(Self {
            kind,
            round: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
        })
    }
}

impl Objects {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            version: Arc::default(),
            base: Arc::default(),
        }
    }

    /// Puts them on an origin.
    pub(super) fn serve(&self, origin: &Origin) {
        self.base.get_or_init(|| origin.url(""));
        let objects = self.clone();
        origin.script("*", move |request, _| {
            Object::parse(request.path())
                .map_or(Reply::status(404), |object| objects.reply(&object))
        });
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base.get().expect("it is served"))
    }

    /// The bytes of a version.
    fn version(&self, object: &Object, version: u64) -> Content {
        let seed = [
            self.seed,
            object.kind as u64,
            object.round,
            object.number,
            version,
        ];
        let seed = seed
            .iter()
            .fold(7_u64, |sum, part| sum.wrapping_mul(1_000_003) ^ part);
        let mut random = fastrand::Rng::with_seed(seed);
        let length = match object.kind {
            Kind::Small => random.u64(1..64 << 10),
            Kind::Medium | Kind::Moved => random.u64(1..2 << 20),
            Kind::Large => random.u64(2 << 20..6 << 20),
            Kind::Chunked | Kind::Unnamed | Kind::Changing => random.u64(1..1 << 20),
        };
        Content::seeded(seed, length)
    }

    /// The bytes that the URL may have: one version, or for a changing one all there were so far.
    pub(super) fn versions(&self, object: &Object) -> Vec<Content> {
        let newest = match object.kind {
            Kind::Changing => self.version.load(Ordering::SeqCst) / REQUESTS_PER_VERSION,
            _ => 0,
        };
        (0..=newest)
            .map(|version| self.version(object, version))
            .collect()
    }

    fn reply(&self, object: &Object) -> Reply {
        let day = |reply: Reply| reply.field("Cache-Control", "max-age=86400");
        let content = self.version(object, 0);
        match object.kind {
            Kind::Small | Kind::Medium => day(Reply::file(content, "\"one\"")),
            Kind::Large => day(Reply::file(content, "\"one\"")).throttled(32 << 20),
            Kind::Chunked => day(Reply::ok(content).chunked(Chunks::Good)),
            Kind::Unnamed => day(Reply::ok(content)),
            Kind::Moved => {
                let large = Object {
                    kind: Kind::Large,
                    ..object.clone()
                };
                Reply::redirect(302, &large.path())
            }
            Kind::Changing => {
                let requests = self.version.fetch_add(1, Ordering::SeqCst);
                let version = requests / REQUESTS_PER_VERSION;
                let content = self.version(object, version);
                Reply::file(content, &format!("\"{version}\"")).field("Cache-Control", "max-age=0")
            }
        }
    }

    /// What must be served with the origin gone: a hit with the right bytes at both doors.
    pub(super) fn is_served_without_the_origin(&self, cache: &Cache, path: &str) {
        let url = self.url(path);
        let asked = Object::parse(path).expect("a path of an object");
        let object = asked.behind();
        let proxied = if asked == object {
            url.clone()
        } else {
            fetch_path(&url)
        };
        for request in [fetch_path(&url), proxied] {
            let request = Request::get(&request);
            let response = cache.exchange(&request);
            assert!(is_hit(&response), "{path} was promised: {response:?}");
            self.judge(&object, &response)
                .unwrap_or_else(|fault| panic!("{path}: {fault}"));
            assert!(response.is_complete(), "{path}: {:?}", response.end);
        }
    }

    /// Whether a response has bytes of the object and no others: whole if it says so, else the beginning
    /// of what it says to be.
    pub(super) fn judge(&self, object: &Object, response: &Response) -> Result<(), String> {
        let versions = self.versions(object);
        let is_right = |content: &Content| match response.status() {
            200 => {
                let length = response.length;
                let is_whole = length == content.length();
                length <= content.length()
                    && (is_whole || !response.is_complete())
                    && content.sha256_of(0, length) == response.sha256
            }
            206 => part(response).is_some_and(|(from, to, total)| {
                let end = from + response.length;
                total == content.length()
                    && end <= to
                    && (end == to || !response.is_complete())
                    && content.sha256_of(from, end) == response.sha256
            }),
            416 => true,
            _ => false,
        };
        if versions.iter().any(is_right) {
            return Ok(());
        }
        Err(format!(
            "{:?} {} bytes, {:?}, {}",
            response.head,
            response.length,
            response.end,
            response.text().chars().take(200).collect::<String>()
        ))
    }
}

/// First byte, byte behind the last, and length of the whole of a 206.
fn part(response: &Response) -> Option<(u64, u64, u64)> {
    let range = response.value("Content-Range")?.strip_prefix("bytes ")?;
    let (range, total) = range.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let last: u64 = last.parse().ok()?;
    Some((first.parse().ok()?, last + 1, total.parse().ok()?))
}

/// Whether the cache says that it had the response.
pub(super) fn is_hit(response: &Response) -> bool {
    let status = response.value("Cache-Status").unwrap_or_default();
    response.value("X-Cache-Status") == Some("HIT") || status.contains("; hit")
}
