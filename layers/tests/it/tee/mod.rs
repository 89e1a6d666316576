//! The `tee` layer alone: what is kept, and how a body that breaks off is continued.

mod keeping;
mod resuming;
mod sink;
