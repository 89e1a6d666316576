//! [`Shell`]: what every page has around its contents.

use artifact_cache_layers::body::Body;
use askama::Template;
use http::{Response, StatusCode};

use super::{
    super::answer,
    Panel, Refusal,
    assets::{self, Assets},
    visit::Visit,
};
use crate::access::Scope;

/// The part of the pages that one belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    None,
    Overview,
    Artifacts,
    Fills,
    Evictions,
    Pins,
    Jobs,
    Misses,
    Models,
    Files,
    Configuration,
    Clients,
}

/// What every page has around its contents.
pub(super) struct Shell<'a> {
    pub(super) title: &'a str,
    pub(super) query: String,
    pub(super) seal: &'a str,
    pub(super) token: Option<String>,
    pub(super) can_log_out: bool,
    pub(super) may_write: bool,
    /// Whether the visitor may see anything at all.
    pub(super) is_in: bool,
    pub(super) groups: Vec<Group>,
    pub(super) assets: &'static Assets,
    pub(super) version: &'static str,
    /// Seconds after which a page that lives is loaded again; 0 for one that does not.
    pub(super) refresh: u32,
}

/// Pages that belong together.
pub(super) struct Group {
    pub(super) label: Option<&'static str>,
    pub(super) items: Vec<Item>,
}

/// A page as the others name it.
pub(super) struct Item {
    pub(super) label: &'static str,
    pub(super) href: &'static str,
    pub(super) is_here: bool,
    pub(super) count: Option<String>,
}

const OPERATE: [(Section, &str, &str); 7] = [
    (Section::Overview, "Overview", "/ui/"),
    (Section::Artifacts, "Artifacts", "/ui/artifacts"),
    (Section::Fills, "Downloads", "/ui/fills"),
    (Section::Evictions, "Evictions", "/ui/evictions"),
    (Section::Pins, "Pins", "/ui/pins"),
    (Section::Jobs, "Jobs", "/ui/jobs"),
    (Section::Misses, "Misses", "/ui/misses"),
];
const HOLDINGS: [(Section, &str, &str); 2] = [
    (Section::Files, "Files", "/ui/files"),
    (Section::Models, "Models", "/ui/models"),
];
const ABOUT: [(Section, &str, &str); 2] = [
    (Section::Configuration, "Configuration", "/ui/configuration"),
    (Section::Clients, "Set up clients", "/ui/clients"),
];

impl<'a> Shell<'a> {
    /// The surroundings of a page of `section`.
    pub(super) fn new(
        panel: &impl Panel,
        visit: &'a Visit,
        title: &'a str,
        section: Section,
    ) -> Self {
        let is_in = visit.may(Scope::AdminRead);
        let token = visit.token().map(|token| token.to_string());
        Self {
            title,
            query: String::new(),
            seal: &visit.seal,
            can_log_out: visit.is_guarded && token.is_some(),
            token,
            may_write: visit.may(Scope::AdminWrite),
            is_in,
            groups: groups(panel, visit, section),
            assets: assets::all(),
            version: env!("CARGO_PKG_VERSION"),
            refresh: 0,
        }
    }
}

fn groups(panel: &impl Panel, visit: &Visit, section: Section) -> Vec<Group> {
    let holdings = HOLDINGS.iter().filter(|(section, ..)| match section {
        Section::Files => super::files::are_shown(panel, visit),
        _ => super::models::are_shown(panel, visit),
    });
    let holdings: Vec<_> = holdings.copied().collect();
    let fills = panel.store().under_way().all().len();
    let group = |label, pages: &[(Section, &'static str, &'static str)]| Group {
        label,
        items: pages
            .iter()
            .map(|page| item(page, section, fills))
            .collect(),
    };
    let mut groups = vec![group(None, &OPERATE)];
    if !holdings.is_empty() {
        groups.push(group(Some("Holdings"), &holdings));
    }
    groups.push(group(Some("This cache"), &ABOUT));
    groups
}

fn item(page: &(Section, &'static str, &'static str), here: Section, fills: usize) -> Item {
    let (section, label, href) = *page;
    let has_count = section == Section::Fills && fills > 0;
    Item {
        label,
        href,
        is_here: section == here,
        count: has_count.then(|| fills.to_string()),
    }
}

/// A page.
pub(super) fn page(
    status: StatusCode,
    template: &impl Template,
) -> Result<Response<Body>, Refusal> {
    let text = template
        .render()
        .map_err(|error| Refusal::Failed(error.into()))?;
    let mut response = answer::typed("text/html; charset=utf-8", text.into());
    *response.status_mut() = status;
    Ok(response)
}

/// A page that is as it should be.
pub(super) fn ok(template: &impl Template) -> Result<Response<Body>, Refusal> {
    page(StatusCode::OK, template)
}
