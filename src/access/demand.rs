//! What a request must be allowed to do, by what it asks for. A path that nobody knows is management:
//! a route that is forgotten here is shut, not open.

use artifact_cache_layers::extensions::{Mode, Target};
use http::{Method, Request};

use super::Scope;

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// Nothing: health, and the pages that say how to use the cache.
    Nothing,
    /// A scope.
    Scope(Scope),
}

/// What a request needs.
pub(super) fn of<B>(request: &Request<B>) -> Demand {
    let is_artifact = request.extensions().get::<Target>().is_some();
    if is_artifact || request.method() == Method::CONNECT {
        return Demand::Scope(Scope::Fetch);
    }
    of_path(request.method(), request.uri().path())
}

fn of_path(method: &Method, path: &str) -> Demand {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let by = |read, write| Demand::Scope(if reads { read } else { write });
    let is_public = matches!(
        path,
        "/" | "/health"
            | "/healthz"
            | "/readyz"
            | "/setup"
            | "/openapi.json"
            | "/docs"
            | "/ui/login"
            | "/ui/logout"
            | "/registry"
            | "/registry/health"
            | "/registry/openapi.json"
    );
    // A browser asks whether it may ask before it shows any credentials.
    let is_public = is_public || path.starts_with("/ui/assets/");
    if is_public || *method == Method::OPTIONS && is_registry(path) {
        return Demand::Nothing;
    }
    match path.split('/').nth(1).unwrap_or_default() {
        "fetch" | "cas" | "mirror" | "resolve" => Demand::Scope(Scope::Fetch),
        // What is to be signed decides; the route asks for that.
        "files:sign" => Demand::Nothing,
        "files" if path.starts_with("/files/uploads/") => Demand::Scope(Scope::FilesUpload),
        "files" if *method == Method::DELETE => Demand::Scope(Scope::FilesDelete),
        "files" | "runs" | "tokenizers" => by(Scope::FilesRead, Scope::FilesUpload),
        "models" | "registry" if path.ends_with("/promote") => {
            Demand::Scope(Scope::RegistryPromote)
        }
        _ if is_registry(path) => by(Scope::RegistryRead, Scope::RegistryWrite),
        _ => by(Scope::AdminRead, Scope::AdminWrite),
    }
}

/// Whether a route has keys of its own beside tokens. Credentials that are no token are then for it, and
/// without keys it refuses them where tokens are asked for.
pub(super) fn has_own_keys<B>(request: &Request<B>) -> bool {
    let is_artifact = request.extensions().get::<Target>().is_some();
    let path = request.uri().path();
    let family = path.split('/').nth(1).unwrap_or_default();
    let families = ["files", "files:sign", "runs", "tokenizers"];
    let has_keys = families.contains(&family) || is_registry(path);
    !is_artifact && request.method() != Method::CONNECT && has_keys
}

/// Whether a path is one of the registry of models.
fn is_registry(path: &str) -> bool {
    let families = ["models", "registry", "production", "compare", "stats"];
    families.contains(&path.split('/').nth(1).unwrap_or_default())
}

/// Whether a request is one of a person for a page.
pub(super) fn is_page<B>(request: &Request<B>) -> bool {
    let path = request.uri().path();
    let is_artifact = request.extensions().get::<Target>().is_some();
    let is_below = path == "/ui" || path.starts_with("/ui/");
    is_below && !is_artifact && request.method() != Method::CONNECT
}

/// Whether the client speaks to a proxy, which has a field and a status of its own for credentials.
pub(super) fn is_proxied<B>(request: &Request<B>) -> bool {
    let is_forward = |target: &Target| target.mode == Mode::Forward;
    request.method() == Method::CONNECT
        || request.uri().authority().is_some() && request.extensions().get().is_some_and(is_forward)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_has_its_scope_and_an_unknown_one_is_management() {
        use Scope::{AdminRead, AdminWrite, Fetch, FilesDelete, FilesRead, FilesUpload};
        for (method, path, scope) in [
            (Method::GET, "/fetch", Fetch),
            (Method::GET, "/cas/sha256/00", Fetch),
            (Method::GET, "/files/1", FilesRead),
            (Method::POST, "/files", FilesUpload),
            (Method::DELETE, "/files/1", FilesDelete),
            (Method::HEAD, "/files/uploads/1", FilesUpload),
            (Method::DELETE, "/files/uploads/1", FilesUpload),
            (Method::GET, "/api/v1/files/abcd", AdminRead),
            (Method::POST, "/api/v1/files:expire", AdminWrite),
            (Method::POST, "/models/1/promote", Scope::RegistryPromote),
            (Method::GET, "/metrics", AdminRead),
            (Method::GET, "/api/stats", AdminRead),
            (Method::DELETE, "/api/artifacts/1", AdminWrite),
            (Method::POST, "/unknown", AdminWrite),
            (Method::GET, "//health", AdminRead),
        ] {
            let demand = of_path(&method, path);
            assert_eq!(demand, Demand::Scope(scope), "{method} {path}");
        }
        for path in ["/", "/health", "/healthz", "/readyz", "/setup"] {
            assert_eq!(of_path(&Method::GET, path), Demand::Nothing, "{path}");
        }
    }
}
