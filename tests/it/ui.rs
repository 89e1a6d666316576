//! The pages for people over plain HTTP: what they show, who sees them, and what nobody can make them do.

mod changes;
mod doors;
mod history;
mod html;
mod login;
mod pages;

use crate::support::{
    cache::Cache,
    client::{Request, Response},
    origin::{Content, Origin, Reply},
};

/// A browser: it keeps one cookie and says what browsers say.
struct Browser<'c> {
    cache: &'c Cache,
    cookie: Option<String>,
}

impl<'c> Browser<'c> {
    fn at(cache: &'c Cache) -> Self {
        let cookie = None;
        Self { cache, cookie }
    }

    fn get(&mut self, path: &str) -> Response {
        self.send(Request::get(path).field("Sec-Fetch-Dest", "document"))
    }

    /// Sends the form of a page with these fields and the seal that it carries.
    fn submit(&mut self, page: &str, action: &str, fields: &[(&str, &str)]) -> Response {
        let seal = self.seal(page);
        self.post(action, &[&[("seal", seal.as_str())], fields].concat())
    }

    fn seal(&mut self, page: &str) -> String {
        let shown = self.get(page);
        html::attribute(&shown.text(), "name=\"seal\" value=\"")
    }

    fn post(&mut self, action: &str, fields: &[(&str, &str)]) -> Response {
        self.send(form(action, fields))
    }

    fn send(&mut self, request: Request) -> Response {
        let request = match &self.cookie {
            Some(cookie) => request.field("Cookie", cookie),
            None => request,
        };
        let response = self.cache.exchange(&request);
        if let Some(line) = response.value("set-cookie") {
            let pair = line.split(';').next().unwrap_or_default();
            self.cookie = Some(pair.to_owned());
        }
        response
    }

    #[track_caller]
    fn log_in(&mut self, token: &str) {
        let response = self.submit("/ui/login", "/ui/login", &[("token", token)]);
        assert_eq!(response.status(), 303, "{}", response.text());
    }
}

/// A form as a browser of the same origin sends it.
fn form(action: &str, fields: &[(&str, &str)]) -> Request {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(fields);
    Request::new("POST", action)
        .field("Content-Type", "application/x-www-form-urlencoded")
        .field("Origin", "http://localhost")
        .field("Sec-Fetch-Site", "same-origin")
        .field("Sec-Fetch-Dest", "document")
        .body(body.finish())
}

/// A cache with one artifact; the number of that.
fn with_one() -> (Origin, Cache, u64) {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a.bin", Reply::ok(Content::seeded(1, 2048)));
    assert_eq!(cache.fetch(&origin.url("/a.bin")).status(), 200);
    let items = cache.get("/api/artifacts").json();
    let id = items["items"][0]["id"].as_u64().unwrap();
    (origin, cache, id)
}
