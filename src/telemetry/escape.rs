//! Text as a JSON string that no terminal and no log reader can misread.

use std::fmt::{self, Write};

/// Shows a text in quotes, with every control character escaped: not only those below the space, as
/// JSON demands, but also delete, the C1 controls, and the separators and direction marks of Unicode,
/// which move the cursor or reorder a line on a terminal.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        Escape(f).write_str(self.0)?;
        f.write_char('"')
    }
}

/// Escapes what is written through it, without quotes around it.
pub(super) struct Escape<'a, W: Write + ?Sized>(pub(super) &'a mut W);

impl<W: Write + ?Sized> Write for Escape<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| is_special(*c)) {
            self.0.write_str(&text[plain..at])?;
            escaped(self.0, c)?;
            plain = at + c.len_utf8();
        }
        self.0.write_str(&text[plain..])
    }
}

fn is_special(c: char) -> bool {
    matches!(c, '"' | '\\' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || c.is_control()
}

fn escaped<W: Write + ?Sized>(writer: &mut W, c: char) -> fmt::Result {
    match c {
        '"' => writer.write_str("\\\""),
        '\\' => writer.write_str("\\\\"),
        '\n' => writer.write_str("\\n"),
        '\r' => writer.write_str("\\r"),
        '\t' => writer.write_str("\\t"),
        // All special characters are in the basic plane, where one escape suffices.
        c => write!(writer, "\\u{:04x}", u32::from(c)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escape_sequences_of_terminals_are_made_harmless() {
        assert_eq!(
            Quoted("a\x1b[31m\u{9b}0m\x7f\r\n\u{202e}é").to_string(),
            r#""a\u001b[31m\u009b0m\u007f\r\n\u202eé""#
        );
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_json_of_the_same_text(text: String) {
            let quoted = Quoted(&text).to_string();
            prop_assert!(!quoted.chars().any(char::is_control));
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
        }
    }
}
