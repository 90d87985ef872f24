"""Stripe's own library: errors of every class, idempotency, events and webhooks."""

from __future__ import annotations

from typing import Any, cast

import pytest
import requests
import stripe

from tests.clients.sandbox import Sandbox
from tests.clients.shop import bought, client, eventually, order, plain
from tests.clients.sink import Sink


@pytest.fixture
def shop(sandbox: Sandbox) -> stripe.StripeClient:
    """Give the library."""
    return client(sandbox)


def a_wrong_key_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(stripe.AuthenticationError) as refused:
        client(sandbox, "sk_test_wrongwrong").v1.prices.list()
    assert refused.value.http_status == 401
    assert "Invalid API Key" in str(refused.value)
    assert "wrongwrong" not in str(refused.value)


def a_missing_object_says_which(shop: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.subscriptions.retrieve("sub_none")
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (404, "resource_missing", "id")
    assert "No such subscription: 'sub_none'" in str(refused.value)


def a_missing_object_in_a_parameter_is_the_parameters_fault(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.checkout.sessions.create(
            {
                "mode": "subscription",
                "line_items": [{"price": sandbox.secret("stripe_price_nginx_7d")}],
                "success_url": "https://x.example",
                "customer": "cus_5",
            },
        )
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, "resource_missing", "customer")


def a_parameter_that_is_missing_is_named(shop: stripe.StripeClient) -> None:
    for params, param in (
        ({"mode": "subscription"}, "line_items"),
        ({"mode": "subscription", "line_items": [{"price": "price_x"}]}, "line_items[0][price]"),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            shop.v1.checkout.sessions.create(cast("Any", params))
        assert refused.value.param == param


def each_misspelt_parameter_is_refused_by_its_whole_name(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    price = sandbox.secret("stripe_price_nginx_7d")
    _, subscription = bought(sandbox, shop, "misspelt")
    base: dict[str, Any] = {
        "mode": "subscription",
        "line_items": [{"price": price}],
        "success_url": "https://x.example",
    }
    v1 = shop.v1
    sessions: Any = v1.checkout.sessions
    subscriptions: Any = v1.subscriptions
    for call, params, name in (
        (sessions.create, {**base, "sucess_url": "x"}, "sucess_url"),
        (sessions.create, {**base, "line_items": [{"price": price, "quantitty": 1}]}, "line_items[0][quantitty]"),
        (sessions.create, {**base, "subscription_data": {"metadat": {"a": "b"}}}, "subscription_data[metadat][a]"),
        (sessions.list, {"stauts": "open"}, "stauts"),
        (subscriptions.list, {"created": {"get": 1}}, "created[get]"),
        (cast("Any", v1.events).list, {"typs": ["x"]}, "typs[0]"),
        (cast("Any", v1.refunds).create, {"payment_intnet": "pi_1"}, "payment_intnet"),
        (cast("Any", v1.invoice_payments).list, {"invoce": "in_1"}, "invoce"),
        (
            lambda params: subscriptions.update(subscription.id, params),
            {"cancel_at_period_ends": True},
            "cancel_at_period_ends",
        ),
        (lambda params: subscriptions.retrieve(subscription.id, params), {"status": "x"}, "status"),
        (lambda params: subscriptions.cancel(subscription.id, params), {"at_period_end": True}, "at_period_end"),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            call(params)
        assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, "parameter_unknown", name)
        assert f"Received unknown parameter: {name}" in str(refused.value)


def each_value_that_can_not_be_is_refused(shop: stripe.StripeClient) -> None:
    sessions: Any = shop.v1.checkout.sessions
    for params, param in (
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"status": "closed"}, "status"),
        ({"starting_after": "cs_none"}, "starting_after"),
        ({"starting_after": "cs_1", "ending_before": "cs_2"}, "starting_after"),
        ({"expand": ["data.nothing"]}, "expand[0]"),
        ({"expand": ["subscription"]}, "expand[0]"),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            sessions.list(params)
        assert (refused.value.http_status, refused.value.param) == (400, param), params


def an_unknown_path_and_an_unknown_version_are_refused(sandbox: Sandbox) -> None:
    def ask(path: str, **headers: str) -> requests.Response:
        key = sandbox.secret("stripe_secret_key")
        return requests.get(
            sandbox.addresses["stripe"] + path, headers={"Authorization": f"Bearer {key}", **headers}, timeout=10
        )

    unknown = ask("/v1/nothing")
    assert (unknown.status_code, unknown.json()["error"]["type"]) == (404, "invalid_request_error")
    assert "Unrecognized request URL (GET: /v1/nothing)" in unknown.json()["error"]["message"]
    assert ask("/v1/prices", **{"Stripe-Version": "soon"}).status_code == 400
    known = ask("/v1/prices", **{"Stripe-Version": "2026-09-30.endive"})
    assert (known.status_code, known.headers["stripe-version"]) == (200, "2026-09-30.endive")
    assert known.headers["request-id"].startswith("req_")


def too_many_calls_are_told_when_to_come_again(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    error = {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "Too many requests"}}
    effect = {"kind": "status", "status": 429, "body": error, "headers": {"Retry-After": "1"}}
    sandbox.fault("stripe", effect, times=1, path="/v1/prices")
    with pytest.raises(stripe.RateLimitError) as refused:
        shop.v1.prices.list()
    assert refused.value.error is not None
    assert (refused.value.error.code, (refused.value.headers or {})["Retry-After"]) == ("rate_limit", "1")
    assert shop.v1.prices.list().data


def each_further_class_of_errors_is_what_the_library_takes_it_for(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    for status, kind, raised in (
        (403, "invalid_request_error", stripe.PermissionError),
        (500, "api_error", stripe.APIError),
        (402, "card_error", stripe.CardError),
    ):
        body = {"error": {"type": kind, "message": "no"}}
        sandbox.fault("stripe", {"kind": "status", "status": status, "body": body}, times=1, path="/v1/products")
        with pytest.raises(raised):
            shop.v1.products.list()
    sandbox.fault("stripe", {"kind": "drop"}, times=1, path="/v1/products")
    with pytest.raises(stripe.APIConnectionError):
        shop.v1.products.list()


def a_key_used_again_gets_the_same_answer_and_makes_nothing_new(shop: stripe.StripeClient) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "once-1"}
    first = shop.v1.customers.create({"email": "once@example.jp"}, options)
    second = shop.v1.customers.create({"email": "once@example.jp"}, options)
    assert first.id == second.id
    assert second.last_response is not None
    assert second.last_response.headers["idempotent-replayed"] == "true"
    assert len(shop.v1.customers.list({"email": "once@example.jp"}).data) == 1


def a_key_with_other_parameters_is_an_error_of_its_own_class(shop: stripe.StripeClient) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "once-2"}
    shop.v1.customers.create({"email": "two@example.jp"}, options)
    with pytest.raises(stripe.IdempotencyError) as refused:
        shop.v1.customers.create({"email": "three@example.jp"}, options)
    assert refused.value.http_status == 400
    assert "once-2" in str(refused.value)


def a_refused_parameter_does_not_use_up_its_key(shop: stripe.StripeClient) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "once-3"}
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.customers.create({"email": "none"}, options)
    assert shop.v1.customers.create({"email": "four@example.jp"}, options).email == "four@example.jp"


def a_declined_payment_is_stored_under_its_key(shop: stripe.StripeClient) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "once-4"}
    seen = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            shop.v1.payment_intents.create(
                {"amount": 500, "currency": "jpy", "payment_method": "pm_card_chargeDeclined", "confirm": True},
                options,
            )
        seen.append(declined.value.json_body)
    assert seen[0] == seen[1]


def a_failure_is_stored_under_its_key_and_replayed_for_a_day(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    body = {"error": {"type": "api_error", "message": "An unknown error occurred"}}
    sandbox.fault(
        "stripe", {"kind": "status", "status": 500, "body": body}, times=1, method="POST", path="/v1/customers"
    )
    options: stripe.RequestOptions = {"idempotency_key": "once-5"}
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            shop.v1.customers.create({"email": "five@example.jp"}, options)
    assert shop.v1.customers.list({"email": "five@example.jp"}).data == []
    sandbox.control("POST", "/clock/jump", {"seconds": 90_000})
    assert shop.v1.customers.create({"email": "five@example.jp"}, options).email == "five@example.jp"


def a_key_of_a_call_that_still_runs_is_in_use_and_then_gives_its_answer(
    sandbox: Sandbox, shop: stripe.StripeClient
) -> None:
    sandbox.fault("stripe", {"kind": "late", "ms": 3_000}, times=1, method="POST", path="/v1/customers")
    options: stripe.RequestOptions = {"idempotency_key": "once-6"}
    with pytest.raises(stripe.APIConnectionError):
        shop.v1.customers.create({"email": "six@example.jp"}, options)
    with pytest.raises(stripe.StripeError) as refused:
        shop.v1.customers.create({"email": "six@example.jp"}, options)
    assert refused.value.http_status == 409
    assert cast("Any", refused.value.json_body)["error"]["code"] == "idempotency_key_in_use"
    eventually(lambda: shop.v1.customers.list({"email": "six@example.jp"}).data or None, "the late customer")
    assert shop.v1.customers.create({"email": "six@example.jp"}, options).email == "six@example.jp"
    assert len(shop.v1.customers.list({"email": "six@example.jp"}).data) == 1


def an_incomplete_subscription_begins_when_its_payment_is_confirmed(
    sandbox: Sandbox, shop: stripe.StripeClient
) -> None:
    customer = shop.v1.customers.create({"email": "second-step@example.jp"})
    begun = shop.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": sandbox.secret("stripe_price_nginx_7d")}],
            "payment_behavior": "default_incomplete",
        }
    )
    assert begun.status == "incomplete"
    invoice = cast("Any", begun.latest_invoice)
    payment = cast("Any", shop.v1.invoice_payments.list({"invoice": invoice}).data[0].payment)
    intent = shop.v1.payment_intents.retrieve(payment.payment_intent)
    assert intent.status == "requires_payment_method"
    shop.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert shop.v1.subscriptions.retrieve(begun.id).status == "active"
    assert shop.v1.invoices.retrieve(invoice).status == "paid"


def the_events_of_a_purchase_are_listed_newest_first_and_never_change(
    sandbox: Sandbox, shop: stripe.StripeClient
) -> None:
    done, subscription = bought(sandbox, shop, "events")
    kinds = ["checkout.session.completed", "customer.subscription.created", "customer.subscription.updated"]
    listed = shop.v1.events.list({"types": kinds, "limit": 3})
    assert [event.type for event in listed.data] == [kinds[0], kinds[2], kinds[1]]
    assert listed.data[0].data.object["id"] == done.id
    assert plain(listed.data[1].data.previous_attributes) == {"status": "incomplete"}
    shop.v1.subscriptions.update(subscription.id, {"metadata": {"vmid": "9001"}})
    changed = shop.v1.events.list({"type": "customer.subscription.*", "limit": 1}).data[0]
    assert plain(changed.data.previous_attributes) == {"metadata": {"vmid": None}}
    assert changed.request is not None
    assert changed.request.id is not None
    again = shop.v1.events.retrieve(listed.data[2].id)
    assert again.data.object["status"] == "incomplete"
    since = shop.v1.events.list({"created": {"gte": changed.created}, "limit": 100})
    assert changed.id in [event.id for event in since.auto_paging_iter()]
    with pytest.raises(stripe.InvalidRequestError, match="up to 20"):
        shop.v1.events.list({"types": ["checkout.session.completed"] * 21})


def the_list_of_events_can_lag(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    sandbox.set(events_lag_ms=100_000)
    session = order(sandbox, shop, "lagging")
    shop.v1.checkout.sessions.expire(session.id)

    def seen() -> bool:
        listed = shop.v1.events.list({"type": "checkout.session.expired", "limit": 5}).data
        return any(event.data.object["id"] == session.id for event in listed)

    assert not seen()
    sandbox.set(events_lag_ms=0)
    assert seen()


def a_delivered_event_proves_itself(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    with Sink(statuses=[500, 302]) as sink:
        endpoint = shop.v1.webhook_endpoints.create(
            {"url": sink.url, "enabled_events": ["checkout.session.completed", "checkout.session.expired"]},
        )
        assert endpoint.secret is not None
        session = order(sandbox, shop, "hook")
        shop.v1.checkout.sessions.expire(session.id)
        tries = sink.wait_for("checkout.session.expired", 3)
        event = stripe.Webhook.construct_event(tries[2].body, tries[2].signature, endpoint.secret)
        assert (event.type, event.data.object["id"]) == ("checkout.session.expired", session.id)
        for body, secret in ((tries[2].body, "whsec_other"), (tries[2].body + b" ", endpoint.secret)):
            with pytest.raises(stripe.SignatureVerificationError):
                stripe.Webhook.construct_event(body, tries[2].signature, secret)
        bought(sandbox, shop, "hook2")
        sink.wait_for("checkout.session.completed")
        assert {delivery.event["type"] for delivery in sink.deliveries} == {
            "checkout.session.completed",
            "checkout.session.expired",
        }
        shop.v1.webhook_endpoints.delete(endpoint.id)


def both_secrets_sign_while_one_is_changed(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    with Sink() as sink:
        sandbox.control("PUT", "/stripe/webhook-endpoint", {"url": sink.url, "secret": "whsec_old"})
        new = str(sandbox.control("POST", "/stripe/webhook-endpoint/roll", {})["secret"])
        shop.v1.checkout.sessions.expire(order(sandbox, shop, "roll").id)
        delivery = sink.wait_for("checkout.session.expired")[0]
        assert delivery.signature.count("v1=") == 2
        for secret in ("whsec_old", new):
            stripe.Webhook.construct_event(delivery.body, delivery.signature, secret)
        sandbox.control("PUT", "/stripe/webhook-endpoint", {"url": None})


def an_endpoint_is_changed_disabled_listed_and_deleted(shop: stripe.StripeClient) -> None:
    endpoint = shop.v1.webhook_endpoints.create({"url": "http://127.0.0.1:9/x", "enabled_events": ["invoice.paid"]})
    read = shop.v1.webhook_endpoints.retrieve(endpoint.id)
    assert (getattr(read, "secret", None), read.status) == (None, "enabled")
    changed = shop.v1.webhook_endpoints.update(endpoint.id, {"disabled": True, "enabled_events": ["*"]})
    assert (changed.status, changed.enabled_events) == ("disabled", ["*"])
    assert endpoint.id in [item.id for item in shop.v1.webhook_endpoints.list().data]
    assert shop.v1.webhook_endpoints.delete(endpoint.id).deleted is True
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.webhook_endpoints.retrieve(endpoint.id)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.webhook_endpoints.create({"url": "nowhere", "enabled_events": ["*"]})
    assert refused.value.code == "url_invalid"
