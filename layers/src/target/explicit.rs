//! The explicit fetch: `/fetch?url=…` with parameters, and `/fetch/<scheme>/<authority>/<path>` where
//! everything behind the scheme belongs to the artifact's URL, query included.

use http::{Method, Uri};

use super::{
    error::{Fault, InvalidTarget},
    parameters::Parameters,
    resolve::require_known,
};
use crate::{
    digest::Sha256,
    extensions::{Delivery, Mode, Target},
    semantics::target_uri::TargetUri,
};

const PATH: &str = "/fetch";
const ALLOW: &str = "GET, HEAD";

/// The target of an explicit fetch, `None` where the path is another one.
pub(super) fn resolve(method: &Method, uri: &Uri) -> Result<Option<Target>, InvalidTarget> {
    let Some(rest) = uri.path().strip_prefix(PATH) else {
        return Ok(None);
    };
    if !rest.is_empty() && !rest.starts_with('/') {
        return Ok(None);
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(InvalidTarget::MethodNotAllowed { allow: ALLOW });
    }
    if rest.len() > 1 {
        by_path(uri).map_err(invalid("url")).map(Some)
    } else {
        by_parameters(uri.query().unwrap_or_default()).map(Some)
    }
}

fn invalid(parameter: &'static str) -> impl Fn(Fault) -> InvalidTarget {
    move |fault| InvalidTarget::InvalidParameter { parameter, fault }
}

fn by_path(uri: &Uri) -> Result<Target, Fault> {
    let whole = uri.path_and_query().map_or("", |path| path.as_str());
    let rest = whole.get(PATH.len() + 1..).unwrap_or_default();
    let (scheme, rest) = rest.split_once('/').unwrap_or((rest, ""));
    require_known(scheme)?;
    Ok(Target {
        signed: None,
        uri: format!("{scheme}://{rest}").parse::<TargetUri>()?,
        mode: Mode::Explicit,
        expect: None,
        delivery: Delivery::default(),
    })
}

fn by_parameters(query: &str) -> Result<Target, InvalidTarget> {
    let given = Parameters::read(query)?;
    let url = given.url.filter(|url| !url.is_empty());
    let url = url.ok_or(InvalidTarget::MissingParameter { parameter: "url" })?;
    let (uri, fragment) = url.split_once('#').unwrap_or((&url, ""));
    let uri = parse(uri).map_err(invalid("url"))?;
    let pinned = fragment_pin(fragment).map_err(invalid("url"))?;
    let expect = pin(given.sha256.as_deref()).map_err(invalid("sha256"))?;
    if let (Some(pinned), Some(expect)) = (pinned, expect)
        && pinned != expect
    {
        return Err(invalid("sha256")(Fault::ConflictingPins));
    }
    Ok(Target {
        signed: None,
        uri,
        mode: Mode::Explicit,
        expect: expect.or(pinned),
        delivery: delivery(given.mode.as_deref()).map_err(invalid("mode"))?,
    })
}

fn parse(url: &str) -> Result<TargetUri, Fault> {
    // The URL parser would drop these without a word, so that what was checked or logged by someone
    // else is not what is fetched.
    if url.contains(|c: char| c.is_ascii_control()) || url.trim() != url {
        return Err(Fault::ControlCharacter);
    }
    if let Some((scheme, _)) = url.split_once("://") {
        require_known(scheme)?;
    }
    let uri: TargetUri = url.parse()?;
    require_known(uri.scheme())?;
    Ok(uri)
}

/// `#sha256=<hex>`, the fragment with which package indexes pin a file.
fn fragment_pin(fragment: &str) -> Result<Option<Sha256>, Fault> {
    let mut parts = fragment.split('&');
    pin(parts.find_map(|part| part.strip_prefix("sha256=")))
}

fn pin(text: Option<&str>) -> Result<Option<Sha256>, Fault> {
    let given = text.filter(|text| !text.is_empty());
    Ok(given.map(str::parse).transpose()?)
}

fn delivery(text: Option<&str>) -> Result<Delivery, Fault> {
    match text {
        None | Some("") => Ok(Delivery::Hold),
        Some("spool") => Ok(Delivery::Spool),
        Some("stream") => Ok(Delivery::Stream),
        Some(_) => Err(Fault::Mode),
    }
}
