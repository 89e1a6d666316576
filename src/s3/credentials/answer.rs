//! Temporary keys as services and programs write them, and the times in them.

use std::time::{Duration, SystemTime};

use artifact_cache_layers::{body::BoxError, sigv4::Credentials};
use serde_json::Value;

/// The keys in a JSON object of the container's or the instance's service.
pub(super) fn of_json(text: &str) -> Result<Credentials, BoxError> {
    let object: Value = serde_json::from_str(text)?;
    let member = |name: &str| object[name].as_str().map(str::to_owned);
    let mut keys = keys(&member, "Token")?;
    keys.expires = Some(expiration(&member)?);
    Ok(keys)
}

/// The keys in what a program prints (`credential_process`, version 1): they may last for ever.
pub(super) fn of_program(text: &str) -> Result<Credentials, BoxError> {
    let object: Value = serde_json::from_str(text)?;
    if object["Version"] != 1 {
        return Err("the program prints another version than 1".into());
    }
    let member = |name: &str| object[name].as_str().map(str::to_owned);
    let mut keys = keys(&member, "SessionToken")?;
    if member("Expiration").is_some() {
        keys.expires = Some(expiration(&member)?);
    }
    Ok(keys)
}

/// Where members of an answer are looked up.
pub(super) type Member<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Keys that do not say how long they last. `token` is what the session token is called.
pub(super) fn keys(member: Member<'_>, token: &str) -> Result<Credentials, BoxError> {
    let must = |name: &str| member(name).ok_or_else(|| format!("an answer without {name}"));
    let keys = Credentials::new(&must("AccessKeyId")?, &must("SecretAccessKey")?);
    Ok(match member(token) {
        Some(token) => keys.with_session_token(&token),
        None => keys,
    })
}

/// When the keys of an answer end.
pub(super) fn expiration(member: Member<'_>) -> Result<SystemTime, BoxError> {
    let text = member("Expiration").ok_or("an answer without Expiration")?;
    Ok(time(&text).ok_or_else(|| format!("`{text}` is no time"))?)
}

/// A time of RFC 3339 in UTC; what stands behind the seconds is left out.
pub(super) fn time(text: &str) -> Option<SystemTime> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    // Years begin in March, so that the leap day is the last of its year.
    let (year, month) = match month {
        1..=2 => (year.checked_sub(1)?, month + 9),
        3..=12 => (year, month - 3),
        _ => return None,
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    let days = days.checked_sub(719_469)?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400 + seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::timestamp::Timestamp;

    #[test]
    fn times_are_read_as_they_are_written() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2024-02-29T23:59:59Z",
            "2026-11-21T14:35:07Z",
            "2100-03-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp(time(text).unwrap()).to_string(), text);
        }
        for text in ["", "tomorrow", "2026-13-01T00:00:00Z", "2026-11-21"] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn a_program_may_have_keys_without_an_end_but_not_of_another_version() {
        let keys = of_program(r#"{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "s"}"#);
        assert_eq!(keys.unwrap(), Credentials::new("a", "s"));
        for text in [
            r#"{"Version": 2, "AccessKeyId": "a", "SecretAccessKey": "s"}"#,
            r#"{"Version": 1, "AccessKeyId": "a"}"#,
            r#"{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "s", "Expiration": "soon"}"#,
            "a s",
        ] {
            assert!(of_program(text).is_err(), "{text}");
        }
    }
}
