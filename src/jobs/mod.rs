//! What runs beside the requests and works through the whole store.

pub mod evict;
pub mod history;
