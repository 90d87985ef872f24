//! The promises of [`Entropy`].

use std::collections::BTreeSet;

use crate::ports::Entropy;

/// Draws of each kind that are looked at.
const DRAWS: usize = 1_000;

/// Sees that all promises are kept.
///
/// # Panics
/// Where one is broken.
pub fn check(entropy: &dyn Entropy) {
    let bits: BTreeSet<u64> = (0..DRAWS).map(|_| entropy.bits()).collect();
    assert_eq!(bits.len(), DRAWS, "64 random bits hardly come twice in {DRAWS} draws");
    let (set, unset) = bits.iter().fold((0, 0), |(set, unset), bits| (set | bits, unset | !bits));
    assert_eq!((set, unset), (u64::MAX, u64::MAX), "every bit is drawn as 0 and as 1");
    let keys: BTreeSet<String> = (0..DRAWS).map(|_| entropy.key()).collect();
    assert_eq!(keys.len(), DRAWS, "no key comes twice");
    for key in keys {
        let digits = key.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        assert!(key.len() == 32 && digits, "a key is 32 hex digits: {key}");
    }
    for unit in (0..DRAWS).map(|_| entropy.unit()) {
        assert!((0.0..1.0).contains(&unit), "a number from 0 up to, not including, 1: {unit}");
    }
}
