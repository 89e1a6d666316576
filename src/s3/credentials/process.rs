//! Programs that print keys (`credential_process`). They are started as they are written, without a shell.

use std::{process::Stdio, time::Duration};

use artifact_cache_layers::{body::BoxError, sigv4::Credentials};
use tokio::{process::Command, time::timeout};

use super::answer::of_program;

/// How long a program may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs the program of a command line and reads what it prints.
pub(super) async fn keys(line: &str) -> Result<Credentials, BoxError> {
    let words = words(line);
    let (program, arguments) = words.split_first().ok_or("an empty credential_process")?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await;
    let output = output.map_err(|_| format!("`{program}` printed no keys for a minute"))?;
    let output = output.map_err(|error| format!("cannot start `{program}`: {error}"))?;
    // What it complains of may hold secrets.
    if !output.status.success() {
        return Err(format!("`{program}` ended with {}", output.status).into());
    }
    let keys = of_program(&String::from_utf8_lossy(&output.stdout));
    keys.map_err(|error| format!("`{program}` printed no keys: {error}").into())
}

/// The words of a command line. Quotes hold words together, and a backslash outside single quotes takes
/// the next character as it is.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            (mark, Some(open)) if mark == open => quote = None,
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(characters.next()),
            ('"' | '\'', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (space, None) if space.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_taken_apart_as_a_shell_does() {
        for (line, expected) in [
            ("/opt/keys  --for me ", &["/opt/keys", "--for", "me"][..]),
            (
                r#""/opt/my keys" 'a "b"' c\ d"#,
                &["/opt/my keys", "a \"b\"", "c d"],
            ),
            (r#"a "" "x\"y""#, &["a", "", "x\"y"]),
            ("  ", &[]),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[tokio::test]
    async fn a_program_that_fails_has_no_keys() {
        for line in ["", "/does/not/exist", "false", "echo hello"] {
            assert!(keys(line).await.is_err(), "{line}");
        }
    }
}
