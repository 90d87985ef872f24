//! The form as it is sent, parsed field by field, so that each fault names its field.

use actix_web::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use tamesuke_domain::catalog::{ApplicationId, Days};
use tamesuke_domain::order::Order;

use crate::problem::{Code, Problem};
use crate::routes::subdomain::malformed;

/// The fields as they come, of whatever type; a missing one is null.
#[derive(Deserialize)]
pub(crate) struct Form {
    #[serde(default)]
    email: Value,
    #[serde(default)]
    company_name: Value,
    #[serde(default)]
    oss_type: Value,
    #[serde(default)]
    duration_days: Value,
    #[serde(default)]
    subdomain: Value,
}

fn bad(code: Code, field: &'static str, ja: &str, en: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, ja, en).field(field)
}

fn not_offered(code: Code, field: &'static str, ja: &str, en: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, ja, en).field(field)
}

/// A value of the wrong type. It is not repeated: it may be anything.
fn mistyped(field: &'static str, value: &Value, (ja, en): (&str, &str)) -> Problem {
    if value.is_null() {
        let (ja, en) = (format!("{field}がありません。"), format!("{field} is missing."));
        return bad(Code::BodyMalformed, field, &ja, &en);
    }
    bad(Code::BodyMalformed, field, &format!("{field}は{ja}でなければなりません。"), &format!("{field} must be {en}."))
}

fn text<'a>(field: &'static str, value: &'a Value) -> Result<&'a str, Problem> {
    value.as_str().ok_or_else(|| mistyped(field, value, ("文字列", "a text")))
}

fn days(value: &Value) -> Result<Days, Problem> {
    let days = value.as_u64().ok_or_else(|| mistyped("duration_days", value, ("自然数", "a whole number")))?;
    Days::new(days).ok_or_else(|| {
        not_offered(Code::PeriodNotSold, "duration_days", "この期間は選べません。", "This period is not sold.")
    })
}

fn application(text: &str) -> Result<ApplicationId, Problem> {
    text.parse().map_err(|_| {
        not_offered(
            Code::ApplicationUnknown,
            "oss_type",
            "そのアプリケーションは扱っていません。",
            "We do not offer this application.",
        )
    })
}

impl TryFrom<Form> for Order {
    type Error = Problem;

    fn try_from(form: Form) -> Result<Self, Problem> {
        Ok(Self {
            subdomain: text("subdomain", &form.subdomain)?.parse().map_err(|error| malformed(&error))?,
            email: text("email", &form.email)?.trim().parse().map_err(|_| Problem::email())?,
            company: text("company_name", &form.company_name)?.parse().map_err(|_| {
                bad(
                    Code::CompanyNameMalformed,
                    "company_name",
                    "会社名を100文字以内で入力してください。",
                    "Please give a company name of 1 to 100 characters.",
                )
            })?,
            application: application(text("oss_type", &form.oss_type)?)?,
            days: days(&form.duration_days)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

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

        #[test]
        fn no_bytes_make_the_form_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(form) = serde_json::from_slice::<Form>(&bytes) {
                let _ = Order::try_from(form);
            }
        }

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
}
