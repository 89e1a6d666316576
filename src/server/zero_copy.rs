//! Sends file bytes by `sendfile(2)` underneath hyper.
//!
//! A [`ResponseBody`] yields [`Data`](data::Data): bytes, or a window of a file that owns no bytes.
//! To hyper such a window is a slice of addresses in a reserved range without memory behind it; hyper
//! does the framing, queues the slice and passes it on. [`Socket`] recognises the address, looks up in
//! the [`Wire`] of its connection which file and offset it stands for, and calls `sendfile(2)`.
//!
//! Nobody else can come by such a slice: the types of this module leave it only as the response body
//! and the socket of one and the same connection, and hyper's HTTP/1 writes what it queued without
//! looking at it (`writev(true)`; the flattening strategy would copy, and crash rather than send wrong
//! bytes). Every other body and every other transport sees real bytes.

mod address_range;
mod data;
mod residency;
mod response_body;
mod socket;
mod wire;

pub(super) use self::{response_body::ResponseBody, socket::Socket, wire::Wire};

/// Most bytes of a file in one data frame and in one `sendfile(2)`: enough to make the cost of a call
/// vanish, little enough that a connection does not keep others on its thread waiting.
const WINDOW_BYTES: usize = 2 << 20;
