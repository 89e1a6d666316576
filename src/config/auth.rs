//! Section `auth`: who may use the cache.

use ipnet::IpNet;

use super::setting::section;

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
    }
}
