//! An origin that breaks off is asked for the rest, inside the same response to the client.

use super::{DOORS, MIB, file, plain};
use crate::support::{
    Ending,
    cache::{Cache, fetch_path},
    client::Request,
    origin::{Content, Gate, Origin, Reply},
};

#[test]
fn a_cut_body_is_continued_unseen_and_stored() {
    for door in DOORS {
        let (cache, origin) = (Cache::start(), Origin::start());
        let content = Content::seeded(1, 3 * MIB);
        for (path, at, ending) in [
            ("/1", 1, Ending::Fin),
            ("/2", MIB + 12_345, Ending::Reset),
            ("/3", 3 * MIB - 1, Ending::Fin),
        ] {
            let whole = file(&content, "\"v1\"");
            origin.sequence(path, [whole.clone().cut_after(at, ending), whole]);
            let url = origin.url(path);
            door.get(&cache, &url).assert_is(&content);
            assert!(door.has(&cache, &url));
            door.get(&cache, &url).assert_is(&content);

            let requests = origin.requests_for(path);
            assert_eq!(requests.len(), 2, "{door:?} {path}");
            assert_eq!(requests[0].value("range"), None);
            let range = requests[1].value("range").unwrap().to_owned();
            let from = range
                .strip_prefix("bytes=")
                .and_then(|r| r.strip_suffix('-'));
            let from: u64 = from.unwrap().parse().unwrap();
            // A reset may cost bytes that were under way.
            assert!(
                from <= at && (from == at || ending == Ending::Reset),
                "{range}"
            );
            assert_eq!(requests[1].value("if-range"), Some("\"v1\""));
        }
    }
}

#[test]
fn a_body_that_is_cut_again_and_again_comes_through_as_long_as_it_grows() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let content = Content::seeded(1, MIB);
    let reply = file(&content, "\"v1\"");
    origin.script("/a", move |_, _| {
        reply.clone().cut_after(100_000, Ending::Fin)
    });
    let response = cache.proxy_get(&origin.url("/a"), &[]);
    response.assert_is(&content);
    assert_eq!(origin.hits("/a"), 11);
}

#[test]
fn a_strong_date_serves_as_validator() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let content = Content::seeded(1, MIB);
    let mut whole = plain(&content)
        .field("Last-Modified", "Fri, 13 Nov 2020 10:00:00 GMT")
        .field("Date", "Fri, 20 Nov 2026 10:00:00 GMT")
        .field("Accept-Ranges", "bytes");
    whole = whole.honouring_ranges();
    origin.sequence("/a", [whole.clone().cut_after(99_999, Ending::Fin), whole]);
    cache.proxy_get(&origin.url("/a"), &[]).assert_is(&content);
    let second = &origin.requests()[1];
    assert_eq!(
        second.value("if-range"),
        Some("Fri, 13 Nov 2020 10:00:00 GMT")
    );
}

#[test]
fn a_continuation_that_does_not_fit_breaks_the_transfer_off() {
    let content = Content::seeded(1, MIB);
    let other = Content::seeded(2, MIB);
    let whole = file(&content, "\"v1\"");
    let lies = [
        whole.clone().lying_content_range("bytes 0-9/1048576"),
        whole
            .clone()
            .lying_content_range("bytes 500000-1048575/1048577"),
        whole
            .clone()
            .lying_content_range("bytes 500000-1048574/1048576"),
        whole.clone().lying_content_range("bytes 500000-1048575/*"),
        whole.clone().lying_content_range("nonsense"),
        file(&other, "\"v2\""),
        Reply::status(404),
        Reply::status(416),
    ];
    for door in DOORS {
        let (cache, origin) = (Cache::start(), Origin::start());
        for (nth, lie) in lies.iter().enumerate() {
            let path = format!("/{nth}");
            let cut = whole.clone().cut_after(500_000, Ending::Fin);
            let right = file(&other, "\"v2\"");
            origin.sequence(&path, [cut, lie.clone(), right]);
            let url = origin.url(&path);
            let broken = door.get(&cache, &url);
            assert!(!broken.is_complete(), "{door:?} {nth}: {:?}", broken.end);
            assert_eq!(broken.kept[..], content.bytes()[..broken.kept.len()]);
            assert!(!door.has(&cache, &url), "{door:?} {nth}");
            // What was kept of the old version is not mixed with the new one.
            door.get(&cache, &url).assert_is(&other);
        }
    }
}

#[test]
fn without_a_validator_nothing_is_joined() {
    for door in DOORS {
        let (cache, origin) = (Cache::start(), Origin::start());
        let content = Content::seeded(1, MIB);
        let whole = plain(&content);
        // The client has a byte before the cut: until then the whole may begin again unseen.
        let gate = Gate::closed();
        gate.release(400_000);
        let cut = whole.clone().gated(&gate).cut_after(500_000, Ending::Fin);
        origin.sequence("/a", [cut, whole]);
        let url = origin.url("/a");
        let mut client = cache.client();
        let mut incoming = client.start(&door.request(&url)).unwrap();
        assert!(incoming.read_to(1));
        gate.open();
        assert!(!incoming.finish().is_complete());
        door.get(&cache, &url).assert_is(&content);
        assert!(origin.requests().iter().all(|r| r.value("range").is_none()));
    }
}

#[test]
fn what_nobody_was_told_of_starts_again() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let content = Content::seeded(1, MIB);
    let whole = plain(&content);
    origin.sequence("/a", [whole.clone().cut_after(500_000, Ending::Fin), whole]);
    // The head is held until the body is verified.
    let held = Request::get(&fetch_path(&origin.url("/a")));
    let response = cache.exchange(&held);
    response.assert_is(&content);
    let digest = content.sha256().to_string();
    assert_eq!(response.value("x-content-sha256"), Some(&*digest));
}

#[test]
fn followers_are_carried_over_the_cut_too() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let content = Content::seeded(1, 4 * MIB);
    let gate = crate::support::origin::Gate::closed();
    let whole = file(&content, "\"v1\"");
    let cut = whole.clone().gated(&gate).cut_after(2 * MIB, Ending::Reset);
    origin.sequence("/a", [cut, whole]);
    let url = origin.url("/a");
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| cache.proxy_get(&url, &[]).assert_is(&content));
        }
        gate.wait_until_reached_by(1);
        gate.open();
    });
    assert_eq!(origin.hits("/a"), 2);
}
