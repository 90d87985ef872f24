"""Stripe's own library: catalogue, customers and checkout sessions."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest
import requests
import stripe

from tests.clients.sandbox import Sandbox
from tests.clients.shop import bought, client, order, pay, plain


@pytest.fixture
def shop(sandbox: Sandbox) -> stripe.StripeClient:
    """Give the library."""
    return client(sandbox)


def a_product_is_made_changed_listed_and_deleted(shop: stripe.StripeClient) -> None:
    product = shop.v1.products.create({"name": "GROWI お試し", "metadata": {"oss_type": "growi"}})
    assert (product.object, product.active, product.metadata["oss_type"]) == ("product", True, "growi")
    changed = shop.v1.products.update(product.id, {"active": False, "description": "Wiki"})
    assert (changed.active, changed.description) == (False, "Wiki")
    inactive = shop.v1.products.list({"active": False})
    assert product.id in [item.id for item in inactive.data]
    assert shop.v1.products.list({"ids": [product.id]}).data[0].id == product.id
    assert shop.v1.products.delete(product.id).deleted is True
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.products.retrieve(product.id)


def a_price_recurs_every_so_many_days_and_can_be_retired(shop: stripe.StripeClient) -> None:
    price = shop.v1.prices.create(
        {
            "currency": "jpy",
            "unit_amount": 700,
            "product_data": {"name": "Snipe-IT"},
            "recurring": {"interval": "day", "interval_count": 14},
            "lookup_key": "snipeit-14",
        },
    )
    assert price.recurring is not None
    assert (price.recurring.interval, price.recurring.interval_count, price.unit_amount) == ("day", 14, 700)
    assert isinstance(price.product, str)
    product = shop.v1.prices.retrieve(price.id, {"expand": ["product"]}).product
    assert isinstance(product, stripe.Product)
    assert product.name == "Snipe-IT"
    assert shop.v1.prices.list({"lookup_keys": ["snipeit-14"]}).data[0].id == price.id
    assert shop.v1.prices.list({"product": price.product}).data[0].id == price.id
    retired = shop.v1.prices.update(price.id, {"active": False})
    assert retired.active is False
    with pytest.raises(stripe.InvalidRequestError, match="inactive"):
        shop.v1.checkout.sessions.create(
            {
                "mode": "subscription",
                "line_items": [{"price": price.id, "quantity": 1}],
                "success_url": "https://x.example",
            },
        )


def a_product_with_prices_is_not_deleted(shop: stripe.StripeClient) -> None:
    price = shop.v1.prices.create({"currency": "jpy", "unit_amount": 100, "product_data": {"name": "x"}})
    assert price.type == "one_time"
    with pytest.raises(stripe.InvalidRequestError, match="cannot be deleted"):
        shop.v1.products.delete(cast("str", price.product))


def a_customer_is_made_changed_found_and_deleted(shop: stripe.StripeClient) -> None:
    customer = shop.v1.customers.create({"email": "taro@example.jp", "metadata": {"company_name": "例社"}})
    assert customer.name is None
    changed = shop.v1.customers.update(customer.id, {"name": "例社", "metadata": {"tmsk_mail": "x"}})
    assert (changed.name, plain(changed.metadata)) == ("例社", {"company_name": "例社", "tmsk_mail": "x"})
    assert [item.id for item in shop.v1.customers.list({"email": "taro@example.jp"}).data] == [customer.id]
    assert shop.v1.customers.delete(customer.id).deleted is True
    gone = shop.v1.customers.retrieve(customer.id)
    assert (getattr(gone, "deleted", None), getattr(gone, "email", None)) == (True, None)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.customers.update(customer.id, {"name": "y"})
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


def a_customer_address_that_is_none_is_refused(shop: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.customers.create({"email": "nobody"})
    assert (refused.value.code, refused.value.param) == ("email_invalid", "email")


def a_fresh_session_is_open_and_says_where_to_pay(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    session = order(sandbox, shop, "fresh")
    assert (session.status, session.payment_status, session.mode) == ("open", "unpaid", "subscription")
    assert (session.customer, session.subscription, session.invoice, session.payment_intent) == (None,) * 4
    assert session.url is not None
    assert session.id in session.url
    assert session.expires_at - session.created == 86_400
    assert session.success_url is not None
    assert "{CHECKOUT_SESSION_ID}" in session.success_url
    assert (session.amount_total, session.currency, session.locale) == (500, "jpy", "ja")
    assert session.client_reference_id == "form-fresh"


def what_is_said_beside_the_pay_button_is_kept_and_shown_escaped(
    sandbox: Sandbox, shop: stripe.StripeClient
) -> None:
    said = "一度だけ <b>once</b> & never again"
    session = order(sandbox, shop, "beside", said)
    assert session.custom_text.submit is not None
    assert session.custom_text.submit.message == said
    assert session.url is not None
    page = requests.get(session.url, timeout=10).text
    assert "一度だけ &lt;b&gt;once&lt;/b&gt; &amp; never again" in page
    with pytest.raises(stripe.InvalidRequestError) as refused:
        order(sandbox, shop, "long", "長" * 1_201)
    assert refused.value.param == "custom_text[submit][message]"
    assert order(sandbox, shop, "longest", "長" * 1_200).status == "open"


def a_paid_session_is_complete_and_leads_to_all_that_was_made(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    session = order(sandbox, shop, "paid")
    answer = pay(session)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"https://tamesuke.example/success.html?session_id={session.id}",
    )
    done = shop.v1.checkout.sessions.retrieve(
        session.id,
        {"expand": ["subscription", "customer", "invoice", "line_items", "subscription.latest_invoice"]},
    )
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    assert isinstance(done.subscription, stripe.Subscription)
    assert isinstance(done.customer, stripe.Customer)
    assert isinstance(done.invoice, stripe.Invoice)
    assert done.customer_details is not None
    assert (done.customer.email, done.customer_details.email) == ("paid@example.jp", "paid@example.jp")
    assert (done.invoice.status, done.invoice.amount_paid, done.invoice.billing_reason) == (
        "paid",
        500,
        "subscription_create",
    )
    assert isinstance(done.subscription.latest_invoice, stripe.Invoice)
    assert done.subscription.latest_invoice.id == done.invoice.id
    assert done.line_items is not None
    assert done.line_items.data[0].amount_total == 500
    lines = shop.v1.checkout.sessions.line_items.list(session.id)
    assert [(line.object, line.quantity) for line in lines.data] == [("item", 1)]


def a_declined_card_leaves_the_session_open(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    session = order(sandbox, shop, "declined")
    for card, words in (
        ("4000000000000002", "declined"),
        ("4000000000009995", "insufficient"),
        ("4000000000000069", "expired"),
        ("4000000000000341", "declined"),
    ):
        answer = pay(session, card)
        assert answer.status_code == 200
        assert words in answer.text
    assert shop.v1.checkout.sessions.retrieve(session.id).status == "open"


def a_card_that_needs_the_bank_pays_only_behind_its_page(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    session = order(sandbox, shop, "bank")
    card = "4000 0000 0000 3220"
    assert session.url is not None
    assert "3D Secure" in pay(session, card).text
    refused = requests.post(session.url, data={"card": card, "bank": "fail"}, allow_redirects=False, timeout=10)
    assert "unable to authenticate" in refused.text
    assert shop.v1.checkout.sessions.retrieve(session.id).status == "open"
    passed = requests.post(session.url, data={"card": card, "bank": "complete"}, allow_redirects=False, timeout=10)
    assert passed.status_code == 303
    assert shop.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def a_session_expires_once_and_says_so_the_second_time(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    session = order(sandbox, shop, "lapse")
    expired = shop.v1.checkout.sessions.expire(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.checkout.sessions.expire(session.id)
    assert refused.value.http_status == 400
    assert 'status in ["open"]' in str(refused.value)
    assert session.url is not None
    assert "終了" in requests.get(session.url, timeout=10).text


def a_session_lapses_when_its_time_has_come(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    session = order(sandbox, shop, "timeout")
    sandbox.control("POST", "/clock/jump", {"seconds": 86_401})
    assert shop.v1.checkout.sessions.retrieve(session.id).status == "expired"
    found = shop.v1.events.list({"type": "checkout.session.expired"}).data
    assert session.id in [event.data.object["id"] for event in found]


def each_bound_of_expires_at_is_kept(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    now = int(sandbox.control("GET", "/state/clock")["now"])
    base: dict[str, Any] = {
        "mode": "subscription",
        "line_items": [{"price": sandbox.secret("stripe_price_nginx_7d"), "quantity": 1}],
        "success_url": "https://x.example",
    }
    for offset, words in ((60, "at least 30 minutes"), (90_000, "less than 24 hours")):
        with pytest.raises(stripe.InvalidRequestError, match=words) as refused:
            shop.v1.checkout.sessions.create(cast("Any", {**base, "expires_at": now + offset}))
        assert refused.value.param == "expires_at"
    assert shop.v1.checkout.sessions.create(cast("Any", {**base, "expires_at": now + 1_860})).status == "open"


def a_session_takes_a_customer_or_an_address_but_not_both(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    customer = shop.v1.customers.create({"email": "known@example.jp"})
    base: dict[str, Any] = {
        "mode": "subscription",
        "line_items": [{"price": sandbox.secret("stripe_price_nginx_7d"), "quantity": 2}],
        "success_url": "https://x.example",
        "customer": customer.id,
    }
    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        shop.v1.checkout.sessions.create(cast("Any", {**base, "customer_email": "a@example.jp"}))
    session = shop.v1.checkout.sessions.create(cast("Any", base))
    assert (session.customer, session.amount_total) == (customer.id, 1_000)
    pay(session)
    done = shop.v1.checkout.sessions.retrieve(session.id)
    assert done.customer == customer.id


def the_list_of_sessions_is_strong_newest_first_and_filtered(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    first, second = order(sandbox, shop, "list1"), order(sandbox, shop, "list2")
    newest = shop.v1.checkout.sessions.list({"limit": 2})
    assert [session.id for session in newest.data] == [second.id, first.id]
    assert newest.has_more is True
    shop.v1.checkout.sessions.expire(second.id)
    assert shop.v1.checkout.sessions.list({"status": "open", "limit": 1}).data[0].id == first.id
    assert shop.v1.checkout.sessions.list({"status": "expired", "limit": 1}).data[0].id == second.id
    before = shop.v1.checkout.sessions.list({"ending_before": first.id})
    assert [session.id for session in before.data] == [second.id]
    since = shop.v1.checkout.sessions.list({"created": {"gte": first.created}, "limit": 100})
    assert {first.id, second.id} <= {session.id for session in since.data}
    done, subscription = bought(sandbox, shop, "list3")
    assert [s.id for s in shop.v1.checkout.sessions.list({"subscription": subscription.id}).data] == [done.id]


def a_payment_that_comes_later_completes_the_session_unpaid(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    for succeeds, payment, status in ((True, "paid", "active"), (False, "unpaid", "past_due")):
        session = order(sandbox, shop, f"later-{payment}")
        pay(session, "konbini")
        waiting = shop.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription.latest_invoice"]})
        assert (waiting.status, waiting.payment_status) == ("complete", "unpaid")
        assert isinstance(waiting.subscription, stripe.Subscription)
        assert isinstance(waiting.subscription.latest_invoice, stripe.Invoice)
        assert waiting.subscription.latest_invoice.status == "open"
        sandbox.control("POST", f"/stripe/sessions/{session.id}/settle", {"succeeds": succeeds})
        done = shop.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
        assert isinstance(done.subscription, stripe.Subscription)
        assert (done.payment_status, done.subscription.status) == (payment, status)
        word = "succeeded" if succeeds else "failed"
        events = shop.v1.events.list({"type": f"checkout.session.async_payment_{word}"})
        assert events.data[0].data.object["id"] == session.id


def a_portal_session_leads_to_a_page(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    done, _ = bought(sandbox, shop, "portal")
    session = shop.v1.billing_portal.sessions.create(
        {"customer": cast("str", done.customer), "return_url": "https://x.example"},
    )
    assert session.url.startswith("http")


def the_portal_is_closed_where_nobody_saved_its_settings(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    done, _ = bought(sandbox, shop, "closed")
    sandbox.set(portal_configured=False)
    with pytest.raises(stripe.InvalidRequestError, match="No configuration provided"):
        shop.v1.billing_portal.sessions.create({"customer": cast("str", done.customer)})


def the_clock_of_an_answer_is_the_worlds(sandbox: Sandbox) -> None:
    sandbox.control("POST", "/clock/jump", {"seconds": 3_600})
    url = f"{sandbox.addresses['stripe']}/v1/prices"
    answer = requests.get(url, auth=(sandbox.secret("stripe_secret_key"), ""), timeout=10)
    assert answer.status_code == 200
    stamp = time.mktime(time.strptime(answer.headers["date"], "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone
    assert abs(stamp - int(sandbox.control("GET", "/state/clock")["now"])) <= 2
