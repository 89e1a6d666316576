//! What a store lists.

use super::xml;

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Objects in the order of their keys.
    pub objects: Vec<Listed>,
    /// What asks for the next page; `None` at the end.
    pub next: Option<String>,
}

/// One object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Its length.
    pub size_bytes: u64,
    /// When it was written, as the store writes times.
    pub modified: String,
}

/// One object of an answer in XML.
pub(super) fn listed(xml: &str) -> Option<Listed> {
    Some(Listed {
        key: xml::text(xml, "Key")?,
        size_bytes: xml::text(xml, "Size")?.parse().ok()?,
        modified: xml::text(xml, "LastModified").unwrap_or_default(),
    })
}
