//! Which name is taken, and when.

use super::*;

fn name(text: &str) -> Subdomain {
    text.parse().unwrap()
}

fn at(secs: u64) -> Now {
    (Monotonic::from_start(Duration::from_secs(secs)), Timestamp::from_unix(1_000 + i64::try_from(secs).unwrap()))
}

#[test]
fn a_name_is_worked_on_by_one_task_at_a_time_and_again_if_a_hint_came_meanwhile() {
    let queue = Queue::new(10);
    queue.add(&name("a"));
    assert!(!queue.is_in_hand(&name("a")));
    assert_eq!(queue.take(at(0)), Some(name("a")));
    assert!(queue.is_in_hand(&name("a")));
    queue.add(&name("a"));
    queue.add(&name("a"));
    assert_eq!(queue.take(at(0)), None);
    queue.done(&name("a"), Again::default());
    assert_eq!(queue.take(at(0)), Some(name("a")));
    queue.done(&name("a"), Again::default());
    assert_eq!(queue.take(at(0)), None);
}

#[test]
fn no_hint_shortens_a_hold() {
    let queue = Queue::new(10);
    queue.add(&name("a"));
    queue.take(at(0)).unwrap();
    queue.hold(&name("a"), at(60).0);
    queue.add(&name("a"));
    queue.done(&name("a"), Again::NOW);
    queue.add(&name("a"));
    assert_eq!(queue.take(at(59)), None);
    assert_eq!(queue.next_in(at(59)), Some(Duration::from_secs(1)));
    assert_eq!(queue.take(at(60)), Some(name("a")));
}

#[test]
fn a_moment_of_stripes_clock_is_due_when_that_clock_says_so() {
    let queue = Queue::new(10);
    queue.add_at(&name("a"), Again { at: None, when: Some(Timestamp::from_unix(2_000)) });
    assert_eq!(queue.take(at(10)), None);
    let jumped = (at(10).0, Timestamp::from_unix(2_000));
    assert_eq!(queue.take(jumped), Some(name("a")));
}

#[test]
fn the_earlier_wish_wins_and_the_longest_due_goes_first() {
    let queue = Queue::new(10);
    queue.add_at(&name("a"), Again { at: Some(at(5).0), when: None });
    queue.add_at(&name("b"), Again { at: Some(at(3).0), when: None });
    queue.add_at(&name("a"), Again { at: Some(at(9).0), when: None });
    assert_eq!(queue.take(at(6)), Some(name("b")));
    assert_eq!(queue.take(at(6)), Some(name("a")));
}

#[test]
fn hints_are_taken_in_the_order_they_came_and_a_repeat_keeps_its_place() {
    let queue = Queue::new(10);
    for text in ["c", "a", "b", "c"] {
        queue.add(&name(text));
    }
    assert_eq!(queue.depth(at(0)), 3);
    let taken: Vec<_> = std::iter::from_fn(|| queue.take(at(0))).map(|name| name.to_string()).collect();
    assert_eq!(taken, ["c", "a", "b"]);
    assert_eq!(queue.depth(at(0)), 3, "they are worked on");
}

#[test]
fn a_moment_of_stripes_clock_does_not_end_a_hold() {
    let queue = Queue::new(10);
    queue.add_at(&name("a"), Again { at: None, when: Some(Timestamp::from_unix(1_010)) });
    queue.hold(&name("a"), at(60).0);
    assert_eq!(queue.take(at(20)), None);
    assert_eq!(queue.next_in(at(20)), Some(Duration::from_secs(40)));
    assert_eq!(queue.take(at(60)), Some(name("a")));
}

#[test]
fn a_name_that_is_worked_on_or_held_can_not_be_claimed_and_a_claim_keeps_its_wishes() {
    let queue = Queue::new(10);
    assert!(queue.claim(&name("a"), at(0)));
    assert!(!queue.claim(&name("a"), at(0)));
    queue.add(&name("a"));
    assert_eq!(queue.take(at(0)), None, "it is worked on");
    queue.hold(&name("a"), at(60).0);
    queue.done(&name("a"), Again::default());
    assert!(!queue.claim(&name("a"), at(59)));
    assert!(queue.claim(&name("a"), at(60)));
    queue.done(&name("a"), Again::default());
    assert_eq!(queue.take(at(60)), Some(name("a")), "the hint is not forgotten");
}

#[test]
fn a_full_queue_drops_new_names_but_not_known_ones() {
    let queue = Queue::new(1);
    queue.add(&name("a"));
    queue.add(&name("b"));
    queue.add(&name("a"));
    assert_eq!(queue.depth(at(0)), 1);
}
