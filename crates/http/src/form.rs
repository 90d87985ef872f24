//! The form as it is sent, parsed field by field, so that each fault names its field.

use actix_web::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use tamesuke_domain::catalog::{ApplicationId, Days};
use tamesuke_domain::order::Order;

use crate::problem::{Code, PERIOD_NOT_SOLD, Problem};
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
    let (ja, en) = PERIOD_NOT_SOLD;
    Days::new(days).ok_or_else(|| not_offered(Code::PeriodNotSold, "duration_days", ja, en))
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
mod tests;
