//! What of the settings a change of the registry is decided by.

use crate::{artifact::model::Rules, config::registry::Registry as Settings};

/// The rules in force.
pub(super) fn rules(settings: &Settings) -> Rules {
    Rules {
        required_suite: settings.required_suite(),
        max_event_payload_bytes: usize::try_from(settings.max_event_payload_bytes.0)
            .unwrap_or(usize::MAX),
        protect_production: settings.protect_production,
        patch_status_bypass: settings.patch_status_bypass,
    }
}
