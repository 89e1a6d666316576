//! `/docs`: the description as a page that needs nothing but a browser: no script, nothing from elsewhere.

use std::fmt::Write as _;

use serde_json::Value;

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width\"><title>artifact-cache: API</title><style>\
    body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    code,pre{font:14px/1.4 ui-monospace,monospace}summary{cursor:pointer}b{display:inline-block;width:4.5rem}\
    td,th{text-align:left;padding:.1rem .8rem .1rem 0;vertical-align:top}</style></head><body>\n";

/// The page of a description.
pub(super) fn of(document: &Value) -> String {
    let mut page = String::from(HEAD);
    let about = text(&document["info"]["description"]);
    let version = text(&document["info"]["version"]);
    // Writing to a text cannot fail, here and below.
    let _ = write!(
        page,
        "<h1>artifact-cache {version}</h1>\n<p>{about}</p>\n\
         <p>For programs: <a href=\"/openapi.json\">/openapi.json</a></p>\n<h2>Routes</h2>\n"
    );
    for (path, operations) in members(&document["paths"]) {
        for (method, operation) in members(operations) {
            route(&mut page, path, method, operation);
        }
    }
    page.push_str("<h2>Types</h2>\n");
    for (name, schema) in members(&document["components"]["schemas"]) {
        named_type(&mut page, name, schema);
    }
    page.push_str("</body></html>\n");
    page
}

fn route(page: &mut String, path: &str, method: &str, operation: &Value) {
    let (summary, method) = (text(&operation["summary"]), method.to_uppercase());
    let path = escaped(path);
    let _ = write!(
        page,
        "<details><summary><b>{method}</b> <code>{path}</code> {summary}</summary>\n<table>\n"
    );
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
        let schema = type_of(&parameter["schema"]);
        row(page, &name, &format!("{place}, {schema}"));
    }
    for (media_type, body) in members(&operation["requestBody"]["content"]) {
        row(
            page,
            "body",
            &format!("{}: {}", escaped(media_type), type_of(&body["schema"])),
        );
    }
    for (status, response) in members(&operation["responses"]) {
        let contents = members(&response["content"]).map(|(kind, body)| {
            let schema = type_of(&body["schema"]);
            format!(" ({}: {schema})", escaped(kind))
        });
        let contents: String = contents.collect();
        let description = text(&response["description"]);
        row(page, status, &format!("{description}{contents}"));
    }
    page.push_str("</table></details>\n");
}

fn named_type(page: &mut String, name: &str, schema: &Value) {
    let (id, about) = (escaped(name), text(&schema["description"]));
    let _ = write!(page, "<h3 id=\"{id}\">{id}</h3>\n<p>{about}</p>\n<table>\n");
    for (name, property) in members(&schema["properties"]) {
        let about = text(&property["description"]);
        row(
            page,
            &escaped(name),
            &format!("{} {about}", type_of(property)),
        );
    }
    page.push_str("</table>\n");
}

fn row(page: &mut String, name: &str, value: &str) {
    let _ = writeln!(
        page,
        "<tr><th><code>{name}</code></th><td>{value}</td></tr>"
    );
}

/// A schema in a few words, with a link where it has a name.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next())
    {
        let name = escaped(name);
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<_> = words.iter().map(text).collect();
        return words.join(" | ");
    }
    if let Some(items) = schema.get("items") {
        return format!("list of {}", type_of(items));
    }
    for all in ["anyOf", "oneOf"] {
        if let Some(some) = schema[all].as_array() {
            let some: Vec<_> = some.iter().map(type_of).collect();
            return some.join(" or ");
        }
    }
    match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect::<Vec<_>>().join(" or "),
        Value::Null => "anything".into(),
        name => text(name),
    }
}

fn members(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), escaped)
        .replace("null", "")
}

/// Text as it stands in a page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
