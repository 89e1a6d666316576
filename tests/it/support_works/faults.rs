//! Every fault of a response shows as itself and never as a complete body.

use std::time::Duration;

use super::{content, get};
use crate::support::{
    Ending,
    client::{Client, End, Request},
    origin::{Chunks, Content, Origin, Reply},
};

/// The end that a client sees of this reply.
fn end_of(reply: Reply) -> End {
    let origin = Origin::start();
    origin.route("/x", reply);
    get(&origin, "/x").end
}

#[test]
fn good_bodies_are_complete_in_every_framing() {
    let origin = Origin::start();
    origin.route("/length", Reply::ok(content()));
    origin.route("/chunked", Reply::ok(content()).chunked(Chunks::Good));
    origin.route("/close", Reply::ok(content()).close_delimited());
    for (path, end) in [
        ("/length", End::Length),
        ("/chunked", End::LastChunk),
        ("/close", End::Close),
    ] {
        let response = get(&origin, path);
        response.assert_is(&content());
        assert_eq!(response.end, end);
    }
}

#[test]
fn trailers_are_kept() {
    let trailers = vec![("X-Checksum".to_owned(), "abc".to_owned())];
    let origin = Origin::start();
    origin.route(
        "/x",
        Reply::ok(content()).chunked(Chunks::Trailers(trailers.clone())),
    );
    assert_eq!(get(&origin, "/x").trailers, trailers);
}

#[test]
fn a_length_that_is_too_long_shows_as_cut() {
    let end = end_of(Reply::ok(content()).claiming(300_007));
    assert_eq!(end, End::Cut { missing: Some(7) });
}

#[test]
fn a_length_that_is_too_short_leaves_bytes_behind() {
    let origin = Origin::start();
    origin.route("/x", Reply::ok(Content::literal("abcdef")).claiming(4));
    let mut client = Client::connect(origin.address());
    assert_eq!(client.exchange(&Request::get("/x")).text(), "abcd");
    assert_eq!(client.response("GET").end, End::Cut { missing: None });
}

#[test]
fn cuts_show_how_much_is_missing_and_by_which_ending() {
    let cut = |ending| Reply::ok(content()).cut_after(100_000, ending);
    let missing = Some(200_000);
    assert_eq!(end_of(cut(Ending::Fin)), End::Cut { missing });
    assert_eq!(end_of(cut(Ending::Reset)), End::Reset);
    let chunked = cut(Ending::Fin).chunked(Chunks::Good);
    assert_eq!(end_of(chunked), End::Cut { missing: None });
}

#[test]
fn bad_chunking_is_never_complete() {
    let chunked = |chunks| end_of(Reply::ok(content()).chunked(chunks));
    assert_eq!(chunked(Chunks::NoLastChunk), End::Cut { missing: None });
    for fault in [
        Chunks::BadSize("12x".into()),
        Chunks::BadSize("-1".into()),
        Chunks::NoDataEnd,
    ] {
        assert!(matches!(chunked(fault), End::BadFraming(_)));
    }
}

#[test]
fn junk_after_the_last_chunk_is_there_to_be_found() {
    let origin = Origin::start();
    let junk = Chunks::JunkAfterLast(b"junk".to_vec());
    origin.route("/x", Reply::ok(content()).chunked(junk));
    let mut client = Client::connect(origin.address());
    assert_eq!(client.exchange(&Request::get("/x")).end, End::LastChunk);
    let mut buffer = [0; 9];
    assert_eq!(client.read_raw(&mut buffer).unwrap(), 4);
}

#[test]
fn ambiguous_framing_is_refused() {
    let reply = || Reply::ok(content());
    for reply in [
        reply().field("Content-Length", "300001"),
        reply()
            .chunked(Chunks::Good)
            .field("Content-Length", "300000"),
        reply().field("Transfer-Encoding", "gzip"),
    ] {
        assert!(matches!(end_of(reply), End::BadFraming(_)));
    }
}

#[test]
fn garbage_for_a_head_is_reported() {
    for bytes in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
    ] {
        assert!(matches!(end_of(Reply::raw(bytes)), End::BadFraming(_)));
    }
    assert_eq!(
        end_of(Reply::raw("HTTP/1.1 200 OK\r\n")),
        End::Cut { missing: None }
    );
}

#[test]
fn a_stalled_body_is_silence() {
    let origin = Origin::start();
    origin.route("/x", Reply::ok(content()).stall_after(1000));
    let client = Client::connect(origin.address());
    let mut client = client.with_patience(Duration::from_millis(50));
    let response = client.exchange(&Request::get("/x"));
    assert_eq!((response.length, response.end), (1000, End::Silence));
}
