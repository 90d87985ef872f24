"""Stripe's own library: subscriptions, invoices, payments, refunds and test clocks."""

from __future__ import annotations

from typing import cast

import pytest
import stripe

from tests.clients.sandbox import Sandbox
from tests.clients.shop import bought, client, eventually, plain

DAY = 86_400


@pytest.fixture
def shop(sandbox: Sandbox) -> stripe.StripeClient:
    """Give the library."""
    return client(sandbox)


def item_of(subscription: stripe.Subscription) -> stripe.SubscriptionItem:
    """Give the one item."""
    items = cast("stripe.ListObject[stripe.SubscriptionItem]", subscription["items"])
    return items.data[0]


def on_a_clock(
    sandbox: Sandbox, shop: stripe.StripeClient, card: str
) -> tuple[stripe.test_helpers.TestClock, stripe.Customer]:
    """Make a customer whose time stands still."""
    now = int(sandbox.control("GET", "/state/clock")["now"])
    clock = shop.v1.test_helpers.test_clocks.create({"frozen_time": now, "name": "trial"})
    customer = shop.v1.customers.create(
        {
            "email": "clock@example.jp",
            "test_clock": clock.id,
            "payment_method": card,
            "invoice_settings": {"default_payment_method": card},
        },
    )
    return clock, customer


def advance(shop: stripe.StripeClient, clock: str, to: int) -> None:
    """Move a test clock on and wait until it has arrived."""
    moving = shop.v1.test_helpers.test_clocks.advance(clock, {"frozen_time": to})
    assert moving.status == "advancing"
    eventually(
        lambda: shop.v1.test_helpers.test_clocks.retrieve(clock).status == "ready" or None,
        "the clock's arrival",
    )


def a_bought_subscription_is_active_for_its_period(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    _, subscription = bought(sandbox, shop, "active")
    assert (subscription.status, subscription.cancel_at_period_end, subscription.cancel_at) == ("active", False, None)
    item = item_of(subscription)
    assert item.current_period_end - item.current_period_start == 7 * DAY
    assert "current_period_end" not in subscription
    assert subscription.metadata["subdomain"] == "active"
    read = shop.v1.subscriptions.retrieve(subscription.id, {"expand": ["customer", "latest_invoice.payments"]})
    assert isinstance(read.customer, stripe.Customer)
    assert isinstance(read.latest_invoice, stripe.Invoice)
    assert read.latest_invoice.payments is not None
    assert read.latest_invoice.payments.data[0].status == "paid"


def metadata_is_merged_removed_and_cleared(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    _, subscription = bought(sandbox, shop, "merge")
    merged = shop.v1.subscriptions.update(subscription.id, {"metadata": {"vmid": "9001", "url": "https://x"}})
    assert (merged.metadata["subdomain"], merged.metadata["vmid"]) == ("merge", "9001")
    removed = shop.v1.subscriptions.update(subscription.id, {"metadata": {"url": ""}})
    assert "url" not in removed.metadata
    assert removed.metadata["vmid"] == "9001"
    cleared = shop.v1.subscriptions.update(subscription.id, {"metadata": ""})
    assert plain(cleared.metadata) == {}


def each_metadata_bound_is_kept(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    _, subscription = bought(sandbox, shop, "bounds")
    over = [{"k" * 41: "v"}, {"k": "v" * 501}, {f"k{n}": "v" for n in range(51)}]
    for metadata in [*over, {"k]": "v"}, {"a]b": "v"}, {"[k": "v"}, {"a[b]c": "v"}]:
        with pytest.raises(stripe.InvalidRequestError):
            shop.v1.subscriptions.update(subscription.id, {"metadata": metadata})
    assert plain(shop.v1.subscriptions.retrieve(subscription.id).metadata) == plain(subscription.metadata)


def an_end_is_set_unset_and_set_to_a_date(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    _, subscription = bought(sandbox, shop, "end")
    end = item_of(subscription).current_period_end
    ending = shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert (ending.status, ending.cancel_at_period_end, ending.cancel_at, ending.ended_at) == (
        "active",
        True,
        end,
        None,
    )
    assert ending.canceled_at is not None
    again = shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert (again.cancel_at, again.canceled_at) == (None, None)
    dated = shop.v1.subscriptions.update(
        subscription.id,
        {"cancel_at": end - DAY, "proration_behavior": "none"},
    )
    assert (dated.cancel_at, dated.cancel_at_period_end) == (end - DAY, False)
    with pytest.raises(stripe.InvalidRequestError, match="future"):
        shop.v1.subscriptions.update(subscription.id, {"cancel_at": 1_000_000_000})
    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        shop.v1.subscriptions.update(subscription.id, {"cancel_at": end, "cancel_at_period_end": True})


def a_subscription_ends_with_its_period_and_sends_its_metadata_along(
    sandbox: Sandbox, shop: stripe.StripeClient
) -> None:
    _, subscription = bought(sandbox, shop, "period")
    shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    sandbox.control("POST", "/clock/jump", {"seconds": 7 * DAY + 5})
    ended = shop.v1.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.ended_at) == ("canceled", item_of(subscription).current_period_end)
    deleted = shop.v1.events.list({"type": "customer.subscription.deleted"}).data
    event = next(event for event in deleted if event.data.object["id"] == subscription.id)
    assert event.data.object["metadata"]["subdomain"] == "period"
    assert event.request is not None
    assert event.request.id is None
    assert len(shop.v1.invoices.list({"subscription": subscription.id}).data) == 1


def a_subscription_without_an_end_renews(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    _, subscription = bought(sandbox, shop, "renew")
    sandbox.control("POST", "/clock/jump", {"seconds": 7 * DAY + 5})
    draft = shop.v1.invoices.list({"subscription": subscription.id}).data[0]
    assert (draft.status, draft.billing_reason) == ("draft", "subscription_cycle")
    sandbox.control("POST", "/clock/jump", {"seconds": 3_600})
    assert draft.id is not None
    assert shop.v1.invoices.retrieve(draft.id).status == "paid"
    shop.v1.subscriptions.cancel(subscription.id)


def a_cancel_ends_it_now_and_the_second_one_finds_nothing(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    _, subscription = bought(sandbox, shop, "cancel")
    canceled = shop.v1.subscriptions.cancel(
        subscription.id,
        {"cancellation_details": {"comment": "x", "feedback": "unused"}},
    )
    assert (canceled.status, canceled.ended_at is not None) == ("canceled", True)
    assert canceled.cancellation_details is not None
    assert canceled.cancellation_details.reason == "cancellation_requested"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.subscriptions.cancel(subscription.id)
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError, match="cancellation_details"):
        shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert shop.v1.subscriptions.update(subscription.id, {"metadata": {"a": "b"}}).metadata["a"] == "b"


def a_list_leaves_canceled_ones_out_unless_asked_and_pages_to_the_end(
    sandbox: Sandbox, shop: stripe.StripeClient
) -> None:
    made = [bought(sandbox, shop, f"page{n}")[1].id for n in range(5)]
    shop.v1.subscriptions.cancel(made[0])

    def listed(status: str | None) -> list[str]:
        params: stripe.params.SubscriptionListParams = {"limit": 2}
        if status is not None:
            params["status"] = cast("stripe.params.SubscriptionListParams", {"status": status})["status"]
        found = [item.id for item in shop.v1.subscriptions.list(params).auto_paging_iter()]
        return [found_id for found_id in found if found_id in made]

    assert shop.v1.subscriptions.list({"status": "canceled", "limit": 100}).has_more is False
    assert listed(None) == made[:0:-1]
    assert listed("all") == made[::-1]
    assert listed("canceled") == made[:1]
    assert listed("ended") == made[:1]
    price = sandbox.secret("stripe_price_nginx_7d")
    assert shop.v1.subscriptions.list({"price": price, "limit": 1}).data[0].id == made[4]
    expanded = shop.v1.subscriptions.list({"limit": 1, "expand": ["data.customer", "data.latest_invoice"]})
    assert isinstance(expanded.data[0].customer, stripe.Customer)


def a_search_lags_where_a_list_does_not(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    sandbox.set(search_lag_ms=100_000)
    _, subscription = bought(sandbox, shop, "search")
    query = "metadata['subdomain']:'search'"
    assert shop.v1.subscriptions.list({"limit": 1}).data[0].id == subscription.id
    assert shop.v1.subscriptions.search({"query": query}).data == []
    sandbox.set(search_lag_ms=0)
    found = shop.v1.subscriptions.search({"query": query}).data
    assert [item.id for item in found] == [subscription.id]
    assert shop.v1.subscriptions.search({"query": f"status:'canceled' AND {query}"}).data == []
    with pytest.raises(stripe.InvalidRequestError, match="parse"):
        shop.v1.subscriptions.search({"query": "nonsense"})


def a_first_invoice_leads_over_its_payment_to_a_refund(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    done, subscription = bought(sandbox, shop, "refund")
    links = shop.v1.invoice_payments.list({"invoice": cast("str", done.invoice), "status": "paid"})
    assert [link.is_default for link in links.data] == [True]
    intent_id = cast("str", links.data[0].payment.payment_intent)
    by_intent = shop.v1.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": intent_id}})
    assert by_intent.data[0].id == links.data[0].id
    intent = shop.v1.payment_intents.retrieve(intent_id, {"expand": ["latest_charge"]})
    assert (intent.status, intent.amount_received) == ("succeeded", 500)
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert intent.latest_charge.disputed is False
    part = shop.v1.refunds.create({"payment_intent": intent_id, "amount": 200, "reason": "requested_by_customer"})
    assert (part.status, part.amount, part.payment_intent) == ("succeeded", 200, intent_id)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded") as refused:
        shop.v1.refunds.create({"payment_intent": intent_id, "amount": 301})
    assert refused.value.param == "amount"
    rest = shop.v1.refunds.create({"payment_intent": intent_id, "metadata": {"why": "x"}})
    assert rest.amount == 300
    with pytest.raises(stripe.InvalidRequestError) as twice:
        shop.v1.refunds.create({"payment_intent": intent_id})
    assert (twice.value.http_status, twice.value.code) == (400, "charge_already_refunded")
    listed = shop.v1.refunds.list({"payment_intent": intent_id})
    assert [refund.id for refund in listed.data] == [rest.id, part.id]
    assert shop.v1.refunds.retrieve(part.id).amount == 200
    assert shop.v1.charges.retrieve(intent.latest_charge.id).refunded is True
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "active"


def a_disputed_payment_is_not_refunded(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    done, _ = bought(sandbox, shop, "dispute")
    links = shop.v1.invoice_payments.list({"invoice": cast("str", done.invoice)})
    intent = cast("str", links.data[0].payment.payment_intent)
    sandbox.control("POST", f"/stripe/payments/{intent}/dispute", {})
    charge = shop.v1.payment_intents.retrieve(intent, {"expand": ["latest_charge"]}).latest_charge
    assert isinstance(charge, stripe.Charge)
    assert charge.disputed is True
    event = shop.v1.events.list({"type": "charge.dispute.created"}).data[0]
    assert event.data.object["payment_intent"] == intent
    assert shop.v1.disputes.retrieve(event.data.object["id"]).status == "needs_response"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.refunds.create({"payment_intent": intent})
    assert refused.value.code == "charge_disputed"


def an_invoice_says_whose_it_is_and_is_listed_by_it(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    done, subscription = bought(sandbox, shop, "invoice")
    invoice = shop.v1.invoices.retrieve(cast("str", done.invoice), {"expand": ["payments.data.payment.payment_intent"]})
    assert invoice.parent is not None
    assert invoice.parent.subscription_details is not None
    assert invoice.parent.subscription_details.subscription == subscription.id
    assert "payment_intent" not in invoice
    assert (invoice.lines.data[0].amount, invoice.total) == (500, 500)
    assert [i.id for i in shop.v1.invoices.list({"customer": cast("str", done.customer)}).data] == [invoice.id]
    assert invoice.id not in [i.id for i in shop.v1.invoices.list({"status": "draft"}).data]


def a_test_clock_lets_a_week_pass_for_its_customer_alone(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    clock, customer = on_a_clock(sandbox, shop, "pm_card_visa")
    _, other = bought(sandbox, shop, "no-clock")
    price = sandbox.secret("stripe_price_nginx_7d")
    mine = shop.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price}], "metadata": {"a": "b"}})
    assert (mine.status, mine.test_clock) == ("active", clock.id)
    shop.v1.subscriptions.update(mine.id, {"cancel_at_period_end": True})
    advance(shop, clock.id, clock.frozen_time + 8 * DAY)
    assert shop.v1.subscriptions.retrieve(mine.id).status == "canceled"
    assert shop.v1.subscriptions.retrieve(other.id).status == "active"
    assert clock.id in [item.id for item in shop.v1.test_helpers.test_clocks.list().data]
    with pytest.raises(stripe.InvalidRequestError, match="after"):
        shop.v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": clock.frozen_time})
    assert shop.v1.test_helpers.test_clocks.delete(clock.id).deleted is True
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.customers.retrieve(customer.id)


def a_renewal_that_is_declined_makes_it_past_due(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    clock, customer = on_a_clock(sandbox, shop, "pm_card_visa")
    price = sandbox.secret("stripe_price_nginx_7d")
    mine = shop.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price}]})
    shop.v1.customers.update(customer.id, {"invoice_settings": {"default_payment_method": "pm_card_chargeDeclined"}})
    advance(shop, clock.id, clock.frozen_time + 7 * DAY + 7_200)
    late = shop.v1.subscriptions.retrieve(mine.id, {"expand": ["latest_invoice"]})
    assert late.status == "past_due"
    assert isinstance(late.latest_invoice, stripe.Invoice)
    assert (late.latest_invoice.status, late.latest_invoice.billing_reason) == ("open", "subscription_cycle")


def a_first_payment_that_is_declined_makes_it_incomplete_for_a_day(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    clock, customer = on_a_clock(sandbox, shop, "pm_card_chargeDeclined")
    price = sandbox.secret("stripe_price_nginx_7d")
    mine = shop.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price, "quantity": 1}]})
    assert mine.status == "incomplete"
    advance(shop, clock.id, clock.frozen_time + 23 * 3_600 + 1)
    assert shop.v1.subscriptions.retrieve(mine.id).status == "incomplete_expired"
    assert mine.id in [item.id for item in shop.v1.subscriptions.list({"status": "ended", "limit": 100}).data]
    with pytest.raises(stripe.CardError) as declined:
        shop.v1.subscriptions.create(
            {"customer": customer.id, "items": [{"price": price}], "payment_behavior": "error_if_incomplete"},
        )
    assert declined.value.code == "card_declined"


def a_customer_without_a_card_can_not_subscribe(sandbox: Sandbox, shop: stripe.StripeClient) -> None:
    customer = shop.v1.customers.create({"email": "nocard@example.jp"})
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        shop.v1.subscriptions.create(
            {"customer": customer.id, "items": [{"price": sandbox.secret("stripe_price_nginx_7d")}]},
        )


def a_payment_by_itself_succeeds_fails_and_is_canceled(shop: stripe.StripeClient) -> None:
    good = shop.v1.payment_intents.create(
        {"amount": 1_000, "currency": "jpy", "payment_method": "pm_card_visa", "confirm": True},
    )
    assert (good.status, good.amount_received) == ("succeeded", 1_000)
    waiting = shop.v1.payment_intents.create({"amount": 1_000, "currency": "jpy"})
    assert waiting.status == "requires_payment_method"
    with pytest.raises(stripe.CardError) as declined:
        shop.v1.payment_intents.confirm(
            waiting.id,
            {"payment_method": "pm_card_chargeDeclinedInsufficientFunds"},
        )
    assert (declined.value.http_status, declined.value.code) == (402, "card_declined")
    assert declined.value.error is not None
    assert declined.value.error.decline_code == "insufficient_funds"
    failed = shop.v1.payment_intents.retrieve(waiting.id)
    assert failed.last_payment_error is not None
    assert failed.status == "requires_payment_method"
    assert shop.v1.payment_intents.cancel(waiting.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as late:
        shop.v1.payment_intents.confirm(waiting.id, {"payment_method": "pm_card_visa"})
    assert late.value.code == "payment_intent_unexpected_state"
    assert good.id in [intent.id for intent in shop.v1.payment_intents.list({"limit": 3}).data]
