//! Property tests that count what they drew. A generator that no longer reaches what it is for makes
//! a property true of nothing; here each kind of case must come up, or the test fails.
//!
//! For tests alone: here, and in other crates behind the feature `test-support`.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// Fewest cases that are drawn: enough that a kind of a tenth of all never falls below its least share.
const CASES_MIN: u32 = 512;
/// The least share of all cases that each kind must make up, in hundredths.
const SHARE_MIN: u32 = 3;

/// Puts drawn values to a property, which also says of what kind each value was.
///
/// # Panics
/// Where the property is broken, where a kind came up too seldom and where one came up that is not listed.
#[track_caller]
pub fn each_kind<S: Strategy>(
    kinds: &[&str],
    drawn: &S,
    property: impl Fn(S::Value) -> Result<&'static str, TestCaseError>,
) {
    let config = Config { failure_persistence: None, ..Config::default() };
    let cases = config.cases.max(CASES_MIN);
    let counts = RefCell::new(BTreeMap::<&str, u32>::new());
    let outcome = TestRunner::new(Config { cases, ..config }).run(drawn, |value| {
        let kind = property(value)?;
        *counts.borrow_mut().entry(kind).or_default() += 1;
        Ok(())
    });
    if let Err(broken) = outcome {
        panic!("{broken}");
    }
    let counts = counts.into_inner();
    for kind in kinds {
        let count = counts.get(kind).copied().unwrap_or(0);
        assert!(count * 100 >= cases * SHARE_MIN, "only {count} of {cases} drawn cases were \"{kind}\": {counts:?}");
    }
    assert!(counts.keys().all(|kind| kinds.contains(kind)), "of a kind that is not listed: {counts:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_that_all_come_up_pass() {
        each_kind(&["even", "odd"], &(0_u8..200), |n| Ok(if n % 2 == 0 { "even" } else { "odd" }));
    }

    #[test]
    #[should_panic(expected = "only 0 of 512 drawn cases were \"odd\"")]
    fn a_generator_gone_stale_fails() {
        each_kind(&["even", "odd"], &(0_u8..1), |n| Ok(if n % 2 == 0 { "even" } else { "odd" }));
    }

    #[test]
    #[should_panic(expected = "of a kind that is not listed")]
    fn a_kind_nobody_expected_fails() {
        each_kind(&["even"], &(0_u8..200), |n| Ok(if n % 2 == 0 { "even" } else { "odd" }));
    }

    #[test]
    #[should_panic(expected = "minimal failing input")]
    fn a_broken_property_fails() {
        each_kind(&["any"], &(0_u8..200), |n| if n < 100 { Ok("any") } else { Err(TestCaseError::fail("too large")) });
    }
}
