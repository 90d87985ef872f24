//! How long a failed deed waits: doubling, bounded, with jitter so that many do not wake together.

use std::time::Duration;

use tamesuke_domain::ports::Entropy;

/// The wait after `failures` failures in a row, from one second up to `max`, of which the last half
/// is drawn.
pub(crate) fn wait(failures: u32, max: Duration, entropy: &dyn Entropy) -> Duration {
    wait_from(Duration::from_secs(1), failures, max, entropy)
}

/// The same from another first wait.
pub(crate) fn wait_from(first: Duration, failures: u32, max: Duration, entropy: &dyn Entropy) -> Duration {
    let doublings = failures.saturating_sub(1).min(20);
    let full = first.saturating_mul(1_u32 << doublings).min(max);
    full.mul_f64(0.5 + entropy.unit() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Always(u64);

    impl Entropy for Always {
        fn bits(&self) -> u64 {
            self.0
        }
    }

    #[test]
    fn waits_double_up_to_the_limit_and_never_fall_below_half() {
        let max = Duration::from_secs(300);
        for (failures, full) in [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (u32::MAX, 300)] {
            let full = Duration::from_secs(full);
            assert_eq!(wait(failures, max, &Always(0)), full / 2);
            let most = wait(failures, max, &Always(u64::MAX));
            assert!(most <= full && most > full.mul_f64(0.99), "{failures}: {most:?}");
        }
    }
}
