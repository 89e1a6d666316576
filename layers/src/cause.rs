//! Finds a typed error inside a chain of causes.

use std::error::Error;

/// The first error of type `E` in `error` or its causes.
///
/// ```
/// use artifact_cache_layers::cause::cause_of;
/// let inner = std::io::Error::other("disk");
/// let error: Box<dyn std::error::Error + Send + Sync> = Box::new(inner);
/// assert!(cause_of::<std::io::Error>(&*error).is_some());
/// ```
#[must_use]
pub fn cause_of<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<E>() {
            return Some(found);
        }
        next = current.source();
    }
    None
}

/// Whether an error of type `E` is in the chain of `error`.
#[must_use]
pub fn is_caused_by<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    cause_of::<E>(error).is_some()
}
