//! The request path. Every way in passes the same edge, every artifact the same shared cache, every
//! request to an origin the same way out; the ways in differ only in the target they set.

mod rarely;

use std::convert::Infallible;

use artifact_cache_layers::{
    body::{Body, BoxError},
    cache::CacheLayer,
    collapse::{CollapseLayer, Flights},
    egress::EgressLayer,
    extensions::{Looked, Mode, Target},
    hop::HopLayer,
    limit::LimitLayer,
    ranges::{RangesLayer, Terms},
    recall::RecallLayer,
    record::RecordLayer,
    rescue::RescueLayer,
    semantics::cache_key::CacheKey,
    target::TargetLayer,
    tee::TeeLayer,
    validate::ValidateLayer,
};
use http::{Method, Request, Response};
use tower::{
    ServiceBuilder,
    layer::layer_fn,
    steer::Steer,
    util::{BoxCloneService, BoxCloneSyncService},
};
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};

use self::rarely::Rarely;
use crate::{
    access::AccessLayer,
    api::{
        Api, backup::Backup, browser::BrowserLayer, bundle::Bundles, cas::CasLayer,
        files::FilesLayer, history::TimeSeries, internal::Internal, jobs::JobRoutes,
        manage::Manage, part::PartLayer, resolve::ResolveLayer, tokens::Tokens, ui::Ui,
    },
    app::{App, requests::Requests},
    config::server::Profile,
    jobs::warm::Means,
    mirror::MirrorLayer,
    proxy::SwitchedOff,
    rescue::Rescuer,
    telemetry::request_id::RequestIds,
    upstream::PassedLayer,
};

/// A service at a seam.
pub type Route = BoxCloneService<Request<Body>, Response<Body>, BoxError>;

/// The seam at which every request to an origin leaves.
pub type Upstream = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// What a listener serves: every error has become a response.
pub type Edge = BoxCloneService<Request<Body>, Response<Body>, Infallible>;

/// What the edges of all listeners share: one request to an origin per key, whichever listener asked.
pub struct Core {
    cache: Route,
    local: Route,
}

impl Core {
    /// The shared cache and the local routes.
    #[must_use]
    pub fn new(app: &App) -> Self {
        let cache = shared_cache(app);
        let local = local_api(app, &cache);
        Self { cache, local }
    }

    /// What jobs work with.
    #[must_use]
    pub fn means(&self, app: &App) -> Means {
        means(app, Internal::new(self.cache.clone()))
    }
}

/// What every accepted request passes through, whichever way it arrived at a listener with this profile.
#[must_use]
pub fn edge(app: &App, core: &Core, profile: Profile) -> Edge {
    let doors = [
        core.local.clone(),
        tunnel(app),
        core.cache.clone(),
        no_proxy(),
        mirrored(app, &core.cache),
    ];
    let part = (profile != Profile::All).then(|| PartLayer::new(profile));
    let (config, clock) = (app.config.clone(), app.store.clock().clone());
    ServiceBuilder::new()
        .layer(BoxCloneService::layer())
        .layer(SetRequestIdLayer::x_request_id(RequestIds::default()))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(RecordLayer::new(Requests::new(app.metrics.clone()))) // counts, times and logs to the last byte
        .layer(RecallLayer::new(move || clock.now())) // a hit of this second, to the same head: what follows is not asked
        .layer(RescueLayer::new(Rescuer::new(app.metrics.clone()))) // below: errors; above: only responses
        .layer(LimitLayer::new(app.config().server.max_requests)) // sheds load, streaming bodies included
        .layer(ValidateLayer::new(app.pseudonym().as_ref()).with_limits(app.request_limits())) // framing, fields, loops
        .layer(
            TargetLayer::new(app.own_names())
                .with_mirrors(app.mirrors.clone())
                .with_presigned(app.config().classes.presigned),
        ) // what is asked for, and by which rules
        .option_layer(part) // what this listener serves, where that is not everything
        .layer(BrowserLayer) // what other pages of a browser may not
        .layer(AccessLayer::new(app.gate.clone())) // who may do that
        .layer(CasLayer::new(app.store.clone())) // a digest is a target too
        .service(Steer::new(
            doors,
            move |request: &Request<_>, _: &[Route]| door(request, config.load().proxy.enabled),
        ))
}

/// Which of the doors `[local_api, tunnel, shared_cache, no_proxy, mirrored]` a request takes.
fn door(request: &Request<Body>, is_proxy: bool) -> usize {
    match request.extensions().get::<Target>() {
        Some(target) if target.mode == Mode::Forward && !is_proxy => 3,
        Some(target) if target.mode == Mode::Mirror => 4,
        Some(_) => 2,
        None if request.method() == Method::CONNECT && !is_proxy => 3,
        None if request.method() == Method::CONNECT => 1,
        None => 0,
    }
}

/// The shared cache of RFC 9111. `/fetch`, the forward proxy and the program itself all end here.
#[must_use]
pub fn shared_cache(app: &App) -> Route {
    let rules = app.rules.clone();
    ServiceBuilder::new()
        .layer(BoxCloneService::layer())
        .layer(EgressLayer::new(app.egress.clone())) // may this target be reached at all?
        .layer(CacheLayer::with_rules(app.store.clone(), move || {
            rules.load_full()
        })) // reuse, validate or forward
        .layer(Rarely::layer()) // a hit ends above
        .layer(CollapseLayer::new(flights(app))) // one request to the origin per key
        .layer(PassedLayer) // what is not kept is checked as well
        .layer(TeeLayer::new(app.store.clone())) // disk and SHA-256, commit after the last byte
        .service(upstream(app))
}

/// The shared cache below prefixes of our own.
fn mirrored(app: &App, cache: &Route) -> Route {
    let config = app.config();
    let public_url = config.mirror.public_url.as_deref();
    ServiceBuilder::new()
        .layer(BoxCloneService::layer())
        .layer(MirrorLayer::new(app.mirrors.clone(), public_url)) // references lead back here
        .service(cache.clone())
}

/// The only way out: redirects, retries and the dial itself are checked by the same egress rule.
fn upstream(app: &App) -> Upstream {
    ServiceBuilder::new()
        .layer(BoxCloneSyncService::layer())
        .layer(RangesLayer::new(in_ranges(app), |request| {
            let target = request.extensions().get::<Target>();
            target.is_some_and(|target| target.mode.is_archive())
        })) // a large artifact may be fetched in several pieces at a time
        .layer(HopLayer::new(app.pseudonym())) // hop-by-hop fields off, Via on
        .service(app.upstreams.clone())
}

fn in_ranges(app: &App) -> Terms {
    let settings = &app.config().upstream;
    let (at_once, range_bytes) = (settings.parallel_ranges, settings.range_bytes.0);
    Terms {
        at_once: usize::try_from(at_once).unwrap_or(usize::MAX),
        range_bytes,
        least_bytes: range_bytes.saturating_mul(4),
    }
}

/// Counts, logs and rescues for a service that stands alone, such as the metrics listener's.
#[must_use]
pub fn alone(app: &App, service: Route) -> Edge {
    ServiceBuilder::new()
        .layer(BoxCloneService::layer())
        .layer(RescueLayer::new(Rescuer::new(app.metrics.clone())))
        .layer(ValidateLayer::new(app.pseudonym().as_ref()).with_limits(app.request_limits()))
        .service(service)
}

/// Our own routes: paths of artifacts, health, statistics, management, metrics.
fn local_api(app: &App, cache: &Route) -> Route {
    let cache = Internal::new(cache.clone());
    let (store, config, gate) = (app.store.clone(), app.config.clone(), app.gate.clone());
    let means = means(app, cache.clone());
    let jobs = JobRoutes::new(app.jobs.clone(), means, config.clone(), app.metrics.clone());
    let misses = app.upstreams.contact().misses();
    let manage = Manage::new(store.clone(), misses, config.clone());
    ServiceBuilder::new()
        .layer(BoxCloneService::layer())
        .layer(Rarely::layer()) // a connection that never asks pays for none of it
        .layer(ResolveLayer::new(
            store.clone(),
            config.clone(),
            cache.clone(),
        ))
        .layer(FilesLayer::new(store.clone(), config))
        .layer(layer_fn(|inner| Ui::before(app.clone(), inner)))
        .layer(layer_fn(|inner| {
            TimeSeries::before(app.history.clone(), inner)
        }))
        .layer(layer_fn(|inner| {
            Bundles::before(store.clone(), gate.clone(), inner)
        }))
        .layer(layer_fn(|inner| {
            Backup::before(store.clone(), (gate.clone(), app.jobs.clone()), inner)
        }))
        .layer(layer_fn(|inner| manage.clone().before(inner)))
        .layer(layer_fn(|inner| jobs.clone().before(inner)))
        .layer(layer_fn(|inner| Tokens::before(gate.clone(), inner)))
        .service(Api::new(app.clone()).with_cache(cache))
}

fn means(app: &App, cache: Internal) -> Means {
    let store = app.store.clone();
    Means { cache, store }
}

/// CONNECT: bytes both ways, under the egress rule.
fn tunnel(app: &App) -> Route {
    BoxCloneService::new(app.tunnels.clone())
}

/// In the place of the forward proxy where it is not wanted.
fn no_proxy() -> Route {
    BoxCloneService::new(SwitchedOff)
}

/// Concurrent requests share one answer. One that is about to ask although the answer was stored after
/// it had looked is sent back to look again.
fn flights(app: &App) -> Flights {
    let tasks = app.tasks.clone();
    let store = app.store.clone();
    let is_superseded = move |request: &Request<Body>| {
        let extensions = request.extensions();
        let (Some(target), Some(Looked(seen))) = (extensions.get::<Target>(), extensions.get())
        else {
            return false;
        };
        store.revision(&CacheKey::of(&target.uri)) != *seen
    };
    Flights::new(move |task| drop(tasks.spawn(task))).with_recheck(is_superseded)
}
