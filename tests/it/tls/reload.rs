//! New certificates are taken up while the connections of old ones go on.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use rustix::process::Signal;

use super::support::*;
use crate::support::{
    cache::{Cache, fetch_path},
    client::{Client, Request},
    eventually,
    origin::{Authority, Content, Origin, Reply},
};

const CLIENTS: usize = 64;

/// Whether a new connection is shown a certificate of this authority.
fn is_shown(cache: &Cache, authority: &Authority) -> bool {
    let client = Client::connect(cache.listener("https"));
    let mut client = client.into_tls(authority.client(), "localhost");
    client.exchange(&Request::get("/health")).status() == 200
}

/// What the busy clients and their test tell each other.
#[derive(Default)]
struct Board {
    is_over: AtomicBool,
    busy: AtomicUsize,
    answered: AtomicUsize,
}

impl Board {
    /// One connection for all requests: a drop would show as a failed response.
    fn keep_busy(&self, mut client: Client, request: &Request, content: &Content) {
        client.exchange(request).assert_is(content);
        self.busy.fetch_add(1, Ordering::SeqCst);
        while !self.is_over.load(Ordering::SeqCst) {
            client.exchange(request).assert_is(content);
            self.answered.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn wait_until_all_are_busy(&self) {
        eventually("everybody is busy", || {
            self.busy.load(Ordering::SeqCst) == CLIENTS
        });
    }

    fn wait_for_more_answers(&self) {
        let before = self.answered.load(Ordering::SeqCst);
        eventually("requests after the reload", || {
            self.answered.load(Ordering::SeqCst) >= before + 2 * CLIENTS
        });
    }
}

#[test]
fn a_reload_under_64_busy_connections_drops_none() {
    let (origin, mut certificates) = (Origin::start(), Certificates::new());
    let content = Content::seeded(4, 256 << 10);
    origin.route("/a", Reply::ok(content.clone()));
    let cache = certificates.start();
    let request = Request::get(&fetch_path(&origin.url("/a")));
    cache.exchange(&request).assert_is(&content);
    let board = Board::default();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            let (client, board) = (certificates.client(&cache), &board);
            let (request, content) = (&request, &content);
            scope.spawn(move || board.keep_busy(client, request, content));
        }
        board.wait_until_all_are_busy();
        for round in 0..3 {
            certificates.authority = Authority::new();
            certificates.issue("default", &["localhost"]);
            if round == 0 {
                cache.signal(Signal::HUP);
            }
            eventually("the new certificate is shown", || {
                is_shown(&cache, &certificates.authority)
            });
            board.wait_for_more_answers();
        }
        board.is_over.store(true, Ordering::SeqCst);
    });
    assert!(cache.trace().events("connection broke off").is_empty());
}

#[test]
fn a_certificate_that_cannot_be_used_changes_nothing() {
    let certificates = Certificates::new();
    let cache = certificates.start();
    let (_, foreign_key) = Authority::new().issue(&["localhost"]);
    std::fs::write(certificates.path().join("default.key"), foreign_key).unwrap();
    let message = "cannot use the new certificates, the old ones stay";
    cache.trace().wait_for(message, |_| true);
    assert!(is_shown(&cache, &certificates.authority));
    certificates.issue("default", &["localhost"]);
    cache.trace().wait_for("certificates reloaded", |_| true);
    assert!(is_shown(&cache, &certificates.authority));
}
