//! The rules of RFC 9110, 9111, 9209 and 9211 that a cache follows: pure functions over message heads.
//! No I/O, no clock (`now` is an argument), no tower.

pub mod cache_control;
pub mod cache_key;
pub mod cache_status;
pub mod class;
mod content_range;
mod entity_tag;
mod forward_reason;
pub mod freshness;
pub mod hop_by_hop;
pub mod http_date;
pub mod invalidation;
mod list;
mod multipart;
mod nominated_value;
pub mod object_name;
pub mod policy;
mod precondition;
pub mod presigned;
pub mod proxy_status;
pub mod range;
pub mod request_target;
pub mod reuse;
mod status;
mod status_field;
pub mod storable;
pub mod stored_response;
pub mod target_uri;
pub mod validation;
