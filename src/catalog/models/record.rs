//! The first fields of a model's record: what filters look at, without copying or reading the rest.

use serde::Deserialize;

use crate::{
    artifact::model::Stage,
    catalog::codec::{self, Malformed},
};

/// The fields with which `Model` begins, in their order.
#[derive(Deserialize)]
pub(in crate::catalog) struct ModelHead<'a> {
    #[expect(dead_code, reason = "the key has it too")]
    id: u64,
    pub(in crate::catalog) name: &'a str,
    pub(in crate::catalog) version: &'a str,
    pub(in crate::catalog) stage: Stage,
    pub(in crate::catalog) description: Option<&'a str>,
    #[serde(borrow)]
    pub(in crate::catalog) tags: Option<Vec<&'a str>>,
}

impl<'a> ModelHead<'a> {
    /// The head of a record.
    pub(in crate::catalog) fn of(bytes: &'a [u8]) -> Result<Self, Malformed> {
        codec::decode_beginning(bytes)
    }
}
