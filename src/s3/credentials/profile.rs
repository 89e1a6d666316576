//! [`Plan`]: how a profile of the shared files says that keys are had: the first ones, and the roles that
//! are assumed with them one after the other.

use artifact_cache_layers::{body::BoxError, sigv4::Credentials};

use super::{
    sections::{Section, Sections},
    sso,
    sts::{Role, WebIdentity},
};

/// Where keys come from, and what is done with them.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    /// The first keys.
    pub(super) first: First,
    /// Roles in the order in which they are assumed.
    pub(super) roles: Vec<Role>,
}

/// Where the first keys come from.
#[derive(Debug, PartialEq)]
pub(super) enum First {
    /// They stand in the files.
    Keys(Credentials),
    /// A program prints them.
    Program(String),
    /// The identity of a cluster is exchanged for them.
    WebIdentity(WebIdentity),
    /// Single sign-on.
    SignOn(sso::Account),
    /// The variables of the environment.
    Environment,
    /// The container's service.
    Container,
    /// The instance's service.
    Instance,
}

impl Plan {
    /// The plan of a profile. Without a name, that of `default`, which need not be there; one that was
    /// asked for must.
    pub(super) fn of(sections: &Sections, chosen: Option<&str>) -> Result<Option<Self>, BoxError> {
        let mut name = chosen.unwrap_or("default");
        let (mut roles, mut seen) = (Vec::new(), Vec::new());
        let first = loop {
            let Some(profile) = sections.profile(name) else {
                return if chosen.is_none() && roles.is_empty() {
                    Ok(None)
                } else {
                    Err(no_keys(name))
                };
            };
            let Some(role) = role(profile, name)? else {
                break own(sections, profile);
            };
            if let Some(identity) = web_identity(profile, &role) {
                break Some(First::WebIdentity(identity));
            }
            roles.push(role);
            seen.push(name);
            match (value(profile, "source_profile"), value(profile, "credential_source")) {
                (Some(same), None) if same == name => break own(sections, profile),
                (Some(next), None) if seen.contains(&next) => {
                    return Err(format!("the profile `{next}` is its own source").into());
                }
                (Some(next), None) => name = next,
                (None, Some(source)) => break Some(of_word(source)?),
                _ => return Err(format!("the profile `{name}` needs either `source_profile` or `credential_source` beside `role_arn`").into()),
            }
        };
        roles.reverse();
        match first {
            Some(first) => Ok(Some(Self { first, roles })),
            // A section with nothing but a region is no choice of keys.
            None if chosen.is_none() && roles.is_empty() => Ok(None),
            // Going on to another identity than the one that was asked for would be worse than stopping.
            None => Err(no_keys(name)),
        }
    }
}

fn no_keys(name: &str) -> BoxError {
    format!("the profile `{name}` has no keys in the shared files").into()
}

/// What a profile has by itself, roles aside.
fn own(sections: &Sections, profile: &Section) -> Option<First> {
    if let Some(account) = sso::Account::of(sections, profile) {
        return Some(First::SignOn(account));
    }
    let value = |name| value(profile, name);
    let pair = value("aws_access_key_id").zip(value("aws_secret_access_key"));
    let Some((access, secret)) = pair else {
        return value("credential_process").map(|line| First::Program(line.to_owned()));
    };
    let keys = Credentials::new(access, secret);
    Some(First::Keys(match value("aws_session_token") {
        Some(token) => keys.with_session_token(token),
        None => keys,
    }))
}

fn of_word(source: &str) -> Result<First, BoxError> {
    match source {
        "Environment" => Ok(First::Environment),
        "Ec2InstanceMetadata" => Ok(First::Instance),
        "EcsContainer" => Ok(First::Container),
        other => Err(format!("`{other}` is no credential_source").into()),
    }
}

fn role(profile: &Section, name: &str) -> Result<Option<Role>, BoxError> {
    let value = |name| value(profile, name).map(str::to_owned);
    let Some(arn) = value("role_arn") else {
        return Ok(None);
    };
    if value("mfa_serial").is_some() {
        return Err(format!(
            "the profile `{name}` wants a code that only a person has (mfa_serial)"
        )
        .into());
    }
    Ok(Some(Role {
        arn,
        session: value("role_session_name"),
        external_id: value("external_id"),
        seconds: value("duration_seconds").and_then(|text| text.parse().ok()),
        region: value("region"),
    }))
}

fn web_identity(profile: &Section, role: &Role) -> Option<WebIdentity> {
    let file = value(profile, "web_identity_token_file")?;
    Some(WebIdentity {
        file: file.to_owned(),
        arn: role.arn.clone(),
        session: role.session.clone(),
        region: role.region.clone(),
    })
}

/// A value that is there and not empty.
pub(super) fn value<'a>(section: &'a Section, name: &str) -> Option<&'a str> {
    let value = section.get(name).map(String::as_str);
    value.filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = "[default]\naws_access_key_id = A\naws_secret_access_key=s/=+\n[lab]\naws_access_key_id=L\naws_secret_access_key = l\naws_session_token = t\n[none]\n";

    fn plan(settings: &str, profile: Option<&str>) -> Result<Option<Plan>, String> {
        let plan = Plan::of(&Sections::of(settings, KEYS), profile);
        plan.map_err(|error| error.to_string())
    }

    fn first(settings: &str, profile: &str) -> First {
        plan(settings, Some(profile)).unwrap().unwrap().first
    }

    #[test]
    fn keys_of_a_section_are_found() {
        let lab = Credentials::new("L", "l").with_session_token("t");
        assert_eq!(first("", "lab"), First::Keys(lab));
        let default = plan("", None).unwrap().unwrap();
        assert_eq!(default.first, First::Keys(Credentials::new("A", "s/=+")));
    }

    #[test]
    fn a_profile_that_was_asked_for_must_have_keys() {
        let none = Plan::of(&Sections::default(), None).unwrap();
        assert_eq!(none, None);
        let region_only = Sections::of("[default]\nregion = x\n", "");
        assert_eq!(Plan::of(&region_only, None).unwrap(), None);
        for profile in ["none", "other"] {
            let refused = plan("", Some(profile)).unwrap_err();
            assert!(refused.contains(profile), "{refused}");
        }
    }

    #[test]
    fn roles_are_assumed_from_the_innermost_on() {
        let settings = "[profile one]\nrole_arn = arn:1\nsource_profile = two\nexternal_id = x\n[profile two]\nrole_arn = arn:2\nsource_profile = lab\nduration_seconds = 900\n";
        let plan = plan(settings, Some("one")).unwrap().unwrap();
        let roles: Vec<_> = plan.roles.iter().map(|role| role.arn.as_str()).collect();
        assert_eq!(roles, ["arn:2", "arn:1"]);
        assert_eq!(plan.roles[0].seconds, Some(900));
        assert_eq!(plan.roles[1].external_id.as_deref(), Some("x"));
        assert!(matches!(plan.first, First::Keys(_)));
    }

    #[test]
    fn a_profile_may_be_its_own_source_only_with_keys() {
        let own = "[profile lab]\nrole_arn = arn:1\nsource_profile = lab\n";
        assert_eq!(plan(own, Some("lab")).unwrap().unwrap().roles.len(), 1);
        let circle = "[profile a]\nrole_arn = 1\nsource_profile = b\n[profile b]\nrole_arn = 2\nsource_profile = a\n";
        assert!(plan(circle, Some("a")).unwrap_err().contains("own source"));
    }

    #[test]
    fn first_keys_come_from_where_the_profile_says() {
        let settings = "[profile p]\ncredential_process = /opt/keys --for me\n[profile e]\nrole_arn = 1\ncredential_source = Environment\n[profile w]\nrole_arn = 1\nweb_identity_token_file = /t\n";
        assert_eq!(
            first(settings, "p"),
            First::Program("/opt/keys --for me".into())
        );
        assert_eq!(first(settings, "e"), First::Environment);
        assert!(matches!(first(settings, "w"), First::WebIdentity(_)));
    }

    #[test]
    fn what_cannot_be_followed_is_said() {
        for (more, word) in [
            ("", "source_profile"),
            ("credential_source = Moon\n", "Moon"),
            ("source_profile = gone\n", "gone"),
            (
                "source_profile = lab\ncredential_source = Environment\n",
                "either",
            ),
            ("source_profile = lab\nmfa_serial = 1\n", "mfa_serial"),
        ] {
            let settings = format!("[profile r]\nrole_arn = arn:1\n{more}");
            let refused = plan(&settings, Some("r")).unwrap_err();
            assert!(refused.contains(word), "{refused}");
        }
    }
}
