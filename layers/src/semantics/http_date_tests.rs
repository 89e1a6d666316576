//! Tests of `http_date`.

use super::*;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn read(text: &str) -> Option<SystemTime> {
    parse(text.as_bytes(), at(1_760_000_000))
}

#[test]
fn the_three_formats_of_the_rfc_name_the_same_second() {
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "sUN, 06 nOV 1994 08:49:37 gmt",
    ] {
        assert_eq!(read(text), Some(at(784_111_777)), "{text}");
    }
}

#[test]
fn a_two_digit_year_is_at_most_fifty_years_ahead() {
    assert!(read("Thursday, 18-Aug-50 02:01:18 GMT").unwrap() > at(2_500_000_000));
    assert!(read("Thursday, 18-Aug-99 02:01:18 GMT").unwrap() < at(1_000_000_000));
}

#[test]
fn without_a_reference_two_digit_years_end_in_2050() {
    let year = |text: &str| parse_undated(text.as_bytes()).map(format);
    let date = year("Thursday, 18-Aug-50 02:01:18 GMT").unwrap();
    assert_eq!(date, "Thu, 18 Aug 2050 02:01:18 GMT");
    assert!(year("Thursday, 18-Aug-51 02:01:18 GMT").unwrap() == "Thu, 01 Jan 1970 00:00:00 GMT");
}

#[test]
fn leap_days_follow_the_gregorian_calendar() {
    assert_eq!(read("Tue, 29 Feb 2000 00:00:00 GMT"), Some(at(951_782_400)));
    assert_eq!(read("Mon, 29 Feb 2100 00:00:00 GMT"), None);
    assert_eq!(read("Wed, 31 Apr 2024 00:00:00 GMT"), None);
}

#[test]
fn dates_before_the_epoch_are_read() {
    let read = read("Sun, 31 Dec 1899 00:00:00 GMT").unwrap();
    assert!(read < UNIX_EPOCH);
}

#[test]
fn anything_else_is_no_date() {
    for text in [
        "",
        "0",
        "-1",
        "foo",
        "Thu, 18 Aug 2050 02:01:18 UTC",
        "Thu, 18 Aug 2050 02:01:18 AEST",
        "Thu, 18 Aug 2050 02:01:18 +0000",
        "Thu, 18 Aug 50 02:01:18 GMT",
        "Thu 18 Aug 2050 02:01:18 GMT",
        "Thu, 18  Aug  2050 02:01:18 GMT",
        "Thu, 18-Aug-2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 02.01.18 GMT",
        "Thu, 18 Aug 2050 2:01:18 GMT",
        "Thu, 18 Aug 2050 24:00:00 GMT",
        "Thu, 00 Aug 2050 02:01:18 GMT",
        "Thu, 18 Foo 2050 02:01:18 GMT",
        "Xxx, 18 Aug 2050 02:01:18 GMT",
        "2050-08-18T02:01:18Z",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn a_time_out_of_range_is_written_as_the_nearest_date() {
    assert_eq!(
        format(at(0) - Duration::from_secs(1)),
        "Thu, 01 Jan 1970 00:00:00 GMT"
    );
    assert_eq!(
        format(at(END_OF_DATES + 5)),
        "Fri, 31 Dec 9999 23:59:59 GMT"
    );
}

proptest::proptest! {
    #[test]
    fn what_is_written_is_read_back(seconds in 0..END_OF_DATES) {
        assert_eq!(parse(format(at(seconds)).as_bytes(), UNIX_EPOCH), Some(at(seconds)));
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = parse(&bytes, UNIX_EPOCH);
    }
}
