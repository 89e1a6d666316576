//! Mixed traffic until the cache dies, every response judged, and a list of what was promised.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use artifact_cache_layers::digest::Sha256;

use super::objects::{Kind, Object, Objects};
use crate::support::{
    cache::{Cache, fetch_path},
    client::{Client, Request, Response},
    origin::Origin,
};

const CLIENTS: u64 = 5;

/// What the cache has said to have: paths of hits, and of entries in the list of artifacts.
#[derive(Default)]
pub(super) struct Promises {
    all: Mutex<BTreeSet<String>>,
    new: Mutex<BTreeSet<String>>,
    responses: AtomicUsize,
    cut: AtomicUsize,
}

/// The promises of one round.
pub(super) struct Recent(BTreeSet<String>);

impl Promises {
    pub(super) fn all(&self) -> BTreeSet<String> {
        self.all.lock().unwrap().clone()
    }

    pub(super) fn responses(&self) -> usize {
        self.responses.load(Ordering::SeqCst)
    }

    pub(super) fn cut_responses(&self) -> usize {
        self.cut.load(Ordering::SeqCst)
    }

    pub(super) fn since_last_look(&self) -> Recent {
        Recent(std::mem::take(&mut self.new.lock().unwrap()))
    }

    fn add(&self, path: String) {
        self.new.lock().unwrap().insert(path.clone());
        self.all.lock().unwrap().insert(path);
    }
}

impl Recent {
    pub(super) fn keep(&self, objects: &Objects, cache: &Cache) {
        super::keep(&self.0, objects, cache);
    }
}

/// One round of requests.
pub(super) struct Traffic<'a> {
    pub(super) objects: &'a Objects,
    pub(super) promises: &'a Promises,
    pub(super) round: u64,
}

impl Traffic<'_> {
    /// Sends requests from several clients until `kill`, which is told a moment between 0 and 1, has ended
    /// the cache.
    pub(super) fn run(
        &self,
        origin: &Origin,
        cache: SocketAddr,
        random: &mut fastrand::Rng,
        kill: impl FnOnce(f64),
    ) {
        let base = origin.url("");
        let moment = random.f64();
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                let mut random = random.fork();
                let base = &base;
                scope.spawn(move || while self.one(cache, base, &mut random) {});
            }
            kill(moment);
        });
    }

    /// One request on a new or kept connection; `false` when the cache is gone.
    fn one(&self, cache: SocketAddr, base: &str, random: &mut fastrand::Rng) -> bool {
        let Some(mut connection) = Client::try_connect(cache) else {
            return false;
        };
        for _ in 0..random.u32(1..8) {
            let goes_on = if random.u32(..6) == 0 {
                self.list(&mut connection, base)
            } else {
                self.ask(&mut connection, random)
            };
            if !goes_on {
                return false;
            }
        }
        true
    }

    /// What the catalog lists has been committed.
    fn list(&self, connection: &mut Client, base: &str) -> bool {
        let response = connection.exchange(&Request::get("/api/artifacts?limit=200"));
        if !response.is_complete() {
            return false;
        }
        assert_eq!(response.status(), 200, "{}", response.text());
        let list = response.json();
        for item in list["items"].as_array().expect("a list") {
            let url = item["source_url"].as_str().expect("a URL");
            let path = url.strip_prefix(base).expect("a URL of the origin");
            self.promise(path);
        }
        true
    }

    fn ask(&self, connection: &mut Client, random: &mut fastrand::Rng) -> bool {
        let object = Object::new(random, self.round);
        let behind = object.behind();
        let (request, is_wrong_pin) = self.request(&object, &behind, random);
        let response = connection.exchange(&request);
        if response.status() == 0 {
            return false;
        }
        self.promises.responses.fetch_add(1, Ordering::SeqCst);
        if !response.is_complete() {
            self.promises.cut.fetch_add(1, Ordering::SeqCst);
        }
        self.judge(&object, &response, is_wrong_pin);
        response.is_complete()
    }

    fn judge(&self, object: &Object, response: &Response, is_wrong_pin: bool) {
        let path = object.path();
        if is_wrong_pin {
            assert_eq!(response.status(), 409, "{path}: {:?}", response.head);
            return;
        }
        let behind = object.behind();
        if let Err(fault) = self.objects.judge(&behind, response) {
            panic!("{path}: {fault}");
        }
    }

    fn promise(&self, path: &str) {
        // A changing one is promised by nobody: it may be replaced, and is served only when validated.
        let is_changing = Object::parse(path).is_none_or(|object| object.kind == Kind::Changing);
        if !is_changing {
            self.promises.add(path.to_owned());
        }
    }

    fn request(
        &self,
        object: &Object,
        behind: &Object,
        random: &mut fastrand::Rng,
    ) -> (Request, bool) {
        let url = self.objects.url(&object.path());
        let explicit = fetch_path(&url);
        let pin = |digest: Sha256| Request::get(&format!("{explicit}&sha256={digest}"));
        // The proxy passes a redirect on.
        let proxied = if object == behind { &url } else { &explicit };
        match random.u32(..10) {
            0..=2 => (Request::get(&explicit), false),
            3..=4 => (Request::get(proxied), false),
            5..=6 => {
                let from = random.u64(..1 << 20);
                let to = from + random.u64(..1 << 20);
                let target = if random.bool() { proxied } else { &explicit };
                let range = format!("bytes={from}-{to}");
                (Request::get(target).field("Range", &range), false)
            }
            7 if behind.kind != Kind::Changing => {
                (pin(self.objects.versions(behind)[0].sha256()), false)
            }
            8 => (pin(Sha256::of(b"something else")), true),
            _ => (Request::get(&format!("{explicit}&mode=spool")), false),
        }
    }
}
