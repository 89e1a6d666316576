//! [`Sections`]: the shared files of the AWS tools, read as what they are: sections of names and values.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use artifact_cache_layers::body::BoxError;

use super::variable;

/// Profiles and sessions of both files by the head of their section: `profile x` or `sso-session x`.
#[derive(Debug, Default)]
pub(super) struct Sections(BTreeMap<String, Section>);

/// Names in lower case, and their values.
pub(super) type Section = BTreeMap<String, String>;

impl Sections {
    /// Both files, where they are. What stands in the file of keys counts before what stands in that of
    /// settings. Read on the spot.
    pub(super) fn read(environment: &[(String, String)]) -> Result<Self, BoxError> {
        let mut sections = Self::default();
        for (named, usual, is_settings) in [
            ("AWS_CONFIG_FILE", ".aws/config", true),
            ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", false),
        ] {
            if let Some(path) = place(environment, named, usual)
                && let Some(text) = content(&path)?
            {
                sections.add(&text, is_settings);
            }
        }
        Ok(sections)
    }

    /// A profile, under its bare name.
    pub(super) fn profile(&self, name: &str) -> Option<&Section> {
        self.0.get(&format!("profile {name}"))
    }

    /// A session of single sign-on.
    pub(super) fn session(&self, name: &str) -> Option<&Section> {
        self.0.get(&format!("sso-session {name}"))
    }

    fn add(&mut self, text: &str, is_settings: bool) {
        let mut here = None;
        for line in text.lines() {
            let line = without_comment(line);
            if let Some(head) = line.strip_prefix('[') {
                let head = head.split(']').next().unwrap_or_default();
                let known = full_name(head, is_settings);
                here = known.map(|name| self.0.entry(name).or_default());
            } else if let Some(section) = &mut here
                // An indented line belongs to the value above it.
                && !line.starts_with([' ', '\t'])
                && let Some((name, value)) = line.split_once('=')
            {
                let name = name.trim().to_ascii_lowercase();
                section.insert(name, value.trim().to_owned());
            }
        }
    }
}

/// The name of a section in the form that settings have: there, profiles but `default` say what they are.
fn full_name(head: &str, is_settings: bool) -> Option<String> {
    let words: Vec<_> = head.split_whitespace().collect();
    match (&words[..], is_settings) {
        (["default"], _) => Some("profile default".into()),
        ([kind @ ("profile" | "sso-session"), name], true) => Some(format!("{kind} {name}")),
        ([name], false) => Some(format!("profile {name}")),
        _ => None,
    }
}

fn without_comment(line: &str) -> &str {
    if line.starts_with(['#', ';']) {
        return "";
    }
    let marks = [" #", " ;", "\t#", "\t;"];
    let end = marks.iter().filter_map(|mark| line.find(mark)).min();
    line[..end.unwrap_or(line.len())].trim_end()
}

/// The file that a variable names, else the usual one of this user.
pub(super) fn place(environment: &[(String, String)], named: &str, usual: &str) -> Option<PathBuf> {
    let home = || variable(environment, "HOME").map(|home| PathBuf::from(home).join(usual));
    variable(environment, named)
        .map(PathBuf::from)
        .or_else(home)
}

fn content(path: &Path) -> Result<Option<String>, BoxError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read {}: {error}", path.display()).into()),
    }
}

#[cfg(test)]
impl Sections {
    pub(super) fn of(settings: &str, keys: &str) -> Self {
        let mut sections = Self::default();
        sections.add(settings, true);
        sections.add(keys, false);
        sections
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_make_one_profile_and_keys_count_first() {
        let settings = "[default]\nregion = a # here\n[profile lab]\nregion=b\ns3 =\n  region = nested\n[lab]\nregion = unknown\n[sso-session corp]\nsso_region = c\n";
        let keys = "# keys\n; more\n[default]\nAWS_Secret_Access_Key=s/=+#\nregion=d\n";
        let sections = Sections::of(settings, keys);
        let default = sections.profile("default").unwrap();
        assert_eq!(default["aws_secret_access_key"], "s/=+#");
        assert_eq!(default["region"], "d");
        assert_eq!(sections.profile("lab").unwrap()["region"], "b");
        assert_eq!(sections.session("corp").unwrap()["sso_region"], "c");
        assert!(sections.profile("corp").is_none());
    }
}
