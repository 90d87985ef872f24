"""What Schemathesis can't draw: Stripe's signature, and an order that exists.

Read by `cargo xtask test api` through SCHEMATHESIS_HOOKS. It never changes what an answer is checked for.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from typing import TYPE_CHECKING, Any

import schemathesis
from requests.auth import AuthBase

if TYPE_CHECKING:
    from requests import PreparedRequest

SIGNATURE = "Stripe-Signature"
SECRET = os.environ["API_WEBHOOK_SECRET"].encode()
INSTANCE = os.environ["API_INSTANCE"]
"""The mark of this installation on what it sells."""
READY = os.environ["API_READY"]
"""An order whose trial is ready: its stream of events ends at once; others go on while one listens."""


class Stripe(AuthBase):
    """Signs the bytes that are sent, as Stripe does."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the signature of the prepared body."""
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else bytes(body)
        stamp = str(int(time.time()))
        digest = hmac.new(SECRET, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        request.headers[SIGNATURE] = f"t={stamp},v1={digest}"
        return request


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:  # noqa: ANN401, ARG001  (their signature)
    """Sign webhooks that were drawn without a signature: the body is read behind it only."""
    if case.operation.path == "/webhook/stripe" and SIGNATURE not in (case.headers or {}):
        kwargs["auth"] = Stripe()


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:  # noqa: ANN401, ARG001  (their signature)
    """Give the calls about an order one that exists, and the webhook an event that concerns it."""
    for item in raw_schema["paths"].values():
        for parameter in item.get("get", {}).get("parameters", []):
            if parameter["name"] == "id":
                parameter["example"] = READY
    content = raw_schema["paths"]["/webhook/stripe"]["post"]["requestBody"]["content"]["application/json"]
    content["examples"] = {kind: {"value": event(kind)} for kind in ("checkout.session.completed", "invoice.paid")}


def event(kind: str) -> dict[str, Any]:
    """Make an event about the order that is ready."""
    metadata = {"subdomain": "ready", "tmsk_inst": INSTANCE}
    session = {"id": READY, "object": "checkout.session", "metadata": metadata}
    return {"id": "evt_1", "type": kind, "created": int(time.time()), "livemode": False, "data": {"object": session}}
