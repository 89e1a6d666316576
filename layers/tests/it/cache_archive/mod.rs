//! The `cache` layer on explicit requests: archive rules, over a scripted origin.

mod fetching;
mod hold;
mod pins;
mod unkept;
