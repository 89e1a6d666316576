//! Tests of `cache_control`.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn read(lines: &[&str]) -> CacheControl {
    let mut fields = HeaderMap::new();
    for line in lines {
        fields.append(header::CACHE_CONTROL, HeaderValue::from_str(line).unwrap());
    }
    CacheControl::from_fields(&fields)
}

#[expect(clippy::unnecessary_wraps, reason = "what the accessors return")]
fn secs(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[test]
fn names_are_read_in_any_case_on_any_line() {
    let directives = read(&["No-StOrE, MaX-aGe=3600", "S-MAXAGE=1"]);
    assert!(directives.no_store());
    assert_eq!(directives.max_age(), secs(3600));
    assert_eq!(directives.s_maxage(), secs(1));
}

#[test]
fn a_directive_inside_a_quoted_string_is_none() {
    let directives = read(&["extension=\"max-age=3600, no-store\", max-age=1"]);
    assert_eq!(directives.max_age(), secs(1));
    assert!(!directives.no_store());
}

#[test]
fn the_smallest_of_several_values_counts() {
    assert_eq!(read(&["max-age=1800, max-age=1"]).max_age(), secs(1));
    assert_eq!(read(&["max-age=1", "max-age=1800"]).max_age(), secs(1));
    assert_eq!(read(&["min-fresh=1, min-fresh=5"]).min_fresh(), secs(5));
    assert_eq!(read(&["max-stale, max-stale=7"]).max_stale(), Some(secs(7)));
    assert_eq!(read(&["max-stale=7, max-stale"]).max_stale(), Some(secs(7)));
    assert_eq!(
        read(&["max-stale=7, max-stale=9"]).max_stale(),
        Some(secs(7))
    );
}

#[test]
fn an_invalid_lifetime_is_zero() {
    for value in ["-1", "a3600", "3600a", "3600.0", "'3600'", "", "\"", "1 2"] {
        assert_eq!(
            read(&[&format!("max-age={value}")]).max_age(),
            secs(0),
            "{value}"
        );
    }
    assert_eq!(read(&["max-age"]).max_age(), secs(0));
}

#[test]
fn quoted_and_padded_numbers_are_read() {
    assert_eq!(read(&["max-age=\"3600\""]).max_age(), secs(3600));
    assert_eq!(read(&["max-age=003600"]).max_age(), secs(3600));
}

#[test]
fn an_overflowing_lifetime_is_the_longest() {
    assert_eq!(
        read(&["max-age=99999999999999999999999"]).max_age(),
        secs(u32::MAX.into())
    );
}

#[test]
fn an_invalid_permission_permits_nothing() {
    assert_eq!(read(&["max-stale=x"]).max_stale(), None);
    assert_eq!(
        read(&["stale-while-revalidate=x"]).stale_while_revalidate(),
        secs(0)
    );
    assert!(!read(&["public=1"]).public());
    assert!(!read(&["must-understand=\"x\""]).must_understand());
}

#[test]
fn an_unexpected_argument_does_not_lift_a_prohibition() {
    assert!(read(&["no-store=\"x\""]).no_store());
    assert!(read(&["must-revalidate=0"]).must_revalidate());
}

#[test]
fn a_qualified_directive_names_fields() {
    let directives = read(&["no-cache=\"Set-Cookie, x-a\", private=x-b"]);
    assert!(!directives.no_cache() && !directives.private());
    assert_eq!(directives.no_cache_fields(), ["set-cookie", "x-a"]);
    assert_eq!(directives.private_fields(), ["x-b"]);
}

#[test]
fn a_qualified_directive_without_names_is_the_whole_directive() {
    assert!(read(&["no-cache=\"\""]).no_cache());
    assert!(read(&["private=\"a b\""]).private());
}

#[test]
fn pragma_counts_only_in_a_request_without_cache_control() {
    let mut fields = HeaderMap::new();
    fields.insert(header::PRAGMA, HeaderValue::from_static("x, No-Cache"));
    assert!(CacheControl::of_request(&fields).no_cache());
    assert!(!CacheControl::from_fields(&fields).no_cache());
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=5"));
    assert!(!CacheControl::of_request(&fields).no_cache());
}

#[test]
fn reading_takes_time_linear_in_the_length() {
    // Quadratic work on 4 MiB would run for hours, not for the blink of a test.
    for part in [",", "\"", "a=\"\\\"", "no-cache=\"a\","] {
        let line = part.repeat(4 * 1024 * 1024 / part.len());
        let _ = read(&[&line]);
    }
}

prop_compose! {
    fn directives()(
        flags in 0_u16..1 << FLAGS.len(),
        numbers in proptest::array::uniform5(proptest::option::of(any::<u32>())),
        max_stale in proptest::option::of(proptest::option::of(any::<u32>())),
        names in proptest::collection::vec("[a-z][a-z0-9-]{0,8}", 0..3),
    ) -> CacheControl {
        let names: Vec<HeaderName> = names.iter().map(|name| name.parse().unwrap()).collect();
        let [max_age, s_maxage, stale_while_revalidate, stale_if_error, min_fresh] = numbers;
        CacheControl {
            flags, max_age, s_maxage, stale_while_revalidate, stale_if_error, min_fresh, max_stale,
            no_cache_fields: names.clone(), private_fields: names,
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(directives in directives()) {
        prop_assert_eq!(read(&[&directives.to_string()]), directives);
    }

    #[test]
    fn no_value_panics(line in "[ -~\t]*") {
        let _ = read(&[&line]).to_string();
    }

    #[test]
    fn another_directive_never_lengthens_the_lifetime(line in "(max-age=[0-9]{1,3},? ?){0,4}") {
        let lifetime = read(&[&line]).max_age();
        let more = read(&[&line, "max-age=1000"]).max_age();
        prop_assert!(lifetime.is_none_or(|lifetime| more == Some(lifetime)));
    }
}
