//! What holds for every address.

use std::net::{Ipv4Addr, Ipv6Addr};

use artifact_cache_layers::egress::{EgressPolicy, embedded, special_purpose};
use proptest::prelude::*;

use super::allowing;

/// The class by the standard library's own judgement, as far as it is stable.
fn is_special_to_std(address: Ipv4Addr) -> bool {
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_unspecified()
        || address.is_multicast()
}

proptest! {
    #[test]
    fn no_address_that_the_standard_library_calls_special_passes(bits: u32) {
        let address = Ipv4Addr::from_bits(bits);
        prop_assert!(!is_special_to_std(address) || special_purpose(address.into()).is_some());
    }

    #[test]
    fn no_ipv6_outside_global_unicast_passes(bits: u128) {
        let address = Ipv6Addr::from_bits(bits);
        let passes = EgressPolicy::default().check_address(address.into()).is_ok();
        prop_assert!(!passes || address.segments()[0] >> 13 == 1 || address.to_ipv4_mapped().is_some());
    }

    #[test]
    fn an_ipv4_address_is_judged_alike_when_it_is_mapped(bits: u32) {
        let address = Ipv4Addr::from_bits(bits);
        let mapped = address.to_ipv6_mapped();
        prop_assert_eq!(special_purpose(address.into()), special_purpose(mapped.into()));
    }

    #[test]
    fn what_hides_in_a_gateway_address_is_found(bits: u32, salt: u16) {
        let address = Ipv4Addr::from_bits(bits);
        let [a, b, c, d] = address.octets().map(u16::from);
        let (high, low) = (a << 8 | b, c << 8 | d);
        for hidden in [
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 1, salt, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, salt, 0, 0, 0, salt),
            Ipv6Addr::new(0x2001, 0, high, low, salt, salt, 0, 0),
            Ipv6Addr::new(0x2001, 0, salt, salt, salt, salt, !high, !low),
        ] {
            prop_assert!(embedded(hidden).any(|found| found == address), "{}", hidden);
        }
    }

    #[test]
    fn a_gateway_that_is_allowed_carries_only_to_what_is_allowed(bits: u32) {
        let policy = allowing(&["64:ff9b::/96"]);
        let address = Ipv4Addr::from_bits(bits);
        let hidden = Ipv6Addr::from_bits(0x64_ff9b_u128 << 96 | u128::from(bits));
        let verdicts = (policy.check_address(hidden.into()), policy.check_address(address.into()));
        prop_assert_eq!(verdicts.0.is_ok(), verdicts.1.is_ok());
    }
}
