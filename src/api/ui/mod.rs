//! The pages for people, below `/ui/`: rendered here, readable without scripts, with nothing from elsewhere.
//!
//! Who may see them is decided before (`access`); what the gate turned away is answered here, as a page.
//! Whatever changes something is asked for on a page of its own and needs the seal of that page (`guard`).

mod artifact;
mod artifacts;
mod ask;
mod assets;
mod clients;
mod configuration;
mod deed;
mod evictions;
mod files;
mod fills;
mod form;
mod format;
mod guard;
mod jobs;
mod login;
mod misses;
mod models;
mod overview;
mod pins;
mod plot;
mod plots;
mod refusal;
mod route;
mod series;
mod shell;
mod visit;

use std::{sync::Arc, time::Duration};

use artifact_cache_layers::body::{Body, BoxError};
use http::{Method, Request, Response};

use super::{
    Backend, answer,
    routed::{Routed, Routes},
};
use crate::{
    access::{Gate, TurnedAway},
    artifact::misses::Misses,
    config::{Config, show::Row},
    jobs::{Jobs, history::History},
    store::Store,
    telemetry::origins::Origin,
};

use refusal::Refusal;
use route::Route;
use visit::Visit;

/// How long a page waits for what is just being committed.
const SETTLE: Duration = Duration::from_millis(200);

/// What the pages show, beside what every local route asks for.
pub trait Panel: Backend {
    /// Catalog and blobs.
    fn store(&self) -> &Store;
    /// Who may use the cache.
    fn gate(&self) -> &Gate;
    /// The settings in force.
    fn config(&self) -> Arc<Config>;
    /// The same with their origins, secrets left out.
    fn settings(&self) -> Arc<Vec<Row>>;
    /// The time series of the main figures.
    fn history(&self) -> &History;
    /// What works in the background.
    fn jobs(&self) -> &Jobs;
    /// What was wanted while no origin might be asked.
    fn misses(&self) -> Arc<Misses>;
    /// How each origin fared since the start, the busiest first.
    fn origins(&self) -> Vec<OriginHealth>;
}

/// How an origin fared, and whether it is left alone at present.
#[derive(Clone, Debug)]
pub struct OriginHealth {
    /// How it fared.
    pub origin: Origin,
    /// How long it is still left alone, when it is.
    pub rests_for: Option<Duration>,
}

/// The pages.
#[derive(Clone, Debug)]
pub struct Ui<P> {
    panel: P,
}

type Answer = Result<Response<Body>, Refusal>;

impl<P: Panel> Ui<P> {
    /// The pages over `panel`, in front of `inner`.
    pub const fn before<S>(panel: P, inner: S) -> Routed<Self, S> {
        Routed::new(Self { panel }, inner)
    }

    async fn visited(&self, visit: Visit, body: Body) -> (Visit, Answer) {
        let answer = self.admitted(&visit, body).await;
        (visit, answer)
    }

    async fn admitted(&self, visit: &Visit, body: Body) -> Answer {
        if let Some(TurnedAway(error)) = visit.head.extensions.get() {
            return login::turned_away(visit, error);
        }
        guard::check(&visit.head)?;
        let route = route::route(visit.head.uri.path()).ok_or(Refusal::NotFound)?;
        match visit.head.method {
            Method::GET | Method::HEAD => self.read(visit, route).await,
            Method::POST => {
                let form = form::Form::read(body).await?;
                guard::check_seal(self.panel.gate(), visit, &form)?;
                self.change(visit, route, form).await
            }
            _ => Err(Refusal::Method(route.methods())),
        }
    }

    /// Shows a page: reads of the catalog, off the async threads.
    async fn read(&self, visit: &Visit, route: Route) -> Answer {
        let (panel, visit) = (self.panel.clone(), visit.clone());
        // What was just given out is listed; one that is written for long is not waited for.
        drop(tokio::time::timeout(SETTLE, panel.store().settle()).await);
        let shown = tokio::task::spawn_blocking(move || show(&panel, &visit, route)).await;
        shown.map_err(|error| Refusal::Failed(error.into()))?
    }

    async fn change(&self, visit: &Visit, route: Route, form: form::Form) -> Answer {
        let panel = &self.panel;
        match route {
            Route::Login => login::log_in(panel, visit, &form),
            Route::Logout => Ok(login::log_out(panel, visit)),
            Route::Ask(deed) => ask::done(panel, visit, deed, &form).await,
            _ => Err(Refusal::Method(route.methods())),
        }
    }
}

fn show<P: Panel>(panel: &P, visit: &Visit, route: Route) -> Answer {
    match route {
        Route::Root => Ok(visit::to("/ui/")),
        Route::Overview => overview::show(panel, visit),
        Route::Artifacts => artifacts::show(panel, visit),
        Route::Artifact(id) => artifact::show(panel, visit, id),
        Route::Fills => fills::show(panel, visit),
        Route::Evictions => evictions::show(panel, visit),
        Route::Pins => pins::show(panel, visit),
        Route::Jobs => jobs::show(panel, visit),
        Route::Job(number) => jobs::show_one(panel, visit, number),
        Route::Misses => misses::show(panel, visit),
        Route::Models => models::show(panel, visit),
        Route::Files => files::show(panel, visit),
        Route::Configuration => configuration::show(panel, visit),
        Route::Clients(tool) => clients::show(panel, visit, tool.as_deref()),
        Route::Login => login::show(panel, visit, None),
        Route::Ask(deed) => ask::show(panel, visit, &deed),
        Route::Logout => Err(Refusal::Method(route.methods())),
    }
}

impl<P: Panel> Routes for Ui<P> {
    fn is_own(&self, path: &str) -> bool {
        path == "/ui" || path.starts_with("/ui/")
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let is_head = request.method() == Method::HEAD;
        let (head, body) = request.into_parts();
        let response = if let Some(asset) = assets::find(&head) {
            asset
        } else {
            let visit = Visit::begin(self.panel.gate(), head)?;
            let (visit, answer) = self.visited(visit, body).await;
            let shown = answer.unwrap_or_else(|refusal| refusal.page(&self.panel, &visit));
            visit.leave(shown)
        };
        let response = guard::fields(response);
        Ok(if is_head {
            answer::without_body(response)
        } else {
            response
        })
    }
}
