//! Section `auth`: who may use the cache.

use ipnet::IpNet;

use super::{setting::section, units::Size};

section! {
    /// Who may use the cache. Without any of this everybody who can connect may do everything, which is
    /// meant for a listener on loopback.
    pub struct Auth {
        /// Whether requests need a token, made with `artifact-cache token create`. Health needs none.
        pub tokens: bool = false,
        /// With `tokens`: whether clients without one may read artifacts, files and models all the same.
        pub anonymous: bool = false,
        /// When not empty, only clients of these networks may use the main listener, as CIDR ranges.
        pub allow_networks: Vec<IpNet> = Vec::new(),
        /// Requests per second of one client, which is a token or an address; further ones get 429 with
        /// `Retry-After`. 0 for no limit.
        pub requests_per_second: u32 = 0,
        /// Requests that one client may make at once after a rest, when `requests_per_second` is set.
        pub burst: u32 = 100,
        /// Bytes per second to one client, over all its responses; tunnels are not counted. 0 for no limit.
        pub bytes_per_second: Size = Size(0),
    }
}
