//! Which parameters each call takes. What is not in here is refused, as Stripe refuses it: a misspelt
//! name must never be taken silently. A pattern is a path (`line_items.#.price`): `#` is an index, `*` a
//! free name. Behind `=` stands what the value must be: `int`, `bool`, or its few words.
//!
//! A parameter that Stripe knows and this sandbox does not imitate is left out on purpose: refused is
//! better than ignored. `docs/sandbox.md` lists what is missing.

/// Of every list.
pub(super) const PAGING: &[&str] = &["limit=int", "starting_after", "ending_before"];
/// Of every list whose objects have a moment of creation to ask for.
pub(super) const CREATED: &[&str] =
    &["created=int", "created.gt=int", "created.gte=int", "created.lt=int", "created.lte=int"];
pub(super) const NOTHING: &[&str] = &[];

pub(super) const CHECKOUT_CREATE: &[&str] = &[
    "mode=payment|setup|subscription",
    "locale",
    "line_items.#.price",
    "line_items.#.quantity=int",
    "customer",
    "customer_email",
    "metadata.*",
    "subscription_data.metadata.*",
    "subscription_data.description",
    "expires_at=int",
    "success_url",
    "cancel_url",
    "client_reference_id",
    "ui_mode=elements|embedded_page|form|hosted_page",
    "allow_promotion_codes=bool",
    "billing_address_collection=auto|required",
    "phone_number_collection.enabled=bool",
    "submit_type=auto|book|donate|pay|subscribe",
    "custom_text.submit.message",
];
pub(super) const CHECKOUT_LIST: &[&str] =
    &["status=complete|expired|open", "customer", "subscription", "payment_intent", "customer_details.email"];

pub(super) const SUBSCRIPTION_CREATE: &[&str] = &[
    "customer",
    "items.#.price",
    "items.#.quantity=int",
    "metadata.*",
    "description",
    "default_payment_method",
    "cancel_at_period_end=bool",
    "payment_behavior=allow_incomplete|default_incomplete|error_if_incomplete|pending_if_incomplete",
    "off_session=bool",
    "collection_method=charge_automatically|send_invoice",
];
pub(super) const SUBSCRIPTION_UPDATE: &[&str] = &[
    "metadata.*",
    "cancel_at_period_end=bool",
    "cancel_at=int",
    "proration_behavior=always_invoice|create_prorations|none",
    "cancellation_details.comment",
    "cancellation_details.feedback=customer_service|low_quality|missing_features|other|switched_service|too_complex|too_expensive|unused",
    "description",
    "default_payment_method",
];
pub(super) const SUBSCRIPTION_CANCEL: &[&str] = &[
    "invoice_now=bool",
    "prorate=bool",
    "cancellation_details.comment",
    "cancellation_details.feedback=customer_service|low_quality|missing_features|other|switched_service|too_complex|too_expensive|unused",
];
pub(super) const SUBSCRIPTION_LIST: &[&str] = &[
    "status=active|all|canceled|ended|incomplete|incomplete_expired|past_due|paused|trialing|unpaid",
    "customer",
    "price",
    "collection_method=charge_automatically|send_invoice",
    "test_clock",
];
pub(super) const SEARCH: &[&str] = &["query", "limit=int", "page"];

pub(super) const CUSTOMER_CREATE: &[&str] = &[
    "name",
    "email",
    "metadata.*",
    "description",
    "phone",
    "preferred_locales.#",
    "payment_method",
    "invoice_settings.default_payment_method",
    "test_clock",
];
pub(super) const CUSTOMER_UPDATE: &[&str] = &[
    "name",
    "email",
    "metadata.*",
    "description",
    "phone",
    "preferred_locales.#",
    "invoice_settings.default_payment_method",
];
pub(super) const CUSTOMER_LIST: &[&str] = &["email", "test_clock"];

pub(super) const PRODUCT_CREATE: &[&str] =
    &["name", "id", "active=bool", "description", "metadata.*", "url", "unit_label", "images.#"];
pub(super) const PRODUCT_UPDATE: &[&str] =
    &["name", "active=bool", "description", "metadata.*", "url", "unit_label", "images.#", "default_price"];
pub(super) const PRODUCT_LIST: &[&str] = &["active=bool", "ids.#"];
pub(super) const PRICE_CREATE: &[&str] = &[
    "currency",
    "unit_amount=int",
    "product",
    "product_data.name",
    "recurring.interval=day|month|week|year",
    "recurring.interval_count=int",
    "nickname",
    "lookup_key",
    "active=bool",
    "metadata.*",
    "tax_behavior=exclusive|inclusive|unspecified",
];
pub(super) const PRICE_UPDATE: &[&str] =
    &["active=bool", "nickname", "metadata.*", "lookup_key", "tax_behavior=exclusive|inclusive|unspecified"];
pub(super) const PRICE_LIST: &[&str] =
    &["active=bool", "product", "currency", "type=one_time|recurring", "lookup_keys.#"];

pub(super) const INVOICE_LIST: &[&str] = &[
    "customer",
    "subscription",
    "status=draft|open|paid|uncollectible|void",
    "collection_method=charge_automatically|send_invoice",
];
pub(super) const INVOICE_PAYMENT_LIST: &[&str] = &[
    "invoice",
    "status=canceled|open|paid",
    "payment.type=charge|payment_intent|payment_record",
    "payment.payment_intent",
];
pub(super) const INTENT_CREATE: &[&str] = &[
    "amount=int",
    "currency",
    "customer",
    "payment_method",
    "payment_method_types.#",
    "automatic_payment_methods.enabled=bool",
    "automatic_payment_methods.allow_redirects=always|never",
    "confirm=bool",
    "description",
    "metadata.*",
    "off_session=bool",
    "return_url",
];
pub(super) const INTENT_CONFIRM: &[&str] = &["payment_method", "return_url", "off_session=bool"];
pub(super) const INTENT_CANCEL: &[&str] = &["cancellation_reason=abandoned|duplicate|fraudulent|requested_by_customer"];
pub(super) const INTENT_LIST: &[&str] = &["customer"];
pub(super) const CHARGE_LIST: &[&str] = &["customer", "payment_intent"];
pub(super) const REFUND_CREATE: &[&str] =
    &["payment_intent", "charge", "amount=int", "reason=duplicate|fraudulent|requested_by_customer", "metadata.*"];
pub(super) const REFUND_UPDATE: &[&str] = &["metadata.*"];
pub(super) const REFUND_LIST: &[&str] = &["payment_intent", "charge"];
pub(super) const EVENT_LIST: &[&str] = &["type", "types.#", "delivery_success=bool"];
pub(super) const ENDPOINT_CREATE: &[&str] = &["url", "enabled_events.#", "api_version", "description", "metadata.*"];
pub(super) const ENDPOINT_UPDATE: &[&str] = &["url", "enabled_events.#", "disabled=bool", "description", "metadata.*"];
pub(super) const CLOCK_CREATE: &[&str] = &["frozen_time=int", "name"];
pub(super) const CLOCK_ADVANCE: &[&str] = &["frozen_time=int"];
pub(super) const PORTAL_CREATE: &[&str] = &["customer", "return_url", "locale"];

/// Whether a key's path fits a pattern's path.
pub(super) fn fits(pattern: &str, path: &[&str]) -> bool {
    let mut open = path.iter();
    for part in pattern.split('.') {
        let Some(given) = open.next() else {
            // `metadata=` clears what `metadata[…]` fills.
            return part == "*";
        };
        let same = match part {
            "*" => !given.is_empty(),
            "#" => given.bytes().all(|b| b.is_ascii_digit()),
            name => name == *given,
        };
        if !same {
            return false;
        }
    }
    open.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_its_own_paths_and_no_misspelt_ones() {
        assert!(fits("line_items.#.price", &["line_items", "0", "price"]));
        assert!(fits("metadata.*", &["metadata", "subdomain"]) && fits("metadata.*", &["metadata"]));
        assert!(fits("types.#", &["types", ""]) && fits("types.#", &["types", "3"]));
        assert!(!fits("line_items.#.price", &["line_items", "0", "pricee"]));
        assert!(!fits("line_items.#.price", &["line_item", "0", "price"]));
        assert!(!fits("line_items.#.price", &["line_items", "0", "price", "x"]));
        assert!(!fits("line_items.#.price", &["line_items", "0"]));
        assert!(!fits("metadata.*", &["metadata", ""]));
    }
}
