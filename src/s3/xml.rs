//! The little of XML that stores write: elements without attributes that hold text or other elements.

/// The text of the first element called `name`.
pub(super) fn text(xml: &str, name: &str) -> Option<String> {
    elements(xml, name).next().map(unescaped)
}

/// What stands inside each element called `name`, which does not hold another of its name.
pub(super) fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find(&open)? + open.len();
            let after = &rest[start..];
            // A longer name, such as `Key` and `KeyCount`.
            if !after.starts_with(['>', '/', ' ', '\t', '\r', '\n']) {
                rest = after;
                continue;
            }
            let (tag, inner) = after.split_at(after.find('>')?);
            let inner = &inner[1..];
            if tag.ends_with('/') {
                rest = inner;
                return Some("");
            }
            let (inner, next) = inner.split_at(inner.find(&close)?);
            rest = &next[close.len()..];
            return Some(inner);
        }
    })
}

/// The text that an escaped one stands for; what is no known escape stays.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(';').filter(|end| *end <= 10);
        let known = end.and_then(|end| Some((character(&rest[1..end])?, end)));
        let (character, end) = known.unwrap_or(('&', 0));
        plain.push(character);
        rest = &rest[end + 1..];
    }
    plain + rest
}

fn character(entity: &str) -> Option<char> {
    Some(match entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        number => {
            let number = number.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

/// `text` as it stands in an element.
pub(super) fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            plain => xml.push(plain),
        }
    }
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_their_whole_name() {
        let xml = "<R xmlns=\"x\"><KeyCount>2</KeyCount><C><Key>a</Key></C><C><Key >b</Key></C><Key/></R>";
        let keys: Vec<_> = elements(xml, "Key").collect();
        assert_eq!(keys, ["a", "b", ""]);
        assert_eq!(text(xml, "KeyCount").as_deref(), Some("2"));
        assert_eq!(text(xml, "Absent"), None);
    }

    #[test]
    fn escapes_are_undone_once() {
        assert_eq!(
            unescaped("a&amp;lt;&#252;&#x2f;&quot;&bad;&"),
            "a&lt;ü/\"&bad;&"
        );
        let key = "a&b<c>\"d\" 'e' ü";
        assert_eq!(unescaped(&escaped(key)), key);
    }

    #[test]
    fn what_is_cut_off_has_no_elements() {
        for xml in ["<Key", "<Key>", "<Key>a", "<Key>a</Ke", "&#x;"] {
            assert_eq!(elements(xml, "Key").count(), 0, "{xml}");
        }
    }
}
