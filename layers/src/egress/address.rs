//! Classes of addresses, by the IANA special-purpose address registries (RFC 6890 and its updates), and
//! IPv4 addresses that hide inside IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// The metadata services that hand out a machine's credentials; nothing ever reaches them through us.
pub(super) const METADATA: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// From the most to the least specific where they overlap.
const V4: [(Ipv4Net, &str); 19] = [
    (v4([0, 0, 0, 0], 8), "this_network"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "shared"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    // Public by registration, yet the host's own platform service in one large cloud.
    (v4([168, 63, 129, 16], 32), "metadata"),
    (v4([169, 254, 0, 0], 16), "link_local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "protocol_assignments"),
    (v4([192, 0, 2, 0], 24), "documentation"),
    (v4([192, 31, 196, 0], 24), "as112"),
    (v4([192, 52, 193, 0], 24), "multicast_tunnel"),
    (v4([192, 88, 99, 0], 24), "6to4"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([192, 175, 48, 0], 24), "as112"),
    (v4([198, 18, 0, 0], 15), "benchmarking"),
    (v4([198, 51, 100, 0], 24), "documentation"),
    (v4([203, 0, 113, 0], 24), "documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([240, 0, 0, 0], 4), "reserved"),
];

/// From the most to the least specific where they overlap.
const V6: [(Ipv6Net, &str); 18] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "this_network"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), "v4_compatible"),
    (v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96), "v4_translated"),
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), "nat64"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "nat64"),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 32), "discard"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), "teredo"),
    (
        v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
        "protocol_assignments",
    ),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "documentation"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "6to4"),
    (v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48), "as112"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "documentation"),
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), "segment_routing"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "private"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link_local"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "private"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];

/// The only IPv6 block that is handed out for ordinary use (RFC 4291 §2.4).
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::from_octets(octets), prefix)
}

const fn v6(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_segments(segments), prefix)
}

/// The class of an address that is not for ordinary use on the internet; `None` for one that is. An
/// IPv4-mapped address has the class of the address inside.
///
/// ```
/// use artifact_cache_layers::egress::special_purpose;
/// assert_eq!(special_purpose("127.0.0.1".parse().unwrap()), Some("loopback"));
/// assert_eq!(special_purpose("::ffff:10.0.0.1".parse().unwrap()), Some("private"));
/// assert_eq!(special_purpose("192.0.2.1".parse().unwrap()), Some("documentation"));
/// assert_eq!(special_purpose("1.1.1.1".parse().unwrap()), None);
/// ```
#[must_use]
pub fn special_purpose(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let mut classes = V4.iter().filter(|(net, _)| net.contains(&address));
            classes.next().map(|(_, class)| *class)
        }
        IpAddr::V6(address) => {
            let mut classes = V6.iter().filter(|(net, _)| net.contains(&address));
            let class = classes.next().map(|(_, class)| *class);
            class.or((!GLOBAL_UNICAST.contains(&address)).then_some("reserved"))
        }
    }
}

/// The IPv4 addresses to which a gateway or tunnel would carry packets for `address`: those inside
/// NAT64 (RFC 6052, RFC 8215 with a /96 prefix), 6to4 (RFC 3056 §2), Teredo (RFC 4380 §4), translated
/// (RFC 2765 §2.1) and compatible addresses. Mapped ones are IPv4 already, see
/// [`IpAddr::to_canonical`].
pub fn embedded(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let at = address.segments();
    let found = match special_purpose(IpAddr::V6(address)) {
        Some("nat64" | "v4_compatible" | "v4_translated") => [Some(v4_in(at[6], at[7])), None],
        Some("6to4") => [Some(v4_in(at[1], at[2])), None],
        // The server's address in clear, the client's with every bit turned over.
        Some("teredo") => [Some(v4_in(at[2], at[3])), Some(v4_in(!at[6], !at[7]))],
        _ => [None, None],
    };
    found.into_iter().flatten()
}

fn v4_in(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}
