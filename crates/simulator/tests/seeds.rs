//! A few seeds in every test run; `cargo xtask chaos` runs many.

use tamesuke_simulator::fate::{Kind, Muted};
use tamesuke_simulator::simulation::run;
use tamesuke_simulator::trace::Detail;

#[test]
fn every_promise_holds_in_the_first_seeds() {
    let mut paid = 0;
    for seed in 0..12 {
        let outcome = run(seed, &Muted::default(), Detail::Hash);
        assert_eq!(outcome.violation, None, "seed {seed}");
        paid += outcome.tally.paid;
    }
    // One with Stripe down may sell nothing, all together may not.
    assert!(paid > 60, "only {paid} orders were paid");
}

#[test]
fn a_seed_decides_everything() {
    for seed in 100..106 {
        let [one, two] = [Detail::Hash, Detail::Lines].map(|detail| run(seed, &Muted::default(), detail));
        assert_eq!(one.hash, two.hash, "seed {seed}");
        assert_eq!(one.tally.calls, two.tally.calls, "seed {seed}");
    }
}

#[test]
fn a_muted_kind_of_disturbance_does_not_happen() {
    let muted = Muted { kinds: [Kind::Crash, Kind::Call].into(), ..Muted::default() };
    for seed in 200..206 {
        let outcome = run(seed, &muted, Detail::Hash);
        assert_eq!(outcome.tally.crashes, 0, "seed {seed}");
        assert!(!outcome.disturbances.iter().any(|(_, kind, ..)| *kind == Kind::Call), "seed {seed}");
    }
}
