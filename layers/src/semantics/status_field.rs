//! Structured items as the status fields write them (RFC 8941 §3.3).

/// `text` as a string: quotes and backslashes escaped, what is not printable ASCII a question mark.
pub(super) fn string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => quoted.push('?'),
        }
    }
    quoted.push('"');
    quoted
}

/// `text` as a token where it can be one, else as a string.
pub(super) fn token_or_string(text: &str) -> String {
    if is_token(text) {
        text.to_owned()
    } else {
        string(text)
    }
}

fn is_token(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
    text.bytes().all(is_inner)
        && text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_a_token_is_one() {
        assert_eq!(token_or_string("no-store"), "no-store");
        assert_eq!(token_or_string("*a/b:c"), "*a/b:c");
        assert_eq!(token_or_string("1a"), "\"1a\"");
        assert_eq!(token_or_string("a b"), "\"a b\"");
        assert_eq!(token_or_string(""), "\"\"");
    }

    #[test]
    fn a_string_cannot_leave_its_quotes() {
        assert_eq!(string("a\"\\;\r\né"), "\"a\\\"\\\\;???\"");
    }
}
