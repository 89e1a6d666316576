//! [`Refusal`]: why a page is not shown, as a page. Nothing of a fault's cause is told; it is logged.

use artifact_cache_layers::body::{Body, BoxError};
use askama::Template;
use http::{HeaderValue, Response, StatusCode, header};

use super::{
    Panel,
    shell::{Section, Shell, page},
    visit::Visit,
};
use crate::catalog::CatalogError;

/// Why a page is not shown.
#[derive(Debug)]
pub(super) enum Refusal {
    /// There is none.
    NotFound,
    /// It has other methods; the value of `Allow`.
    Method(&'static str),
    /// Not for this visitor.
    Forbidden(String),
    /// What was sent cannot be used.
    Invalid(String),
    /// The state forbids it.
    Conflict(String),
    /// Something broke.
    Failed(BoxError),
}

#[derive(Template)]
#[template(path = "refusal.html", config = "src/api/ui/askama.toml")]
struct Page<'a> {
    shell: Shell<'a>,
    title: &'static str,
    text: String,
    href: &'static str,
    way: &'static str,
}

impl From<CatalogError> for Refusal {
    fn from(error: CatalogError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<BoxError> for Refusal {
    fn from(error: BoxError) -> Self {
        Self::Failed(error)
    }
}

impl Refusal {
    const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn words(self) -> (&'static str, String) {
        match self {
            Self::NotFound => (
                "Not found",
                "There is no such page, or what it showed is gone.".to_owned(),
            ),
            Self::Method(allow) => ("Not possible", format!("This page answers {allow}.")),
            Self::Forbidden(text) => ("Not allowed", text),
            Self::Invalid(text) => ("Not usable", text),
            Self::Conflict(text) => ("Not done", text),
            Self::Failed(error) => {
                let error = &*error as &dyn std::error::Error;
                tracing::error!(error, "a page cannot be shown");
                let text = "The cache failed. Its log says why.";
                ("Something went wrong", text.to_owned())
            }
        }
    }

    /// The page that says so.
    pub(super) fn page(self, panel: &impl Panel, visit: &Visit) -> Response<Body> {
        let status = self.status();
        let allow = match self {
            Self::Method(allow) => Some(allow),
            _ => None,
        };
        let (title, text) = self.words();
        let (href, way) = ("/ui/", "Overview");
        let shell = Shell::new(panel, visit, title, Section::None);
        let shown = page(
            status,
            &Page {
                shell,
                title,
                text,
                href,
                way,
            },
        );
        let mut response = shown.unwrap_or_else(|_| {
            let mut bare = Response::new(Body::empty());
            *bare.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            bare
        });
        if let Some(allow) = allow {
            let allow = HeaderValue::from_static(allow);
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }
}
