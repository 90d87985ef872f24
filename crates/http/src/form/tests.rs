//! Forms, right and wrong ones: which field is blamed, and that nothing typed is repeated.

use super::*;
use proptest::prelude::*;
use serde_json::json;
use tamesuke_domain::drawn::each_kind;

fn good() -> Value {
    json!({"email": "taro@example.co.jp", "company_name": "株式会社ためし", "oss_type": "nginx", "duration_days": 7, "subdomain": "acme"})
}

fn parse(value: &Value) -> Result<Order, Problem> {
    Order::try_from(serde_json::from_value::<Form>(value.clone()).unwrap())
}

#[track_caller]
fn check(field: &str, value: Value, code: Code) {
    let mut form = good();
    form[field] = value;
    let problem = parse(&form).unwrap_err();
    assert_eq!((problem.code(), problem.blamed()), (code, Some(field)));
}

#[test]
fn a_good_form_is_an_order_and_unknown_fields_are_nobodys_business() {
    let mut form = good();
    form["newsletter"] = json!(true);
    let order = parse(&form).unwrap();
    assert_eq!((order.subdomain.as_str(), order.days.get()), ("acme", 7));
}

#[test]
fn a_field_that_is_missing_or_of_another_type_is_named() {
    for field in ["email", "company_name", "oss_type", "duration_days", "subdomain"] {
        check(field, Value::Null, Code::BodyMalformed);
        check(field, json!({"a": [1]}), Code::BodyMalformed);
        let mut form = good();
        form.as_object_mut().unwrap().remove(field);
        assert_eq!(parse(&form).unwrap_err().blamed(), Some(field));
    }
    check("email", json!(5), Code::BodyMalformed);
    for number in [json!("7"), json!(7.0), json!(-7), json!(true)] {
        check("duration_days", number, Code::BodyMalformed);
    }
}

#[test]
fn what_reads_but_is_not_right_has_its_own_code() {
    check("subdomain", json!("Acme"), Code::SubdomainMalformed);
    check("subdomain", json!("acme\n"), Code::SubdomainMalformed);
    check("email", json!("taro"), Code::EmailMalformed);
    check("company_name", json!("a\u{0}b"), Code::CompanyNameMalformed);
    check("oss_type", json!("../nginx"), Code::ApplicationUnknown);
    check("duration_days", json!(0), Code::PeriodNotSold);
    check("duration_days", json!(u64::MAX), Code::PeriodNotSold);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_stands_in_one_field_that_field_is_blamed_and_its_value_not_repeated(
        at in 0_usize..5,
        value in any_json(),
    ) {
        let field = ["email", "company_name", "oss_type", "duration_days", "subdomain"][at];
        let mut form = good();
        form[field] = value.clone();
        if let Err(problem) = parse(&form) {
            prop_assert_eq!(problem.blamed(), Some(field));
            let told = problem.detail(crate::language::Language::English);
            let repeated = value.as_str().is_some_and(|text| text.chars().count() > 1 && told.contains(text));
            // Words of the texts themselves, such as "a", may come up by chance.
            prop_assert!(!repeated || value.as_str().is_some_and(|text| text.len() < 5), "{told}");
        }
    }
}

/// A field, or that it is missing, and how the form is to be told of.
type Drawn = (Option<Value>, Option<Code>);

fn field(right: impl Strategy<Value = Value> + 'static, odd: Vec<(Value, Code)>) -> impl Strategy<Value = Drawn> {
    let odd = prop::sample::select(odd).prop_map(|(value, code)| (Some(value), Some(code)));
    let mistyped = prop::sample::select(vec![Value::Null, json!(true), json!(-1), json!(7.5), json!([7]), json!({})]);
    prop_oneof![
        20 => right.prop_map(|value| (Some(value), None)),
        2 => odd,
        1 => mistyped.prop_map(|value| (Some(value), Some(Code::BodyMalformed))),
        1 => Just((None, Some(Code::BodyMalformed))),
    ]
}

/// The fields in the order in which they are blamed.
fn drawn_fields() -> impl Strategy<Value = Vec<(&'static str, Drawn)>> {
    let subdomain = field(
        "[a-z]([a-z0-9]{0,10}[a-z0-9])?".prop_map(Value::from),
        vec![
            (json!("-a"), Code::SubdomainMalformed),
            (json!("acme.x"), Code::SubdomainMalformed),
            (json!(""), Code::SubdomainMalformed),
        ],
    );
    let email = field(
        " ?[a-z]{1,9}(\\+[a-z]{1,3})?@[a-z]{2,9}\\.(jp|co\\.jp) ?".prop_map(Value::from),
        vec![
            (json!("taro"), Code::EmailMalformed),
            (json!("a@b.jp, c@d.jp"), Code::EmailMalformed),
            (json!("A <a@b.jp>"), Code::EmailMalformed),
        ],
    );
    let company = field(
        "[A-Za-z株式会社]{1,100}".prop_map(Value::from),
        vec![
            (json!(" "), Code::CompanyNameMalformed),
            (json!("a\nb"), Code::CompanyNameMalformed),
            (json!("a".repeat(101)), Code::CompanyNameMalformed),
        ],
    );
    let application = field(
        "[a-z0-9]{1,32}".prop_map(Value::from),
        vec![(json!("../nginx"), Code::ApplicationUnknown), (json!("a".repeat(33)), Code::ApplicationUnknown)],
    );
    let days = field(
        (1_u64..=365).prop_map(Value::from),
        vec![
            (json!(0), Code::PeriodNotSold),
            (json!(366), Code::PeriodNotSold),
            (json!(u64::MAX), Code::PeriodNotSold),
            (json!("7"), Code::BodyMalformed),
        ],
    );
    (subdomain, email, company, application, days).prop_map(|(subdomain, email, company, application, days)| {
        vec![
            ("subdomain", subdomain),
            ("email", email),
            ("company_name", company),
            ("oss_type", application),
            ("duration_days", days),
        ]
    })
}

#[test]
fn a_form_is_an_order_of_just_its_fields_or_blames_the_first_that_is_wrong() {
    let order = Just([0_usize, 1, 2, 3, 4]).prop_shuffle();
    let around = prop_oneof![6 => Just(""), 1 => Just("cut"), 1 => Just("twice"), 1 => Just("unknown")];
    each_kind(&["taken", "blamed", "no form"], &(drawn_fields(), order, around), |(fields, order, around)| {
        let sent = |at: &usize| fields[*at].1.0.as_ref().map(|value| format!("\"{}\":{value}", fields[*at].0));
        let mut texts: Vec<String> = order.iter().filter_map(sent).collect();
        match around {
            "twice" => texts.extend(texts.first().cloned()),
            "unknown" => texts.push("\"newsletter\":{\"subdomain\":\"other\"}".to_owned()),
            _ => {}
        }
        let whole = format!("{{{}}}", texts.join(","));
        let text = if around == "cut" { &whole[..whole.len() - 1] } else { &whole };
        let Ok(form) = serde_json::from_slice::<Form>(text.as_bytes()) else {
            prop_assert!(around == "cut" || (around == "twice" && texts.len() > 1), "{text}");
            return Ok("no form");
        };
        prop_assert!(around != "cut" && (around != "twice" || texts.is_empty()), "{text}");
        let wrong = fields.iter().find_map(|(name, (_, code))| Some((*name, (*code)?)));
        let outcome = Order::try_from(form);
        let told = outcome.as_ref().err().map(|problem| (problem.blamed().unwrap_or("none"), problem.code()));
        prop_assert_eq!(told, wrong, "{}", text);
        let Ok(order) = outcome else { return Ok("blamed") };
        let sent = |at: usize| fields[at].1.0.clone().unwrap_or_default();
        prop_assert_eq!(order.subdomain.as_str(), sent(0));
        prop_assert_eq!(json!(order.email.expose()), json!(sent(1).as_str().map(str::trim)));
        prop_assert_eq!(order.company.as_str(), sent(2));
        prop_assert_eq!(order.application.as_str(), sent(3));
        prop_assert_eq!(u64::from(order.days.get()), sent(4).as_u64().unwrap());
        Ok("taken")
    });
}

proptest! {
    #[test]
    fn an_order_that_is_taken_is_within_all_rules(
        subdomain in "[a-z0-9-]{1,14}",
        company in "\\PC{0,120}",
        email in "[a-z.+]{1,10}@[a-z.-]{1,10}",
        days in 0_u64..400,
    ) {
        let form = json!({"email": email, "company_name": company, "oss_type": "nginx", "duration_days": days, "subdomain": subdomain});
        if let Ok(order) = parse(&form) {
            let name = order.subdomain.as_str();
            prop_assert!(name.len() <= 12 && !name.starts_with('-') && !name.ends_with('-') && name.get(2..4) != Some("--"));
            prop_assert!((1..=100).contains(&order.company.as_str().chars().count()));
            prop_assert!((1..=365).contains(&order.days.get()));
        }
    }
}
