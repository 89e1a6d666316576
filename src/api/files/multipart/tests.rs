//! Bodies cut into pieces at every place, and bodies that are none.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use artifact_cache_layers::body::BoxError;
use http_body::Frame;

use super::*;

struct Pieces(VecDeque<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.0.pop_front().map(|bytes| Ok(Frame::data(bytes))))
    }
}

type Parts = Vec<(String, Vec<u8>)>;

async fn read(message: &[u8], piece: usize) -> Result<Parts> {
    let pieces = message.chunks(piece).map(Bytes::copy_from_slice).collect();
    let mut multipart = Multipart::new(Body::stream(Pieces(pieces)), "b-1", true);
    let mut parts = Parts::new();
    while let Some(part) = multipart.next_part().await? {
        let mut data = Vec::new();
        while let Some(bytes) = multipart.data().await? {
            data.extend_from_slice(&bytes);
        }
        parts.push((part.name, data));
    }
    let arrived: Vec<u8> = multipart.arrived().concat();
    assert_eq!(arrived, message);
    Ok(parts)
}

const MESSAGE: &[u8] = b"ignored\r\n--b-1 \t\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\
\r\n--b-1\r\nContent-Disposition: form-data; filename=\"x;name=\\\"y\"; name=file\r\nContent-Type: text/plain\r\n\r\n\
one\r\n--b-\r\n--b\r\r\n\r\n--b-1--\r\nepilogue";

#[tokio::test]
async fn parts_are_the_same_however_the_message_is_cut() {
    let expected = vec![
        ("a".to_owned(), Vec::new()),
        ("file".to_owned(), b"one\r\n--b-\r\n--b\r\r\n".to_vec()),
    ];
    for piece in 1..=MESSAGE.len() {
        assert_eq!(read(MESSAGE, piece).await.unwrap(), expected, "{piece}");
    }
}

#[tokio::test]
async fn a_message_without_its_last_boundary_is_truncated() {
    let last = MESSAGE.len() - b"--\r\nepilogue".len();
    for length in 0..=last {
        let cut = read(&MESSAGE[..length], 7).await;
        assert!(
            matches!(cut, Err(InvalidMultipart::Truncated)),
            "{length}: {cut:?}"
        );
    }
}

#[tokio::test]
async fn heads_without_a_name_and_endless_ones_are_refused() {
    let of = |head: &str| format!("--b-1\r\n{head}\r\n\r\nx\r\n--b-1--\r\n");
    for head in [
        "",
        "Content-Disposition: attachment; name=a",
        "Content-Disposition: form-data",
        "Content-Disposition: form-data; filename=a",
        "Content-Disposition: form-data; name=\"a",
        "no colon",
        "Content-Disposition: form-data; name=a\r\nbad name: x",
        &format!("X: {}", "x".repeat(20_000)),
    ] {
        let refused = read(of(head).as_bytes(), 100).await;
        assert!(matches!(refused, Err(InvalidMultipart::Head)), "{head}");
    }
    let preamble = read(&vec![b'x'; 100_000], 1000).await;
    assert!(matches!(preamble, Err(InvalidMultipart::Preamble)));
}

#[test]
fn a_boundary_is_a_parameter_of_form_data() {
    let of = |text: &'static str| boundary(&HeaderValue::from_static(text));
    for (text, expected) in [
        ("multipart/form-data; boundary=abc", "abc"),
        ("Multipart/Form-Data;charset=x; BOUNDARY=\"a b:c\"", "a b:c"),
    ] {
        assert_eq!(of(text).unwrap().unwrap(), expected);
    }
    for text in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"a ",
    ] {
        assert!(of(text).unwrap().is_err(), "{text}");
    }
    assert!(of("application/gzip").is_none());
}
