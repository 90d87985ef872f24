//! The OpenAPI description, made from the types that are sent and the handlers that send them. What it
//! says is held against the running service by `cargo xtask test api`.

use utoipa::OpenApi;

use crate::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tamesuke",
        description = "Trials of open-source applications: order, pay, watch. `detail` of an error is Japanese, or English when `Accept-Language` (or `?lang=en`) asks for it first; programs compare `code`. HEAD is answered wherever GET is, streams aside. What is no HTTP request at all is answered with a bare 400, 408 or 431."
    ),
    tags(
        (name = "order", description = "What the form needs."),
        (name = "trial", description = "What the page after payment shows."),
        (name = "service", description = "For operators, Stripe and programs."),
    ),
    paths(
        routes::health::health,
        routes::webhook::webhook,
        routes::subdomain::check,
        routes::catalog::catalog,
        routes::checkout::create,
        routes::checkout::release,
        routes::trial::trial,
        routes::trial::events,
        routes::openapi::description,
    )
)]
struct Description;

/// The description as JSON. Empty only if it could not be written, which the test below excludes.
pub(crate) fn text() -> String {
    Description::openapi().to_json().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::routes::Kind;

    fn described() -> serde_json::Value {
        serde_json::from_str(&text()).unwrap()
    }

    #[test]
    fn every_call_is_described_and_nothing_else() {
        let description = described();
        let paths = description["paths"].as_object().unwrap();
        let said: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| (path.clone(), method.clone())))
            .collect();
        let real: BTreeSet<(String, String)> = routes::all()
            .into_iter()
            .map(|call| {
                let method = match call.kind {
                    Kind::Get | Kind::Stream => "get",
                    Kind::Post => "post",
                };
                (call.path.to_owned(), method.to_owned())
            })
            .collect();
        assert_eq!(said, real);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references<'a>(value: &'a serde_json::Value, found: &mut Vec<&'a str>) {
            match value {
                serde_json::Value::Object(fields) => {
                    found.extend(fields.get("$ref").and_then(|to| to.as_str()));
                    fields.values().for_each(|field| references(field, found));
                }
                serde_json::Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                _ => {}
            }
        }
        let description = described();
        let mut found = Vec::new();
        references(&description, &mut found);
        assert!(found.len() > 10, "{found:?}");
        for to in found {
            assert!(description.pointer(to.trim_start_matches('#')).is_some(), "{to}");
        }
    }

    #[test]
    fn every_call_but_the_unlimited_ones_says_that_it_may_be_too_often() {
        let description = described();
        for (path, item) in description["paths"].as_object().unwrap() {
            let unlimited = ["/health", "/webhook/stripe"].contains(&path.as_str());
            for operation in item.as_object().unwrap().values() {
                assert_eq!(operation["responses"].get("429").is_none(), unlimited, "{path}");
            }
        }
    }
}
