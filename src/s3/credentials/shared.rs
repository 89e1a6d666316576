//! The shared files of the AWS tools, as far as they hold keys outright.

use std::{fs, io, path::PathBuf};

use artifact_cache_layers::{body::BoxError, sigv4::Credentials};

use super::variable;

/// The keys of a profile, `None` where there is no file or nothing in it. Files are read on the spot.
pub(super) fn keys(
    environment: &[(String, String)],
    profile: Option<&str>,
) -> Result<Option<Credentials>, BoxError> {
    let chosen = profile.or_else(|| variable(environment, "AWS_PROFILE"));
    let name = chosen.unwrap_or("default");
    let places = [
        (
            "AWS_SHARED_CREDENTIALS_FILE",
            ".aws/credentials",
            name.to_owned(),
        ),
        ("AWS_CONFIG_FILE", ".aws/config", in_config(name)),
    ];
    for (named, usual, section) in places {
        let Some(path) = place(environment, named, usual) else {
            continue;
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(format!("cannot read {}: {error}", path.display()).into()),
        };
        if let Some(keys) = of_section(&text, &section) {
            return Ok(Some(keys));
        }
    }
    match chosen {
        // Going on to another identity than the one that was asked for would be worse than stopping.
        Some(name) => Err(format!("the profile `{name}` has no keys in the shared files").into()),
        None => Ok(None),
    }
}

fn in_config(name: &str) -> String {
    match name {
        "default" => "default".into(),
        other => format!("profile {other}"),
    }
}

fn place(environment: &[(String, String)], named: &str, usual: &str) -> Option<PathBuf> {
    let home = || variable(environment, "HOME").map(|home| PathBuf::from(home).join(usual));
    variable(environment, named)
        .map(PathBuf::from)
        .or_else(home)
}

fn of_section(text: &str, section: &str) -> Option<Credentials> {
    let value = |name| value(text, section, name);
    let keys = Credentials::new(value("aws_access_key_id")?, value("aws_secret_access_key")?);
    Some(match value("aws_session_token") {
        Some(token) => keys.with_session_token(token),
        None => keys,
    })
}

fn value<'a>(text: &'a str, section: &str, name: &str) -> Option<&'a str> {
    let mut here = false;
    let mut found = None;
    for line in text.lines().map(str::trim) {
        if let Some(head) = line.strip_prefix('[') {
            here = head.split(']').next().map(str::trim) == Some(section);
        } else if here && let Some((key, value)) = line.split_once('=') {
            let is_it = key.trim().eq_ignore_ascii_case(name);
            found = is_it.then(|| value.trim()).or(found);
        }
    }
    found.filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# keys\n[default]\naws_access_key_id = A\naws_secret_access_key=s/=+\n\n[lab]\nAWS_ACCESS_KEY_ID=L\naws_secret_access_key = l\naws_session_token = t\n[none]\n";

    fn found(profile: Option<&str>, file: Option<&str>) -> Result<Option<Credentials>, BoxError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("credentials");
        if let Some(text) = file {
            fs::write(&path, text).unwrap();
        }
        let path = path.to_str().unwrap().to_owned();
        let environment = [("AWS_SHARED_CREDENTIALS_FILE".to_owned(), path)];
        keys(&environment, profile)
    }

    #[test]
    fn the_keys_of_a_section_are_found() {
        let default = found(None, Some(FILE)).unwrap();
        assert_eq!(default, Some(Credentials::new("A", "s/=+")));
        let lab = found(Some("lab"), Some(FILE)).unwrap();
        assert_eq!(
            lab,
            Some(Credentials::new("L", "l").with_session_token("t"))
        );
    }

    #[test]
    fn a_profile_that_was_asked_for_must_be_there() {
        assert_eq!(found(None, None).unwrap(), None);
        for (profile, file) in [("none", Some(FILE)), ("other", Some(FILE)), ("lab", None)] {
            assert!(found(Some(profile), file).is_err(), "{profile}");
        }
    }
}
