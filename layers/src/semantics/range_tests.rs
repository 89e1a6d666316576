//! Tests of `range`.

use proptest::prelude::*;

use super::*;

fn fields(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect()
}

fn selected(range: &str, length: u64) -> Selected {
    select(
        &Method::GET,
        &fields(&[("range", range)]),
        &HeaderMap::new(),
        length,
    )
}

#[test]
fn one_range_is_selected_in_each_form() {
    for (range, bytes) in [
        ("bytes=0-1", 0..2),
        ("bytes=1-", 1..11),
        ("bytes=-1", 10..11),
        ("bytes=0-0", 0..1),
        ("bytes=5-999", 5..11),
        ("bytes=-999", 0..11),
        ("bytes=10-10", 10..11),
        ("BYTES= 2-3 ", 2..4),
        ("bytes=,2-3,", 2..4),
        ("bytes=2-99999999999999999999999", 2..11),
        ("bytes=-99999999999999999999999", 0..11),
        ("bytes=50-60,2-3", 2..4),
    ] {
        assert_eq!(selected(range, 11), Selected::One(bytes), "{range}");
    }
}

#[test]
fn a_range_beyond_the_end_is_not_satisfiable() {
    for range in [
        "bytes=11-",
        "bytes=11-20",
        "bytes=-0",
        "bytes=99999999999999999999999-",
        "bytes=20-,-0",
    ] {
        assert_eq!(selected(range, 11), Selected::Unsatisfiable, "{range}");
    }
}

#[test]
fn no_range_of_an_empty_body_is_satisfiable() {
    for range in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
        assert_eq!(selected(range, 0), Selected::Unsatisfiable, "{range}");
    }
}

#[test]
fn a_malformed_range_is_ignored() {
    for range in [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=3-2",
        "bytes=0-1,3-2",
        "bytes=0-1,x",
        "bytes 0-1",
        "items=0-1",
        "bytes=0--1",
        "bytes=+0-1",
        "bytes=0x0-1",
        "bytes=1",
        "bytes=0-1;2-3",
    ] {
        assert_eq!(selected(range, 11), Selected::Whole, "{range}");
    }
}

#[test]
fn several_lines_are_ignored() {
    let request = fields(&[("range", "bytes=0-1"), ("range", "bytes=2-3")]);
    assert_eq!(
        select(&Method::GET, &request, &HeaderMap::new(), 11),
        Selected::Whole
    );
}

#[test]
fn only_get_has_ranges() {
    let request = fields(&[("range", "bytes=0-1")]);
    for method in [Method::HEAD, Method::POST] {
        assert_eq!(
            select(&method, &request, &HeaderMap::new(), 11),
            Selected::Whole
        );
    }
}

#[test]
fn several_ranges_come_in_the_order_asked_for() {
    assert_eq!(
        selected("bytes=8-9,0-1", 11),
        Selected::Many(vec![8..10, 0..2])
    );
    assert_eq!(
        selected("bytes=0-1, 2-3", 11),
        Selected::Many(vec![0..2, 2..4])
    );
}

#[test]
fn overlapping_ranges_are_joined() {
    assert_eq!(selected("bytes=4-8,0-5", 11), Selected::One(0..9));
    assert_eq!(
        selected("bytes=9-10,0-5,3-6", 11),
        Selected::Many(vec![0..7, 9..11])
    );
    assert_eq!(selected("bytes=0-,0-,0-", 11), Selected::One(0..11));
}

#[test]
fn too_many_ranges_get_the_whole() {
    let many = |count: usize| {
        let specs: Vec<_> = (0..count)
            .map(|at| format!("{}-{}", at * 2, at * 2))
            .collect();
        selected(&format!("bytes={}", specs.join(",")), 1000)
    };
    assert!(matches!(many(MAX_RANGES), Selected::Many(ranges) if ranges.len() == MAX_RANGES));
    assert_eq!(many(MAX_RANGES + 1), Selected::Whole);
}

fn with_if_range(if_range: &str, stored: &[(&'static str, &str)]) -> Selected {
    let request = fields(&[("range", "bytes=0-1"), ("if-range", if_range)]);
    select(&Method::GET, &request, &fields(stored), 11)
}

#[test]
fn if_range_compares_entity_tags_strongly() {
    let stored = [("etag", "\"a\"")];
    assert_eq!(with_if_range("\"a\"", &stored), Selected::One(0..2));
    for validator in ["\"b\"", "W/\"a\"", "a", "\"a\", \"b\"", "*", ""] {
        assert_eq!(
            with_if_range(validator, &stored),
            Selected::Whole,
            "{validator}"
        );
    }
    assert_eq!(
        with_if_range("W/\"a\"", &[("etag", "W/\"a\"")]),
        Selected::Whole
    );
    assert_eq!(with_if_range("\"a\"", &[]), Selected::Whole);
}

#[test]
fn if_range_takes_only_a_strong_date_that_is_the_same() {
    let modified = "Sun, 06 Nov 1994 08:49:37 GMT";
    let old = [
        ("last-modified", modified),
        ("date", "Sun, 06 Nov 1994 08:50:37 GMT"),
    ];
    assert_eq!(with_if_range(modified, &old), Selected::One(0..2));
    assert_eq!(
        with_if_range("Sunday, 06-Nov-94 08:49:37 GMT", &old),
        Selected::One(0..2)
    );
    assert_eq!(
        with_if_range("Sun, 06 Nov 1994 08:49:38 GMT", &old),
        Selected::Whole
    );
    let young = [
        ("last-modified", modified),
        ("date", "Sun, 06 Nov 1994 08:50:36 GMT"),
    ];
    assert_eq!(with_if_range(modified, &young), Selected::Whole);
    assert_eq!(
        with_if_range(modified, &[("last-modified", modified)]),
        Selected::Whole
    );
}

#[test]
fn the_start_is_known_without_the_length_for_one_range_only() {
    let start = |range: &str| first_range_start(&fields(&[("range", range)]));
    assert_eq!(start("bytes=5-"), Some(5));
    assert_eq!(start("bytes=5-9"), Some(5));
    assert_eq!(start("bytes=-5"), None);
    assert_eq!(start("bytes=0-1,5-"), None);
    assert_eq!(first_range_start(&HeaderMap::new()), None);
}

fn specs() -> impl Strategy<Value = String> {
    let position = prop_oneof![0_u64..40, Just(u64::MAX), Just(u64::MAX - 1)];
    let spec = (
        proptest::option::of(position.clone()),
        proptest::option::of(position),
    );
    proptest::collection::vec(spec, 1..20).prop_map(|specs| {
        let text =
            |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let specs: Vec<_> = specs
            .into_iter()
            .map(|(one, two)| text(one) + "-" + &text(two))
            .collect();
        format!("bytes={}", specs.join(","))
    })
}

proptest! {
    #[test]
    fn selected_ranges_are_inside_not_empty_and_disjoint(range in specs(), length in 0_u64..50) {
        let ranges = match selected(&range, length) {
            Selected::One(range) => vec![range],
            Selected::Many(ranges) => ranges,
            _ => return Ok(()),
        };
        let total: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        prop_assert!(total <= length && ranges.len() <= MAX_RANGES);
        prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= length));
    }

    #[test]
    fn every_byte_asked_for_is_selected(range in specs(), length in 1_u64..50) {
        let Some(specs) = requested(&fields(&[("range", &range)])) else { return Ok(()) };
        let asked: Vec<u64> =
            (0..length).filter(|at| specs.iter().any(|spec| match *spec {
                RangeSpec::From(first) => *at >= first,
                RangeSpec::Between(first, last) => (first..=last).contains(at),
                RangeSpec::Last(count) => length - at <= count,
            })).collect();
        let mut got: Vec<u64> = match selected(&range, length) {
            Selected::One(range) => range.collect(),
            Selected::Many(ranges) => ranges.into_iter().flatten().collect(),
            _ => Vec::new(),
        };
        got.sort_unstable();
        prop_assert_eq!(got, asked);
    }

    #[test]
    fn no_value_panics(range in "(bytes)?=?[0-9, -]{0,24}", length: u64) {
        let _ = selected(&range, length);
    }
}
