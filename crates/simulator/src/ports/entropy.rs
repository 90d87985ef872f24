//! Chance, out of the seed.

use tamesuke_domain::ports::Entropy;

use super::Link;

/// The port `Entropy`.
pub struct FakeEntropy(pub Link);

impl Entropy for FakeEntropy {
    fn bits(&self) -> u64 {
        self.0.world().lock().entropy.bits()
    }
}
