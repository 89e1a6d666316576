//! The test kit does what it says: framing faults, pace, records and broken links are seen as they are scripted.

use crate::support::{
    client::{Client, Request, Response},
    origin::{Content, Origin},
};

mod faults;
mod links;
mod scripts;

fn get(origin: &Origin, path: &str) -> Response {
    Client::connect(origin.address()).exchange(&Request::get(path))
}

fn content() -> Content {
    Content::seeded(1, 300_000)
}
