//! How often and how fast: rates per client and per origin, in memory of bounded size.
//!
//! A [`Bucket`] is one number, the time at which everything that was taken will have been earned (the
//! generic cell rate algorithm): nothing has to be refilled, and a bucket that was left alone is the same
//! as a new one. [`Buckets`] has one for each key and forgets those first; [`Paced`] slows a body down, and
//! [`Pace`] whatever else carries bytes.

mod bucket;
mod buckets;
mod paced;
mod rated;

pub use self::{
    bucket::{Bucket, Rate},
    buckets::Buckets,
    paced::Paced,
    rated::Pace,
};
