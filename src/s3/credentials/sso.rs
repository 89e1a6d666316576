//! Single sign-on: keys of an account for the token that `aws sso login` left. Signing in takes a person
//! and a browser, so an ended token is reported, not renewed.

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime},
};

use artifact_cache_layers::{
    body::{Body, BoxError},
    sigv4::Credentials,
};
use http::{HeaderName, HeaderValue, Request};
use serde_json::Value;
use sha1::{Digest as _, Sha1};

use super::{
    profile::value,
    remote::{Remote, read},
    sections::{Section, Sections, place},
};
use crate::s3::client::parameter;

/// The account and the role in it that a profile names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    id: String,
    role: String,
    region: String,
    /// What the token is filed under: the session, or in older profiles the URL where one signs in.
    filed_under: String,
}

impl Account {
    /// The account of a profile, if it has one.
    pub(super) fn of(sections: &Sections, profile: &Section) -> Option<Self> {
        let text = |name| value(profile, name).map(str::to_owned);
        let session = value(profile, "sso_session");
        let place = match session {
            Some(name) => sections.session(name)?,
            None => profile,
        };
        let start = value(place, "sso_start_url")?;
        Some(Self {
            id: text("sso_account_id")?,
            role: text("sso_role_name")?,
            region: value(place, "sso_region")?.to_owned(),
            filed_under: session.unwrap_or(start).to_owned(),
        })
    }

    /// Its keys.
    pub(super) async fn keys(&self, remote: &Remote) -> Result<Credentials, BoxError> {
        let Self {
            id, role, region, ..
        } = self;
        let aws = format!("https://portal.sso.{region}.amazonaws.com");
        let service = remote.variable("AWS_ENDPOINT_URL_SSO").unwrap_or(&aws);
        let service = service.trim_end_matches('/');
        let (role, id) = (parameter(role), parameter(id));
        let uri = format!("{service}/federation/credentials?role_name={role}&account_id={id}");
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.parse()?;
        let name = HeaderName::from_static("x-amz-sso_bearer_token");
        request
            .headers_mut()
            .insert(name, self.token(remote).await?);
        let text = remote.send(request).await?;
        of_answer(&text).ok_or_else(|| "the sign-on service answered without keys".into())
    }

    async fn token(&self, remote: &Remote) -> Result<HeaderValue, BoxError> {
        let again = || format!("run `aws sso login` again for `{}`", self.filed_under);
        let file = cache_file(&self.filed_under);
        let file = place(&remote.environment, "", &file);
        let file = file.ok_or("there is no home directory with a sign-on in it")?;
        let text = read(&file.to_string_lossy()).await;
        let text = text.map_err(|error| format!("{error}; {}", again()))?;
        let object: Value = serde_json::from_str(&text)?;
        let ends = object["expiresAt"].as_str().and_then(super::answer::time);
        if ends.is_none_or(|ends| ends <= remote.clock.now()) {
            return Err(format!("the sign-on has ended; {}", again()).into());
        }
        let mut token = HeaderValue::from_str(object["accessToken"].as_str().unwrap_or_default())?;
        token.set_sensitive(true);
        Ok(token)
    }
}

/// Where the tools of AWS file the token, below the home directory: by the SHA-1 of what it is for.
fn cache_file(filed_under: &str) -> String {
    let mut file = String::from(".aws/sso/cache/");
    for byte in Sha1::digest(filed_under) {
        // Writing to a string cannot fail.
        let _ = write!(file, "{byte:02x}");
    }
    file + ".json"
}

fn of_answer(text: &str) -> Option<Credentials> {
    let object: Value = serde_json::from_str(text).ok()?;
    let keys = &object["roleCredentials"];
    let member = |name: &str| keys[name].as_str();
    let found = Credentials::new(member("accessKeyId")?, member("secretAccessKey")?);
    let mut found = found.with_session_token(member("sessionToken")?);
    let ends = Duration::from_millis(keys["expiration"].as_u64()?);
    found.expires = Some(SystemTime::UNIX_EPOCH + ends);
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_filed_under_the_session_or_the_url_of_older_profiles() {
        let settings = "[profile new]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = r\n[sso-session corp]\nsso_start_url = https://corp\nsso_region = eu\n[profile old]\nsso_start_url = https://old\nsso_region = us\nsso_account_id = 2\nsso_role_name = s\n[profile half]\nsso_start_url = https://old\n";
        let sections = Sections::of(settings, "");
        let account = |name| Account::of(&sections, sections.profile(name).unwrap());
        let (new, old) = (account("new").unwrap(), account("old").unwrap());
        assert_eq!((&*new.filed_under, &*new.region), ("corp", "eu"));
        assert_eq!((&*old.filed_under, &*old.region), ("https://old", "us"));
        assert_eq!(account("half"), None);
    }
}
