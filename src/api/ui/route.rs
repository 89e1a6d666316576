//! Which path is which page.

use super::{super::template::captures, deed::Deed};

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// The address without its slash.
    Root,
    Overview,
    Artifacts,
    Artifact(u64),
    Fills,
    Evictions,
    Pins,
    Jobs,
    Job(u64),
    Misses,
    Models,
    Files,
    Configuration,
    /// How a client is set up; the first one without a name.
    Clients(Option<String>),
    Login,
    Logout,
    /// Asks before something is changed.
    Ask(Deed),
}

impl Route {
    /// The value of `Allow` (RFC 9110 §10.2.1).
    pub(super) const fn methods(&self) -> &'static str {
        match self {
            Self::Login | Self::Ask(_) => "GET, HEAD, POST",
            Self::Logout => "POST",
            _ => "GET, HEAD",
        }
    }
}

type Make = fn(&[&str]) -> Option<Route>;

/// Every page, by the template of its path.
const TABLE: [(&str, Make); 21] = [
    ("/ui", |_| Some(Route::Root)),
    ("/ui/", |_| Some(Route::Overview)),
    ("/ui/artifacts", |_| Some(Route::Artifacts)),
    ("/ui/artifacts/{id}", |found| {
        Some(Route::Artifact(number(found)?))
    }),
    ("/ui/artifacts/{id}/delete", |found| {
        Some(Route::Ask(Deed::Delete(number(found)?)))
    }),
    ("/ui/artifacts/{id}/pin", |found| {
        Some(Route::Ask(Deed::Pin(number(found)?)))
    }),
    ("/ui/artifacts/{id}/unpin", |found| {
        Some(Route::Ask(Deed::Unpin(number(found)?)))
    }),
    ("/ui/pins/remove", |_| Some(Route::Ask(Deed::RemovePin))),
    ("/ui/fills", |_| Some(Route::Fills)),
    ("/ui/evictions", |_| Some(Route::Evictions)),
    ("/ui/pins", |_| Some(Route::Pins)),
    ("/ui/jobs", |_| Some(Route::Jobs)),
    ("/ui/jobs/{id}", |found| Some(Route::Job(number(found)?))),
    ("/ui/jobs/{id}/cancel", |found| {
        Some(Route::Ask(Deed::CancelJob(number(found)?)))
    }),
    ("/ui/misses", |_| Some(Route::Misses)),
    ("/ui/models", |_| Some(Route::Models)),
    ("/ui/files", |_| Some(Route::Files)),
    ("/ui/configuration", |_| Some(Route::Configuration)),
    ("/ui/clients", |_| Some(Route::Clients(None))),
    ("/ui/clients/{tool}", |found| {
        Some(Route::Clients(Some((*found.first()?).to_owned())))
    }),
    ("/ui/login", |_| Some(Route::Login)),
];

/// The page of a path; paths are exact.
pub(super) fn route(path: &str) -> Option<Route> {
    if path == "/ui/logout" {
        return Some(Route::Logout);
    }
    let mut routes = TABLE.iter();
    routes.find_map(|(template, make)| make(&captures(template, path)?))
}

/// A number, digits only.
fn number(found: &[&str]) -> Option<u64> {
    let text = found.first()?;
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_exact_and_numbers_are_digits() {
        assert_eq!(route("/ui/"), Some(Route::Overview));
        assert_eq!(route("/ui/artifacts/7"), Some(Route::Artifact(7)));
        for path in [
            "/ui//",
            "/ui/artifacts/",
            "/ui/artifacts/+7",
            "/ui/artifacts/x",
            "/ui/artifacts/7/x",
            "/ui/artifacts/99999999999999999999",
            "/ui/none",
        ] {
            assert_eq!(route(path), None, "{path}");
        }
    }
}
