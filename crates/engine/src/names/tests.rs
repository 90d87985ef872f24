use super::*;

fn session(id: &str, status: CheckoutStatus) -> Checkout {
    Checkout {
        id: id.parse().unwrap(),
        status,
        url: None,
        created: Timestamp::from_unix(1),
        expires: Timestamp::from_unix(2),
        reference: Some("browser".into()),
        email: None,
        subscription: None,
        metadata: Metadata::new(),
    }
}

#[test]
fn before_the_first_listing_nothing_is_known_to_be_free() {
    let names = Names::default();
    assert_eq!(names.standing(&"a".parse().unwrap()), None);
    names.set_complete();
    assert_eq!(names.standing(&"a".parse().unwrap()), Some(Standing::Free));
}

#[test]
fn an_open_session_holds_its_name_until_stripe_says_it_is_over() {
    let (names, name) = (Names::default(), "a".parse().unwrap());
    names.set_complete();
    names.see_session(&name, &session("cs_1", CheckoutStatus::Open));
    assert!(matches!(names.standing(&name), Some(Standing::Open(_))));
    assert_eq!(names.of_reference("browser").len(), 1);
    names.see_session(&name, &session("cs_1", CheckoutStatus::Expired));
    assert_eq!(names.standing(&name), Some(Standing::Free));
}

#[test]
fn a_list_goes_on_from_the_newest_that_a_list_showed() {
    let (names, name) = (Names::default(), "a".parse().unwrap());
    let at = |id, created| Checkout { created: Timestamp::from_unix(created), ..session(id, CheckoutStatus::Open) };
    names.see_session(&name, &at("cs_9", 9));
    assert_eq!(names.newest_session(), None, "what is older may be another's, and was not seen");
    names.note_listed(&[at("cs_8", 8), at("cs_7", 8), at("cs_5", 5)]);
    assert_eq!(names.newest_session(), Some("cs_7".parse().unwrap()), "of one second the one listed last");
    names.note_listed(&[]);
    names.note_listed(&[at("cs_6", 6)]);
    assert_eq!(names.newest_session(), Some("cs_7".parse().unwrap()), "it does not go back");
}

#[test]
fn a_paid_session_without_its_subscription_yet_still_holds_the_name() {
    let (names, name) = (Names::default(), "a".parse().unwrap());
    names.set_complete();
    names.see_session(&name, &session("cs_1", CheckoutStatus::Complete));
    assert_eq!(names.standing(&name), Some(Standing::Trial));
    assert_eq!(names.known(&name).checkouts.len(), 1);
}

#[test]
fn a_closed_subscription_is_not_read_again_unless_something_is_left_over() {
    let (names, name) = (Names::default(), "a".parse().unwrap());
    names.set_complete();
    let id: SubscriptionId = "sub_1".parse().unwrap();
    names.hint_subscription(&name, &id);
    names.hold(&name, true);
    assert_eq!(names.standing(&name), Some(Standing::Trial));
    names.release(&name, std::slice::from_ref(&id));
    assert_eq!(names.standing(&name), Some(Standing::Free));
    assert!(names.known(&name).subscriptions.is_empty());
    names.reopen(&name);
    assert_eq!(names.known(&name).subscriptions, [id]);
}
