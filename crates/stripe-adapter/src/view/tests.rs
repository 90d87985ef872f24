//! Stripe's objects with anything in their places: exactly those that are whole are read, and one that
//! is not fails its whole list, for a failed read must never look like an absence.

use proptest::prelude::*;
use serde_json::{Value, json};
use tamesuke_domain::drawn::each_kind;

use super::*;
use crate::list::Page;

/// A field, or that it is missing, and whether an object can be read with that.
type Drawn = (Option<Value>, bool);

fn right(values: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Drawn> {
    values.prop_map(|value| (Some(value), true)).boxed()
}

fn wrong(values: &[Value]) -> BoxedStrategy<Drawn> {
    prop::sample::select(values.to_vec()).prop_map(|value| (Some(value), false)).boxed()
}

/// Mostly right values; now and then one of the wrong ones, or none at all.
fn field(values: impl Strategy<Value = Value> + 'static, odd: &[Value], needed: bool) -> BoxedStrategy<Drawn> {
    prop_oneof![40 => right(values), 2 => wrong(odd), 1 => Just((None, !needed))].boxed()
}

fn text(pattern: &'static str) -> impl Strategy<Value = Value> {
    pattern.prop_map(Value::from)
}

fn object(fields: Vec<(&'static str, BoxedStrategy<Drawn>)>) -> BoxedStrategy<(Value, bool)> {
    let (names, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    values
        .prop_map(move |values| {
            let well = values.iter().all(|(_, well)| *well);
            let present = names.iter().zip(values).filter_map(|(name, (value, _))| Some(((*name).to_owned(), value?)));
            (present.chain([("livemode".to_owned(), json!(false))]).collect(), well)
        })
        .boxed()
}

fn nested(object: BoxedStrategy<(Value, bool)>, odd: &[Value], needed: bool) -> BoxedStrategy<Drawn> {
    prop_oneof![40 => object.prop_map(|(value, well)| (Some(value), well)), 2 => wrong(odd), 1 => Just((None, !needed))]
        .boxed()
}

fn metadata() -> BoxedStrategy<Drawn> {
    let pairs = proptest::collection::btree_map("[a-z_]{1,8}", "[ -~]{0,8}", 0..3);
    field(pairs.prop_map(|pairs| json!(pairs)), &[json!("x"), json!({"a": 1}), json!([["a", "b"]])], false)
}

fn prices() -> BoxedStrategy<(Value, bool)> {
    let interval = prop_oneof![Just("day"), Just("week"), Just("month"), Just("fortnight")].prop_map(Value::from);
    let recurring = object(vec![
        ("interval", field(interval, &[Value::Null, json!(1)], true)),
        ("interval_count", field((1_u32..800).prop_map(Value::from), &[json!(-1), json!(1.5), json!("7")], true)),
    ]);
    object(vec![
        ("id", field(text("price_[A-Za-z0-9]{4}"), &[Value::Null, json!(5)], true)),
        ("currency", field(text("jpy|usd"), &[Value::Null], true)),
        ("unit_amount", field((0_i64..10_000).prop_map(Value::from), &[json!("980"), json!(9.8)], false)),
        ("recurring", nested(recurring, &[json!("day")], false)),
    ])
}

fn customers() -> BoxedStrategy<(Value, bool)> {
    object(vec![
        ("id", field(text("cus_[A-Za-z0-9]{8}"), &[json!("sub_1"), json!("cus_/../x"), json!(1)], true)),
        ("email", field(text("[a-z]{1,5}@example\\.jp|[ -~]{0,9}"), &[json!(1)], false)),
        ("name", field(text("[A-Z ]{0,9}"), &[json!(["A"])], false)),
        ("metadata", metadata()),
    ])
}

fn subscriptions() -> BoxedStrategy<(Value, bool)> {
    let statuses = text("active|canceled|past_due|incomplete|[a-z_]{1,10}");
    let invoice = object(vec![
        ("id", field(text("in_[A-Za-z0-9]{8}"), &[json!("sub_1"), json!("")], true)),
        ("billing_reason", field(text("subscription_(create|cycle)|manual"), &[json!(1)], false)),
        ("status", field(text("paid|open|void"), &[json!(true)], false)),
    ]);
    let items = prices().prop_map(|(price, well)| (json!({"data": [{"price": price}]}), well)).boxed();
    object(vec![
        (
            "id",
            field(text("sub_[A-Za-z0-9]{8}"), &[Value::Null, json!("cus_1"), json!("sub_"), json!("sub_1 x")], true),
        ),
        ("status", field(statuses, &[Value::Null, json!(1)], true)),
        ("created", field(any::<i64>().prop_map(Value::from), &[json!("1"), json!(1.5), json!(u64::MAX)], true)),
        ("start_date", field((0_i64..2_000_000_000).prop_map(Value::from), &[Value::Null, json!("x")], true)),
        ("cancel_at_period_end", field(any::<bool>().prop_map(Value::from), &[json!(1), Value::Null], false)),
        ("cancel_at", field(prop_oneof![Just(Value::Null), Just(json!(5))], &[json!("never")], false)),
        ("items", nested(items, &[Value::Null, json!({"data": {}}), json!({"data": [{}]})], true)),
        ("latest_invoice", nested(invoice, &[json!("in_1"), json!({}), json!(7)], false)),
        ("customer", nested(customers(), &[json!("cus_1"), Value::Null, json!({})], true)),
        ("metadata", metadata()),
    ])
}

fn sessions() -> BoxedStrategy<(Value, bool)> {
    let linked = prop_oneof![Just(Value::Null), Just(json!("sub_1"))];
    object(vec![
        ("id", field(text("cs_test_[A-Za-z0-9]{8}"), &[Value::Null, json!("sub_1"), json!(1)], true)),
        ("status", field(text("open|complete|expired"), &[Value::Null, json!("splendid"), json!(1)], true)),
        ("url", field(text("https://[a-z]{1,8}"), &[json!(1)], false)),
        ("created", field(any::<i64>().prop_map(Value::from), &[json!("1"), json!(1.5)], true)),
        ("expires_at", field(any::<i64>().prop_map(Value::from), &[Value::Null, json!({})], true)),
        ("client_reference_id", field(text("[a-z]{0,8}"), &[json!(1)], false)),
        ("customer_email", field(text("[a-z]{1,5}@example\\.jp|[ -~]{0,9}"), &[json!([])], false)),
        ("subscription", field(linked, &[json!("cus_1"), json!({"id": "sub_1"}), json!(3)], false)),
        ("metadata", metadata()),
    ])
}

fn listed(of: BoxedStrategy<(Value, bool)>) -> impl Strategy<Value = (Vec<Value>, bool, Value)> {
    proptest::collection::vec(of, 1..3).prop_map(|entries| {
        let well = entries.iter().all(|(_, well)| *well);
        let data: Vec<Value> = entries.into_iter().map(|(value, _)| value).collect();
        let page = json!({"object": "list", "has_more": false, "data": data});
        (data, well, page)
    })
}

#[test]
fn a_list_of_subscriptions_is_read_whole_or_is_a_failed_read() {
    each_kind(&["taken", "refused"], &listed(subscriptions()), |(data, well, page)| {
        let views: Option<Page<SubscriptionView>> = serde_json::from_value(page.clone()).ok();
        let read: Option<Vec<Subscription>> = views
            .and_then(|views| views.data.into_iter().map(|view| view.parse("list")).collect::<Result<_, _>>().ok());
        prop_assert_eq!(read.is_some(), well, "{}", page);
        let Some(read) = read else { return Ok("refused") };
        prop_assert_eq!(read.len(), data.len());
        for (seen, sent) in read.iter().zip(&data) {
            prop_assert_eq!(seen.id.as_str(), &sent["id"]);
            prop_assert_eq!(seen.created.as_unix(), sent["created"].as_i64().unwrap());
            prop_assert_eq!(seen.started.as_unix(), sent["start_date"].as_i64().unwrap());
            prop_assert_eq!(seen.status == Status::Canceled, sent["status"] == "canceled");
            let ends = sent["cancel_at_period_end"] == true || sent["cancel_at"].is_i64();
            prop_assert_eq!(seen.end_set, ends);
            let recurring = &sent["items"]["data"][0]["price"]["recurring"];
            let each = match recurring["interval"].as_str() {
                Some("day") => Some(1),
                Some("week") => Some(7),
                Some("month") => Some(28),
                _ => None,
            };
            let days = each.map(|days: u64| days * recurring["interval_count"].as_u64().unwrap());
            prop_assert_eq!(seen.price_days.map(u64::from), days);
            let paid = sent["latest_invoice"]["status"] == "paid";
            prop_assert_eq!(seen.invoice.as_ref().is_some_and(|invoice| invoice.paid), paid);
            prop_assert_eq!(seen.customer.id.as_str(), &sent["customer"]["id"]);
            prop_assert_eq!(json!(seen.metadata), sent.get("metadata").cloned().unwrap_or(json!({})));
        }
        Ok("taken")
    });
}

#[test]
fn a_list_of_sessions_is_read_whole_or_is_a_failed_read() {
    each_kind(&["taken", "refused"], &listed(sessions()), |(data, well, page)| {
        let views: Option<Page<SessionView>> = serde_json::from_value(page.clone()).ok();
        let read: Option<Vec<Checkout>> = views
            .and_then(|views| views.data.into_iter().map(|view| view.parse("list")).collect::<Result<_, _>>().ok());
        prop_assert_eq!(read.is_some(), well, "{}", page);
        let Some(read) = read else { return Ok("refused") };
        prop_assert_eq!(read.len(), data.len());
        for (seen, sent) in read.iter().zip(&data) {
            let status = match seen.status {
                CheckoutStatus::Open => "open",
                CheckoutStatus::Complete => "complete",
                CheckoutStatus::Expired => "expired",
            };
            prop_assert_eq!(
                (seen.id.as_str(), status),
                (sent["id"].as_str().unwrap(), sent["status"].as_str().unwrap())
            );
            prop_assert_eq!(Some(seen.expires.as_unix()), sent["expires_at"].as_i64());
            prop_assert_eq!(seen.subscription.as_ref().map(SubscriptionId::as_str), sent["subscription"].as_str());
        }
        Ok("taken")
    });
}

#[test]
fn an_object_cut_short_or_of_another_kind_is_never_read() {
    let cut = (subscriptions(), any::<prop::sample::Index>());
    each_kind(&["refused"], &cut, |((value, _), at)| {
        let text = value.to_string();
        let text = &text[..text.char_indices().nth(at.index(text.chars().count())).map_or(0, |(at, _)| at)];
        prop_assert!(serde_json::from_str::<SubscriptionView>(text).is_err(), "{text}");
        let session = serde_json::from_value::<SessionView>(value).ok();
        prop_assert!(session.is_none_or(|session| session.parse("read").is_err()));
        Ok("refused")
    });
}
