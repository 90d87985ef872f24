//! Which installation a subscription belongs to, in a Stripe account that may sell other things.

use std::fmt;

use sha2::{Digest, Sha256};

/// Eight hex digits of SHA-256 over the Cloudflare zone and the service domain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instance(String);

impl Instance {
    /// The installation that serves `service_domain` out of `zone_id`.
    pub fn new(zone_id: &str, service_domain: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(zone_id.as_bytes());
        hash.update(b"\n");
        hash.update(service_domain.as_bytes());
        Self(hex::encode(&hash.finalize()[..4]))
    }

    /// As it stands in `tmsk_inst`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_zone_or_domain_is_another_instance() {
        let ours = Instance::new("zone", "persys.jp");
        assert_eq!(ours.as_str().len(), 8);
        assert_eq!(ours, Instance::new("zone", "persys.jp"));
        assert_ne!(ours, Instance::new("zone", "persys.com"));
        assert_ne!(ours, Instance::new("zonepersys", ".jp"));
    }
}
