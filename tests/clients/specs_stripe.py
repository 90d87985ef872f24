"""Stripe's objects and parameters against the type declarations of its own client."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from jsonschema import Draft202012Validator

Schema = dict[str, Any]

OBJECTS = {
    "checkout.session": "CheckoutSession",
    "subscription": "Subscription",
    "subscription_item": "SubscriptionItem",
    "customer": "Customer",
    "price": "Price",
    "product": "Product",
    "refund": "Refund",
    "invoice": "Invoice",
    "payment_intent": "PaymentIntent",
    "invoice_payment": "InvoicePayment",
    "billing_portal.session": "BillingPortalSession",
}
"""Kinds that the public schemas have."""

EVENTS = {"customer.subscription.deleted": "SubDeleted", "checkout.session.completed": "CsCompleted"}

PARAMETERS = {
    ("POST", "checkout/sessions"): "CheckoutSessionCreate",
    ("GET", "checkout/sessions"): "CheckoutSessionList",
    ("POST", "subscriptions/*"): "SubscriptionUpdate",
    ("GET", "subscriptions"): "SubscriptionList",
    ("DELETE", "subscriptions/*"): "SubscriptionCancel",
    ("POST", "customers/*"): "CustomerUpdate",
    ("POST", "customers"): "CustomerCreate",
    ("POST", "refunds"): "RefundCreate",
    ("GET", "events"): "EventList",
    ("POST", "prices"): "PriceCreate",
    ("POST", "products"): "ProductCreate",
    ("POST", "billing_portal/sessions"): "BillingPortalSessionCreate",
    ("GET", "invoice_payments"): "InvoicePaymentList",
    ("POST", "webhook_endpoints"): "WebhookEndpointCreate",
}

PAGING: Schema = {
    "limit": {"type": "number"},
    "starting_after": {"type": "string"},
    "ending_before": {"type": "string"},
}
EXPAND: Schema = {"expand": {"type": "array", "items": {"type": "string"}}}
TYPES = {
    400: {"invalid_request_error", "idempotency_error"},
    401: {"invalid_request_error"},
    402: {"card_error"},
    403: {"invalid_request_error"},
    404: {"invalid_request_error"},
    409: {"invalid_request_error", "idempotency_error"},
    429: {"invalid_request_error"},
}
"""Which types of errors come with which status (contracts, 2.2)."""


class StripeSpecs:
    """The schemas, closed: neither an answer nor a request may hold a name that they don't know."""

    def __init__(self, document: Schema) -> None:
        """Read the document."""
        self.definitions = closed(document["$defs"])
        self.roots = document["roots"]
        self.validators: dict[str, Draft202012Validator] = {}

    def answer(self, exchange: dict[str, Any]) -> tuple[str, list[str]]:
        """Check an answer: an error's shape, or each object in it."""
        read = json.loads(exchange["answer"])
        if exchange["status"] >= 400:
            return "shape", wrong_error(exchange["status"], read)
        if read.get("object") in ("list", "search_result"):
            kinds, problems = set(), wrong_list(read, exchange)
            for item in read["data"]:
                kind, found = self.whole(item)
                kinds.add(kind)
                problems += found
            return ("shape" if "shape" in kinds else "schema"), problems
        return self.whole(read)

    def whole(self, value: dict[str, Any]) -> tuple[str, list[str]]:
        """Check an object and all that was expanded in it."""
        kind, problems, found = self.one(value)
        while found:
            _, more, deeper = self.one(found.pop())
            problems += more
            found += deeper
        return kind, problems

    def one(self, value: dict[str, Any]) -> tuple[str, list[str], list[dict[str, Any]]]:
        """Check an object; give the expanded ones in it, unchecked."""
        kind = value.get("object")
        if value.get("deleted") is True:
            wrong = [] if set(value) == {"id", "object", "deleted"} else [f"a deleted {kind} shows {sorted(value)}"]
            return "shape", wrong, []
        if kind == "event":
            return self.event(value)
        root = OBJECTS.get(str(kind))
        if root is None:
            wrong = (
                [] if isinstance(value.get("id"), str) and isinstance(kind, str) else [f"no id or object in {value}"]
            )
            return "shape", wrong, []
        expanded: list[dict[str, Any]] = []
        folded = self.fold(value, self.roots[root], expanded)
        return "schema", self.validate(root, folded), expanded

    def event(self, event: dict[str, Any]) -> tuple[str, list[str], list[dict[str, Any]]]:
        """Check an event: its envelope, and its object as what it is."""
        root = EVENTS.get(event.get("type", ""))
        bare = {**event, "type": "checkout.session.completed", "data": {"object": None}}
        problems = [text for text in self.validate("CsCompleted", bare) if not text.startswith("data")]
        subject = event["data"]["object"]
        problems += [] if root is None or subject.get("object") else ["an event without an object"]
        return ("schema" if subject.get("object") in OBJECTS else "shape"), problems, [subject]

    def validate(self, root: str, value: object) -> list[str]:
        """Validate against a root; say what is wrong and where."""
        if root not in self.validators:
            self.validators[root] = Draft202012Validator({**self.roots[root], "$defs": self.definitions})
        errors = self.validators[root].iter_errors(value)
        return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in errors]

    def resolve(self, schema: Schema) -> Schema:
        """Follow references."""
        while "$ref" in schema:
            schema = self.definitions[schema["$ref"].removeprefix("#/$defs/")]
        return schema

    def branches(self, schema: Schema) -> Iterator[Schema]:
        """Give the alternatives of a schema."""
        resolved = self.resolve(schema)
        if "anyOf" in resolved:
            for branch in resolved["anyOf"]:
                yield from self.branches(branch)
        else:
            yield resolved

    def fold(self, value: Any, schema: Schema, found: list[dict[str, Any]]) -> Any:
        """Put ids in the place of expanded objects: the schemas show expandable fields as ids."""
        branches = list(self.branches(schema))
        if isinstance(value, list):
            items: Schema = next((branch["items"] for branch in branches if "items" in branch), {})
            return [self.fold(item, items, found) for item in value]
        if not isinstance(value, dict):
            return value
        takes = [b for b in branches if not b or "object" in types(b)]
        if not takes and "id" in value:
            found.append(value)
            return value["id"]
        properties: Schema = {}
        for branch in takes:
            properties.update(branch.get("properties", {}))
        return {name: self.fold(item, properties.get(name, {}), found) for name, item in value.items()}

    def request(self, exchange: dict[str, Any]) -> tuple[str, list[str]]:
        """Check the parameters of a call that was taken."""
        path = exchange["path"].removeprefix("/v1/")
        text = (exchange["body"] or "") if exchange["method"] == "POST" else exchange["query"]
        given = nested(text)
        name = PARAMETERS.get((exchange["method"], path)) or PARAMETERS.get((exchange["method"], starred(path)))
        if name is None:
            return self.unlisted(exchange, path, given)
        root = f"Params_{name}"
        return "schema", self.validate(root, self.coerce(given, self.roots[root]))

    def unlisted(self, exchange: dict[str, Any], path: str, given: dict[str, Any]) -> tuple[str, list[str]]:
        """Check a call without parameters of its own in the schemas: a read takes `expand` alone."""
        single = exchange["method"] == "GET" and "/" in path and not path.endswith(("search", "line_items"))
        if single and not path.startswith("test_helpers/"):
            return "shape", [f"a read takes no {name}" for name in given if name != "expand"]
        return "shape", []

    def coerce(self, value: Any, schema: Schema) -> Any:
        """Read form texts as what the schema says they are."""
        branches = list(self.branches(schema))
        if isinstance(value, dict):
            listed = next((branch for branch in branches if "items" in branch), None)
            if listed is not None and all(key == "" or key.isdigit() for key in value):
                texts = [
                    item for key in value for item in (value[key] if isinstance(value[key], list) else [value[key]])
                ]
                return [self.coerce(item, listed["items"]) for item in texts]
            properties: Schema = {}
            extra: Schema = {}
            for branch in branches:
                properties.update(branch.get("properties", {}))
                extra = (
                    branch["additionalProperties"] if isinstance(branch.get("additionalProperties"), dict) else extra
                )
            return {name: self.coerce(item, properties.get(name, extra)) for name, item in value.items()}
        return scalar(value, branches)


def scalar(text: Any, branches: list[Schema]) -> Any:
    """Read one text as a word, a truth or a number, whichever the schema takes."""
    kinds = {kind for branch in branches for kind in types(branch)}
    if any(text in branch.get("enum", []) for branch in branches) or "string" in kinds:
        return text
    if "boolean" in kinds and text in ("true", "false"):
        return text == "true"
    if "number" in kinds and str(text).lstrip("-").isdigit():
        return int(text)
    return text


def types(schema: Schema) -> list[str]:
    """Give the types that a schema names."""
    named = schema.get("type", [])
    return [named] if isinstance(named, str) else list(named)


def closed(definitions: Schema) -> Schema:
    """Close every object that lists its properties."""
    copied: Schema = copy.deepcopy(definitions)

    def close(node: Any) -> None:
        if isinstance(node, dict):
            if "properties" in node and "additionalProperties" not in node:
                node["additionalProperties"] = False
            for child in node.values():
                close(child)
        elif isinstance(node, list):
            for child in node:
                close(child)

    close(copied)
    return copied


def starred(path: str) -> str:
    """Put a star for the id in `customers/cus_1`."""
    head, slash, _ = path.partition("/")
    return f"{head}/*" if slash else path


def nested(text: str) -> dict[str, Any]:
    """Read a form with brackets as what it nests."""
    result: dict[str, Any] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        first, _, rest = key.partition("[")
        parts = [first, *(part.rstrip("]") for part in rest.split("["))] if rest else [first]
        node = result
        for part in parts[:-1]:
            node = node.setdefault(part, {})
        if parts[-1] == "":
            node.setdefault("", []).append(value)
        else:
            node[parts[-1]] = value
    return result


def wrong_list(read: dict[str, Any], exchange: dict[str, Any]) -> list[str]:
    """Say what is wrong with a list's own fields."""
    names = {"object", "url", "has_more", "data"} | ({"next_page"} if read["object"] == "search_result" else set())
    problems = [] if set(read) == names else [f"a {read['object']} shows {sorted(read)}"]
    if not isinstance(read.get("has_more"), bool):
        problems.append("has_more is no boolean")
    if read.get("url") != exchange["path"]:
        problems.append(f"a list's url is {read.get('url')}")
    return problems


def wrong_error(status: int, read: dict[str, Any]) -> list[str]:
    """Say what is wrong with an error object."""
    error = read.get("error")
    if set(read) != {"error"} or not isinstance(error, dict):
        return [f"an error answer shows {sorted(read)}"]
    problems = []
    if status in TYPES and error.get("type") not in TYPES[status]:
        problems.append(f"a {status} of type {error.get('type')}")
    if not isinstance(error.get("message"), str):
        problems.append("an error without a message")
    known = {"type", "code", "param", "message", "doc_url", "decline_code", "charge", "payment_intent"}
    problems += [f"an error has a {name}" for name in set(error) - known]
    return problems
