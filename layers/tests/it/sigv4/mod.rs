//! The `sigv4` layer and its signer.

mod layer;
mod vectors;
