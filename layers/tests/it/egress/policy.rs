//! What the policy says of hosts, ports and addresses.

use artifact_cache_layers::egress::{EgressPolicy, EgressRules};

use super::{address, allowing, rule, uri};

const SPELLINGS: [(&str, &str); 36] = [
    ("http://127.0.0.1/", "loopback"),
    ("http://2130706433/", "loopback"),
    ("http://0x7f000001/", "loopback"),
    ("http://0177.0.0.1/", "loopback"),
    ("http://127.1/", "loopback"),
    ("http://127.0.0.1./", "loopback"),
    ("http://%31%32%37.0.0.1/", "loopback"),
    ("http://①②⑦.0.0.1/", "loopback"),
    ("http://[::1]/", "loopback"),
    ("http://[::ffff:127.0.0.1]/", "loopback"),
    ("http://[::ffff:7f00:1]/", "loopback"),
    ("http://[::127.0.0.1]/", "v4_compatible"),
    ("http://0/", "this_network"),
    ("http://[::]/", "this_network"),
    ("http://10.0.0.1/", "private"),
    ("http://172.31.255.255/", "private"),
    ("http://192.168.1.1/", "private"),
    ("http://100.64.0.1/", "shared"),
    ("http://169.254.1.1/", "link_local"),
    ("http://169.254.169.254/latest/meta-data/", "metadata"),
    ("http://[::ffff:169.254.169.254]/", "metadata"),
    ("http://[64:ff9b::a9fe:a9fe]/", "metadata"),
    ("http://[2002:a9fe:a9fe::]/", "metadata"),
    ("http://[fd00:ec2::254]/", "metadata"),
    ("http://168.63.129.16/", "metadata"),
    ("http://[fd12::1]/", "private"),
    ("http://[fe80::1]/", "link_local"),
    ("http://[64:ff9b::7f00:1]/", "nat64"),
    ("http://[2002:7f00:1::]/", "6to4"),
    ("http://[2001:0:5ef5:79fd::]/", "teredo"),
    ("http://[2001:db8::1]/", "documentation"),
    ("http://192.0.2.1/", "documentation"),
    ("http://224.0.0.1/", "multicast"),
    ("http://[ff02::1]/", "multicast"),
    ("http://255.255.255.255/", "reserved"),
    ("http://[4000::1]/", "reserved"),
];

#[test]
fn a_literal_address_is_known_in_every_spelling() {
    let policy = EgressPolicy::default();
    for (text, expected) in SPELLINGS {
        assert_eq!(rule(policy.check_uri(&uri(text))), Some(expected), "{text}");
    }
}

#[test]
fn ordinary_hosts_may_be_reached() {
    let policy = EgressPolicy::default();
    for text in [
        "https://example.com/",
        "http://1.1.1.1/",
        "http://[2606:4700::1111]/",
        "http://example.com:8080/",
        "http://172.32.0.1/",
        "http://100.128.0.1/",
    ] {
        assert_eq!(policy.check_uri(&uri(text)), Ok(()), "{text}");
    }
}

#[test]
fn schemes_and_ports_are_limited() {
    let policy = EgressPolicy::default();
    assert_eq!(
        rule(policy.check_uri(&uri("ftp://example.com/"))),
        Some("scheme")
    );
    for port in [22, 25, 0, 1023] {
        assert_eq!(
            rule(policy.check_authority("example.com", port)),
            Some("allow_ports"),
            "{port}"
        );
    }
    let tunnels = policy.with_ports(vec!["443".parse().unwrap(), "22".parse().unwrap()]);
    assert_eq!(
        rule(tunnels.check_authority("example.com", 80)),
        Some("allow_ports")
    );
    assert_eq!(tunnels.check_authority("example.com", 22), Ok(()));
}

#[test]
fn what_is_no_host_is_refused() {
    let policy = EgressPolicy::default();
    for host in ["", ".", "a b", "a/b", "user@host", "[::1", "::1]", "a:80"] {
        assert_eq!(
            rule(policy.check_authority(host, 443)),
            Some("host"),
            "{host}"
        );
    }
}

#[test]
fn a_range_that_is_allowed_opens_itself_alone() {
    let policy = allowing(&["10.0.0.0/8", "fd00::/8"]);
    assert_eq!(policy.check_address(address("10.1.2.3")), Ok(()));
    assert_eq!(policy.check_address(address("::ffff:10.1.2.3")), Ok(()));
    assert_eq!(policy.check_address(address("fd12::1")), Ok(()));
    assert_eq!(
        rule(policy.check_address(address("127.0.0.1"))),
        Some("loopback")
    );
    assert_eq!(
        rule(policy.check_address(address("64:ff9b::a01:203"))),
        Some("nat64")
    );
}

#[test]
fn an_allowed_gateway_does_not_open_what_is_behind_it() {
    let policy = allowing(&["64:ff9b::/96", "2002::/16", "2001::/32"]);
    assert_eq!(policy.check_address(address("64:ff9b::101:101")), Ok(()));
    assert_eq!(
        rule(policy.check_address(address("64:ff9b::7f00:1"))),
        Some("loopback")
    );
    assert_eq!(
        rule(policy.check_address(address("2002:a00:1::"))),
        Some("private")
    );
    // A Teredo client's address is 10.0.0.1 with every bit turned over.
    let teredo = address("2001:0:101:101::f5ff:fffe");
    assert_eq!(rule(policy.check_address(teredo)), Some("private"));
}

#[test]
fn metadata_services_are_never_reached() {
    let policy = allowing(&["0.0.0.0/0", "::/0"]);
    assert_eq!(policy.check_address(address("169.254.169.253")), Ok(()));
    for text in [
        "169.254.169.254",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "::ffff:0:169.254.169.254",
    ] {
        assert_eq!(
            rule(policy.check_address(address(text))),
            Some("metadata"),
            "{text}"
        );
    }
    let endpoint = policy.with_endpoint("169.254.169.254", 80);
    assert_eq!(
        rule(endpoint.check_authority("169.254.169.254", 80)),
        Some("metadata")
    );
}

#[test]
fn our_own_listeners_are_never_dialled() {
    let own = ["0.0.0.0:8080", "10.0.0.5:8081"].map(|text| text.parse().unwrap());
    let policy = allowing(&["0.0.0.0/0", "::/0"]).with_own_addresses(&own);
    for text in [
        "127.0.0.1:8080",
        "127.9.9.9:8080",
        "0.0.0.0:8080",
        "[::1]:8080",
        "[::ffff:127.0.0.1]:8080",
        "10.0.0.5:8081",
    ] {
        let dial = policy.check_dial(text.parse().unwrap());
        assert_eq!(rule(dial), Some("own_address"), "{text}");
    }
    for text in ["127.0.0.1:9000", "10.0.0.5:8080", "10.0.0.6:8081"] {
        assert_eq!(policy.check_dial(text.parse().unwrap()), Ok(()), "{text}");
    }
    let literal = policy.check_uri(&uri("http://127.0.0.1:8080/"));
    assert_eq!(rule(literal), Some("own_address"));
}

#[test]
fn hosts_are_allowed_and_denied_by_name() {
    let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let policy = EgressPolicy::new(EgressRules {
        allow_hosts: patterns(&["example.com", "*.example.com"]),
        deny_hosts: patterns(&["secret.example.com"]),
        ..EgressRules::default()
    });
    for host in [
        "example.com",
        "EXAMPLE.COM",
        "a.example.com",
        "example.com.",
    ] {
        assert_eq!(policy.check_authority(host, 443), Ok(()), "{host}");
    }
    for host in ["example.org", "notexample.com", "1.1.1.1"] {
        assert_eq!(
            rule(policy.check_authority(host, 443)),
            Some("allow_hosts"),
            "{host}"
        );
    }
    for host in ["secret.example.com", "SECRET.example.com."] {
        assert_eq!(
            rule(policy.check_authority(host, 443)),
            Some("deny_hosts"),
            "{host}"
        );
    }
}

#[test]
fn an_endpoint_of_the_configuration_may_be_inside() {
    let policy = EgressPolicy::default()
        .with_endpoint("s3.internal", 900)
        .with_endpoint("10.0.0.9", 80);
    assert_eq!(policy.check_authority("S3.internal.", 900), Ok(()));
    assert_eq!(
        policy.check_resolved("s3.internal", "10.0.0.9:900".parse().unwrap()),
        Ok(())
    );
    assert_eq!(policy.check_authority("10.0.0.9", 80), Ok(()));
    assert_eq!(
        rule(policy.check_authority("s3.internal", 901)),
        Some("allow_ports")
    );
    let other_port = policy.check_resolved("s3.internal", "10.0.0.9:8080".parse().unwrap());
    assert_eq!(rule(other_port), Some("private"));
    assert_eq!(
        rule(policy.check_authority("10.0.0.9", 8080)),
        Some("private")
    );
}
