//! Variables as a shell, or what starts one, reads them.

use std::{fmt::Write as _, str::FromStr};

/// A way to write variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// `export`, for every POSIX shell.
    Bash,
    /// `set -gx`.
    Fish,
    /// `$env:`.
    PowerShell,
    /// Lines for the file that `$GITHUB_ENV` names.
    GitHub,
    /// `variables:` of a job.
    GitLab,
    /// `ENV` instructions.
    Dockerfile,
}

const NAMES: [(&str, Shell); 6] = [
    ("bash", Shell::Bash),
    ("fish", Shell::Fish),
    ("powershell", Shell::PowerShell),
    ("github", Shell::GitHub),
    ("gitlab", Shell::GitLab),
    ("dockerfile", Shell::Dockerfile),
];

impl FromStr for Shell {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = NAMES.iter().find(|(name, _)| *name == text);
        known.map(|(_, shell)| *shell).ok_or_else(|| {
            let names = NAMES.map(|(name, _)| name).join(", ");
            format!("expected one of {names}")
        })
    }
}

/// The variables as text, one a line.
#[must_use]
pub fn rendered(variables: &[(&str, String)], shell: Shell) -> String {
    let mut text = String::new();
    if shell == Shell::GitLab {
        text.push_str("variables:\n");
    }
    for (name, value) in variables {
        // Writing to a string cannot fail.
        let _ = match shell {
            Shell::Bash => writeln!(text, "export {name}='{}'", value.replace('\'', r"'\''")),
            Shell::Fish => {
                let value = value.replace('\\', r"\\").replace('\'', r"\'");
                writeln!(text, "set -gx {name} '{value}'")
            }
            Shell::PowerShell => writeln!(text, "$env:{name} = '{}'", value.replace('\'', "''")),
            Shell::GitHub => writeln!(text, "{name}={}", one_line(value)),
            Shell::GitLab => writeln!(text, "  {name}: {}", quoted(value)),
            Shell::Dockerfile => writeln!(text, "ENV {name}={}", quoted(value).replace('$', r"\$")),
        };
    }
    text
}

/// In double quotes, with what they need: YAML and Dockerfiles read JSON's escapes.
fn quoted(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

fn one_line(value: &str) -> String {
    value.replace(['\r', '\n'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_break_out_of_their_quotes() {
        let hostile = [("a", "x'; rm -rf \"$HOME\"\n".to_owned())];
        let text = |shell| rendered(&hostile, shell);
        assert_eq!(text(Shell::Bash), "export a='x'\\''; rm -rf \"$HOME\"\n'\n");
        assert_eq!(
            text(Shell::PowerShell),
            "$env:a = 'x''; rm -rf \"$HOME\"\n'\n"
        );
        assert_eq!(text(Shell::GitHub), "a=x'; rm -rf \"$HOME\"\n");
        assert_eq!(
            text(Shell::Dockerfile),
            "ENV a=\"x'; rm -rf \\\"\\$HOME\\\"\\n\"\n"
        );
        let yaml: serde_json::Value = yaml_serde::from_str(&text(Shell::GitLab)).unwrap();
        assert_eq!(yaml["variables"]["a"], hostile[0].1.as_str());
    }
}
