"""Cloudflare's tunnels and DNS records against its public OpenAPI document of 2024."""

from __future__ import annotations

import copy
import json
from typing import Any
from urllib.parse import parse_qsl

from jsonschema import Draft202012Validator

NEWER = {"name", "content", "comment"}
"""Filters that newer clients send as `name.exact`, `name.contains`, …"""


class CloudflareSpecs:
    """The document."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Read the document."""
        self.paths = document["paths"]
        self.components = document["components"]
        self.asked = asked(document["components"])
        self.validators: dict[str, Draft202012Validator] = {}

    def operation(self, exchange: dict[str, Any]) -> dict[str, Any] | None:
        """Find the call in the document."""
        parts = exchange["path"].removeprefix("/client/v4").split("/")
        for path, operations in self.paths.items():
            wanted = path.split("/")
            fits = len(wanted) == len(parts) and all(
                want.startswith("{") or want == part for want, part in zip(wanted, parts, strict=True)
            )
            operation = operations.get(exchange["method"].lower())
            if fits and operation is not None:
                found: dict[str, Any] = operation
                return found
        return None

    def answer(self, exchange: dict[str, Any]) -> tuple[str, list[str]]:
        """Check an answer against the schema of its status."""
        read = json.loads(exchange["answer"])
        operation = self.operation(exchange)
        if operation is None:
            wrong = [] if exchange["status"] >= 400 else ["a call that the document does not have was taken"]
            return "shape", wrong
        failed = exchange["status"] >= 400
        responses = {status.lower(): response for status, response in operation["responses"].items()}
        schema = responses["4xx" if failed else "200"]["content"]["application/json"]["schema"]
        # The old document does not allow the nulls that the real answers hold; a failure's `result` is one.
        dropped = read if failed else {**without_nulls(read), "result": without_nulls(read["result"])}
        if failed:
            failures = [branch for branch in schema.get("allOf", [schema]) if "failure" in str(branch.get("$ref"))]
            schema = failures[0] if failures else schema
        problems = self.validate(schema, dropped)
        if failed and not read.get("errors"):
            problems.append("a failure without errors")
        problems += (
            []
            if failed
            or "result_info" in read
            or not isinstance(read["result"], list)
            or exchange["path"].endswith("/connections")
            else ["a list without result_info"]
        )
        return "schema", problems

    def request(self, exchange: dict[str, Any]) -> tuple[str, list[str]]:
        """Check the query and the body of a call that was taken."""
        operation = self.operation(exchange)
        if operation is None:
            return "shape", ["the document has no such call"]
        known = {parameter["name"] for parameter in operation.get("parameters", [])}
        known |= {"cascade"} if exchange["method"] == "DELETE" else set()
        names = [name for name, _ in parse_qsl(exchange["query"], keep_blank_values=True)]
        problems = [
            f"the document has no query parameter {name}"
            for name in names
            if name not in known and not (name.split(".")[0] in NEWER and name.split(".")[0] in known)
        ]
        body = operation.get("requestBody")
        if body and exchange["body"]:
            schema = body["content"]["application/json"]["schema"]
            read = json.loads(exchange["body"])
            problems += self.validate(schema, without_nulls(read), asked=True)
            allowed = self.properties(schema)
            problems += [f"the document has no field {name}" for name in read if allowed and name not in allowed]
        return "schema", problems

    def properties(self, schema: dict[str, Any]) -> set[str]:
        """Give all names that a schema knows on its first level."""
        if "$ref" in schema:
            return self.properties(self.components["schemas"][schema["$ref"].split("/")[-1]])
        names = set(schema.get("properties", {}))
        for how in ("allOf", "anyOf", "oneOf"):
            for branch in schema.get(how, []):
                names |= self.properties(branch)
        return names

    def validate(self, schema: dict[str, Any], value: object, *, asked: bool = False) -> list[str]:
        """Validate; say what is wrong and where."""
        key = f"{asked} {json.dumps(schema, sort_keys=True)}"
        if key not in self.validators:
            components = self.asked if asked else self.components
            self.validators[key] = Draft202012Validator({**schema, "components": components})
        errors = self.validators[key].iter_errors(value)
        return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in errors]


def asked(components: dict[str, Any]) -> dict[str, Any]:
    """Give the components as requests are held against them.

    What is only ever answered need not be sent; and the last rule of an ingress is a catch-all without a
    host name (the contract, seen on the wire), which the old document does not allow.
    """
    copied: dict[str, Any] = copy.deepcopy(components)
    answered = {"id", "created_on", "modified_on", "proxiable"}
    for name, schema in copied["schemas"].items():
        drop = {"hostname"} if name == "tunnel_ingressRule" else answered
        if "required" in schema:
            schema["required"] = [field for field in schema["required"] if field not in drop]
    return copied


def without_nulls(value: Any) -> Any:
    """Leave out what is null."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
