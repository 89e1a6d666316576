//! Makes the response to one request from a head and bytes that any request may be given: whole, a
//! range, several ranges, only the head, or "not modified" (RFC 9110 §13, §14; RFC 9111 §4.3.2).

use std::{
    hash::{BuildHasher as _, RandomState},
    ops::Range,
};

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request};

use super::multipart::MultipartBody;
use crate::{
    body::Body,
    semantics::{
        range::{self, Multipart, Selected},
        validation::{self, Precondition},
    },
};

/// The head of an answer, complete but for the fields that depend on the request.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) fields: HeaderMap,
}

/// The response to `request`, its bytes taken from `bytes`.
pub(super) fn answer(
    request: &request::Parts,
    mut head: Head,
    length: u64,
    bytes: impl Fn(Range<u64>) -> Body,
) -> Response<Body> {
    head.fields.remove(header::CONTENT_LENGTH);
    match validation::precondition(&request.method, &request.headers, head.status, &head.fields) {
        Precondition::NotModified => return not_modified(&head),
        Precondition::Failed => return empty(StatusCode::PRECONDITION_FAILED, head.fields),
        Precondition::Proceed => {}
    }
    let selected = if head.status == StatusCode::OK {
        range::select(&request.method, &request.headers, &head.fields, length)
    } else {
        Selected::Whole
    };
    let response = match selected {
        Selected::Whole => whole(head, length, bytes),
        Selected::One(range) => one(head, range, length, bytes),
        Selected::Many(ranges) => many(head, &ranges, length, bytes),
        Selected::Unsatisfiable => unsatisfiable(head, length),
    };
    if request.method == Method::HEAD {
        response.map(|_| Body::empty())
    } else {
        response
    }
}

fn respond(head: Head, length: u64, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.fields;
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, length.into());
    response
}

fn whole(head: Head, length: u64, bytes: impl Fn(Range<u64>) -> Body) -> Response<Body> {
    respond(head, length, bytes(0..length))
}

fn one(
    mut head: Head,
    range: Range<u64>,
    length: u64,
    bytes: impl Fn(Range<u64>) -> Body,
) -> Response<Body> {
    head.status = StatusCode::PARTIAL_CONTENT;
    head.fields.insert(
        header::CONTENT_RANGE,
        range::content_range(&range, Some(length)),
    );
    respond(head, range.end - range.start, bytes(range))
}

fn many(
    mut head: Head,
    ranges: &[Range<u64>],
    length: u64,
    bytes: impl Fn(Range<u64>) -> Body,
) -> Response<Body> {
    let multipart = Multipart::new(
        &boundary(),
        ranges,
        length,
        head.fields.get(header::CONTENT_TYPE),
    );
    head.status = StatusCode::PARTIAL_CONTENT;
    head.fields
        .insert(header::CONTENT_TYPE, multipart.content_type());
    let pieces = multipart
        .parts()
        .map(|(before, range)| (before, bytes(range)))
        .collect();
    let body = MultipartBody::new(pieces, multipart.end(), multipart.content_length());
    respond(head, multipart.content_length(), Body::stream(body))
}

fn unsatisfiable(mut head: Head, length: u64) -> Response<Body> {
    head.fields
        .insert(header::CONTENT_RANGE, range::unsatisfied_range(length));
    // These describe the representation, which this answer does not carry.
    for name in [
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_DISPOSITION,
    ] {
        head.fields.remove(name);
    }
    empty(StatusCode::RANGE_NOT_SATISFIABLE, head.fields)
}

fn not_modified(head: &Head) -> Response<Body> {
    let mut fields = validation::not_modified_fields(&head.fields);
    for name in super::status::OWN_FIELDS {
        if let Some(value) = head.fields.get(&name) {
            fields.insert(name, value.clone());
        }
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.headers_mut() = fields;
    response
}

fn empty(status: StatusCode, mut fields: HeaderMap) -> Response<Body> {
    fields.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    response
}

/// A delimiter that no stored body can have been made to contain: unpredictable for each response.
fn boundary() -> String {
    let random = || RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", random(), random())
}
