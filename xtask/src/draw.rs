//! Seeded draws: the same seed, the same plans. (SplitMix64, Steele, Lea and Flood 2014.)

/// A stream of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Draw(u64);

impl Draw {
    /// The stream of a seed and of one of its parts.
    pub(crate) fn new(seed: u64, part: u64) -> Self {
        let mut first = Self(seed);
        let mixed = first.bits();
        Self(mixed ^ part.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.bits() % (high - low + 1)
    }

    /// True in that many of a hundred cases.
    pub(crate) fn percent(&mut self, share: u64) -> bool {
        self.between(0, 99) < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_within_their_bounds() {
        let numbers = |seed, part| {
            let mut draw = Draw::new(seed, part);
            (0..100).map(|_| draw.between(3, 9)).collect::<Vec<_>>()
        };
        assert_eq!(numbers(1, 2), numbers(1, 2));
        assert_ne!(numbers(1, 2), numbers(1, 3));
        assert!(numbers(1, 2).iter().all(|n| (3..=9).contains(n)));
        assert!((3..=9).all(|n| numbers(1, 2).contains(&n)));
    }
}
