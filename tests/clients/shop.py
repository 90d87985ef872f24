"""What the Stripe tests need: the library wired to the sandbox, and somebody who orders and pays."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

import requests
import stripe
from stripe.checkout import Session

from tests.clients.sandbox import Sandbox

T = TypeVar("T")


def client(sandbox: Sandbox, key: str | None = None) -> stripe.StripeClient:
    """Give the library, told another address and nothing else."""
    return stripe.StripeClient(
        key or sandbox.secret("stripe_secret_key"),
        base_addresses={"api": sandbox.addresses["stripe"]},
        max_network_retries=0,
    )


def order(sandbox: Sandbox, shop: stripe.StripeClient, name: str, said: str = "once") -> Session:
    """Open a checkout as the service does."""
    metadata = {"subdomain": name, "oss_type": "nginx", "duration_days": "7"}
    return shop.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "locale": "ja",
            "line_items": [{"price": sandbox.secret("stripe_price_nginx_7d"), "quantity": 1}],
            "customer_email": f"{name}@example.jp",
            "metadata": metadata,
            "subscription_data": {"metadata": metadata},
            "custom_text": {"submit": {"message": said}},
            "client_reference_id": f"form-{name}",
            "success_url": "https://tamesuke.example/success.html?session_id={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://tamesuke.example/cancel.html",
        },
    )


def pay(session: Session, card: str = "4242 4242 4242 4242") -> requests.Response:
    """Fill in the payment page."""
    assert session.url is not None
    return requests.post(session.url, data={"card": card}, allow_redirects=False, timeout=10)


def bought(sandbox: Sandbox, shop: stripe.StripeClient, name: str) -> tuple[Session, stripe.Subscription]:
    """Order and pay; give the session and the subscription it became."""
    session = order(sandbox, shop, name)
    assert pay(session).status_code == 303
    done = shop.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
    assert isinstance(done.subscription, stripe.Subscription)
    return done, done.subscription


def plain(value: object) -> object:
    """Give an object of the library's as the JSON it was read from."""
    return cast("Any", value).to_dict()


def eventually(look: Callable[[], T | None], what: str, limit: float = 10) -> T:
    """Look until there is something."""
    until = time.monotonic() + limit
    while time.monotonic() < until:
        seen = look()
        if seen is not None:
            return seen
        time.sleep(0.02)
    msg = f"{what} did not happen within {limit} s"
    raise AssertionError(msg)
