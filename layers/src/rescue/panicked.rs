//! [`Panicked`], a panic as an error.

use std::{
    any::Any,
    borrow::Cow,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// The service panicked while it made a response.
#[derive(Clone, PartialEq, Eq)]
pub struct Panicked {
    message: Cow<'static, str>,
}

impl Panicked {
    fn new(payload: Box<dyn Any + Send>) -> Self {
        let message = match payload.downcast::<String>() {
            Ok(text) => Cow::Owned(*text),
            Err(payload) => payload
                .downcast::<&'static str>()
                .map_or(Cow::Borrowed("a panic without text"), |text| {
                    Cow::Borrowed(*text)
                }),
        };
        Self { message }
    }

    /// The panic's text, for the log. It may hold anything, so no client may see it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the service panicked")
    }
}

// By hand: an error is printed with `{:?}` where nobody thinks of secrets.
impl fmt::Debug for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panicked").finish_non_exhaustive()
    }
}

impl std::error::Error for Panicked {}

/// Runs `work`; a panic in it is an error. What `work` borrowed may be left half changed: the caller
/// uses it no further.
pub(super) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(Panicked::new)
}
