//! Signatures and hints, right and wrong ones.

use super::*;
use proptest::prelude::*;
use tamesuke_domain::drawn::each_kind;

const NOW: i64 = 1_790_000_000;

#[track_caller]
fn check(header: &str, expected: Result<(), WebhookError>) {
    assert_eq!(verify(&["whsec_new", "whsec_old"], header, b"{}", NOW), expected, "{header}");
}

#[test]
fn only_a_fresh_signature_with_a_secret_of_ours_is_taken() {
    let good = sign("whsec_new", NOW, b"{}");
    let old = sign("whsec_old", NOW, b"{}");
    check(&format!("t={NOW},v1={good}"), Ok(()));
    check(&format!("t={NOW},v1={old}"), Ok(()));
    check(&format!("t={NOW},v1=00,v1={good},v0=11"), Ok(()));
    check(&format!("t={NOW},v0={good}"), Err(WebhookError::Header));
    check(&format!("t={NOW},v1={}", sign("whsec_x", NOW, b"{}")), Err(WebhookError::Signature));
    check(&format!("t={NOW},v1={}", sign("whsec_new", NOW, b"{ }")), Err(WebhookError::Signature));
    for stamp in [NOW - 301, NOW + 301, i64::MIN, i64::MAX] {
        check(&format!("t={stamp},v1={}", sign("whsec_new", stamp, b"{}")), Err(WebhookError::Stale));
    }
    check(&format!("t={},v1={}", NOW - 300, sign("whsec_new", NOW - 300, b"{}")), Ok(()));
}

#[test]
fn a_header_that_does_not_read_is_told_apart_from_a_wrong_one() {
    for header in ["", "t=", "t=x,v1=00", "v1=00", "t=1", "hello"] {
        check(header, Err(WebhookError::Header));
    }
}

#[test]
fn events_of_other_types_and_other_installations_carry_no_hint() {
    let ours = Instance::new("zone", "persys.jp");
    let event = |kind: &str, inst: &str| {
        format!(
            r#"{{"id":"evt_1","type":"{kind}","created":5,"data":{{"object":{{"id":"sub_1","object":"subscription","metadata":{{"subdomain":"acme","tmsk_inst":"{inst}"}}}}}}}}"#
        )
    };
    let seen = hint(event("customer.subscription.updated", ours.as_str()).as_bytes(), &ours).unwrap().unwrap();
    assert_eq!((seen.subdomain.as_str(), seen.subscription.unwrap().as_str()), ("acme", "sub_1"));
    assert_eq!(hint(event("customer.subscription.updated", "00000000").as_bytes(), &ours), Ok(None));
    assert_eq!(hint(event("invoice.paid", ours.as_str()).as_bytes(), &ours), Ok(None));
    assert_eq!(hint(b"{\"type\":5}", &ours), Ok(None));
    assert_eq!(hint(b"not json", &ours), Err(WebhookError::Body));
}

/// One part of a header, as the test means it.
#[derive(Debug, Clone)]
enum Part {
    Stamp(i64),
    /// A stamp's text that is no number.
    NoStamp(String),
    /// A right signature for that stamp, in capitals or not.
    Good(i64, bool),
    Wrong(String),
    Other(String),
    /// No name and value at all.
    Bare(String),
}

fn stamps() -> impl Strategy<Value = i64> {
    prop_oneof![
        12 => Just(NOW),
        2 => (-310_i64..=310).prop_map(|off| NOW + off),
        1 => prop_oneof![Just(NOW - 300), Just(NOW - 301), Just(NOW + 300), Just(NOW + 301)],
        1 => prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX)],
    ]
}

fn parts() -> impl Strategy<Value = Part> {
    prop_oneof![
        12 => stamps().prop_map(Part::Stamp),
        1 => "[ -+a-z]{0,3}|[1-9][0-9]{19,29}|1\\.5|-".prop_map(Part::NoStamp),
        10 => (stamps(), any::<bool>()).prop_map(|(stamp, capitals)| Part::Good(stamp, capitals)),
        4 => "[0-9a-f]{0,66}|[ -+g-z]{0,9}".prop_map(Part::Wrong),
        3 => "(v0|v2|V1|t1)=[0-9a-f]{0,64}".prop_map(Part::Other),
        1 => "[a-z0-9]{0,4}".prop_map(Part::Bare),
    ]
}

/// A header's text, and what is to be said of it.
fn read_as_meant(parts: &[Part], body: &[u8]) -> (String, Result<(), WebhookError>) {
    let good = |stamp: i64, capitals: bool| {
        let text = sign("whsec_x", stamp, body);
        if capitals { text.to_uppercase() } else { text }
    };
    let texts = parts.iter().map(|part| match part {
        Part::Stamp(stamp) => format!("t={stamp}"),
        Part::NoStamp(text) => format!("t={text}"),
        Part::Good(stamp, capitals) => format!(" v1={}", good(*stamp, *capitals)),
        Part::Wrong(text) => format!("v1={text}"),
        Part::Other(text) | Part::Bare(text) => text.clone(),
    });
    let header = texts.collect::<Vec<_>>().join(",");
    let broken = parts.is_empty() || parts.iter().any(|part| matches!(part, Part::NoStamp(_) | Part::Bare(_)));
    let stamp = parts.iter().rev().find_map(|part| if let Part::Stamp(stamp) = part { Some(*stamp) } else { None });
    let signatures: Vec<_> = parts.iter().filter(|part| matches!(part, Part::Good(..) | Part::Wrong(_))).collect();
    let Some(stamp) = stamp.filter(|_| !broken && !signatures.is_empty()) else {
        return (header, Err(WebhookError::Header));
    };
    let fits = |part: &&Part| matches!(part, Part::Good(signed, _) if *signed == stamp);
    let near = (i128::from(NOW) - i128::from(stamp)).abs() <= 300;
    let expected = match (signatures.into_iter().take(16).any(|part| fits(&part)), near) {
        (false, _) => Err(WebhookError::Signature),
        (true, false) => Err(WebhookError::Stale),
        (true, true) => Ok(()),
    };
    (header, expected)
}

#[test]
fn a_header_is_read_as_it_is_meant_whatever_its_parts_and_their_order() {
    let body = proptest::collection::vec(any::<u8>(), 0..40);
    let free = proptest::collection::vec(parts(), 0..6);
    // A right pair behind as many wrong signatures as may be looked at, and one or two more.
    let many = (14_usize..18, stamps()).prop_map(|(wrong, stamp)| {
        let wrong = std::iter::repeat_n(Part::Wrong("00".to_owned()), wrong);
        wrong.chain([Part::Good(stamp, false), Part::Stamp(stamp)]).collect::<Vec<_>>()
    });
    let far = prop_oneof![-100_000_i64..-290, 290_i64..100_000]
        .prop_map(|off| vec![Part::Stamp(NOW + off), Part::Good(NOW + off, false)]);
    let drawn = prop_oneof![8 => free, 1 => many, 1 => far];
    each_kind(&["taken", "header", "signature", "stale"], &(drawn, body), |(parts, body)| {
        let (header, expected) = read_as_meant(&parts, &body);
        let seen = verify(&["whsec_old", "whsec_x"], &header, &body, NOW);
        prop_assert_eq!(seen, expected, "{}", header);
        prop_assert!(verify(&["whsec_other"], &header, &body, NOW).is_err());
        Ok(match seen {
            Ok(()) => "taken",
            Err(WebhookError::Header) => "header",
            Err(WebhookError::Signature) => "signature",
            Err(WebhookError::Stale) => "stale",
            Err(WebhookError::Body) => "body",
        })
    });
}

proptest! {
    #[test]
    fn no_header_and_no_body_makes_the_proof_panic(header in "\\PC{0,80}", body in proptest::collection::vec(any::<u8>(), 0..80)) {
        prop_assert!(verify(&["whsec_x"], &header, &body, NOW).is_err());
        let _ = hint(&body, &Instance::new("zone", "persys.jp"));
    }

    #[test]
    fn a_good_signature_is_found_among_others_and_one_flipped_bit_is_fatal(
        body in proptest::collection::vec(any::<u8>(), 1..80),
        others in proptest::collection::vec("v[0-2]=[0-9a-f]{0,64}", 0..4),
        place in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let mut parts = others;
        parts.push(format!("v1={}", sign("whsec_x", NOW, &body)));
        parts.push(format!("t={NOW}"));
        parts.reverse();
        let header = parts.join(",");
        prop_assert_eq!(verify(&["whsec_x"], &header, &body, NOW), Ok(()));
        let mut changed = body;
        let at = place.index(changed.len());
        changed[at] ^= 1 << bit;
        prop_assert_eq!(verify(&["whsec_x"], &header, &changed, NOW), Err(WebhookError::Signature));
    }

    #[test]
    fn an_envelope_with_anything_in_its_places_gives_a_hint_of_ours_or_none(
        kind in prop_oneof![Just(serde_json::json!("customer.subscription.updated")), json_value()],
        created in json_value(),
        id in json_value(),
        subdomain in prop_oneof![Just(serde_json::json!("acme")), json_value()],
        previous in json_value(),
        linked in json_value(),
    ) {
        let ours = Instance::new("zone", "persys.jp");
        let body = serde_json::json!({
            "id": "evt_1", "type": kind, "created": created,
            "data": {"previous_attributes": previous, "object": {
                "id": id, "object": "subscription", "subscription": linked,
                "metadata": {"subdomain": subdomain, "tmsk_inst": ours.as_str()},
            }},
        });
        let seen = hint(body.to_string().as_bytes(), &ours);
        prop_assert!(seen.is_ok(), "it is JSON: {seen:?}");
        if let Ok(Some(hint)) = seen {
            prop_assert_eq!(Some(hint.subdomain.as_str()), subdomain.as_str());
        }
        let other = hint_of_other(&body);
        prop_assert_eq!(other, Ok(None));
    }

    #[test]
    fn an_event_cut_short_is_no_event(cut in 0_usize..100) {
        let body = r#"{"id":"evt_1","type":"customer.subscription.updated","created":5,"data":{"object":{"id":"sub_1"}}}"#;
        prop_assume!(cut < body.len());
        prop_assert_eq!(hint(&body.as_bytes()[..cut], &Instance::new("zone", "persys.jp")), Err(WebhookError::Body));
    }
}

fn hint_of_other(body: &serde_json::Value) -> Result<Option<EventHint>, WebhookError> {
    hint(body.to_string().as_bytes(), &Instance::new("another zone", "persys.jp"))
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        "\\PC{0,20}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(serde_json::Value::from),
            proptest::collection::btree_map("[a-z]{1,6}", inner, 0..3).prop_map(serde_json::Value::from_iter),
        ]
    })
}
