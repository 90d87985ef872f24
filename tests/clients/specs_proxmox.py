"""Proxmox VE's calls against its own API documentation data."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote

from jsonschema import Draft202012Validator

TRUTHS: list[object] = [0, 1, "0", "1", "on", "off", "yes", "no", "true", "false"]


class ProxmoxSpecs:
    """The documentation data, read as JSON schemas."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Read the document."""
        self.paths = document["paths"]

    def call(self, exchange: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]] | None:
        """Find the call in the data, with the parameters that its path holds."""
        parts = [unquote(part) for part in exchange["path"].removeprefix("/api2/json").split("/")]
        for path, methods in self.paths.items():
            wanted = path.split("/")
            if len(wanted) != len(parts) or exchange["method"] not in methods:
                continue
            pairs = list(zip(wanted, parts, strict=True))
            if all(want.startswith("{") or want == part for want, part in pairs):
                held = {want.strip("{}"): part for want, part in pairs if want.startswith("{")}
                return methods[exchange["method"]], held
        return None

    def answer(self, exchange: dict[str, Any]) -> tuple[str, list[str]]:
        """Check an answer: its data, or an error's shape."""
        found = self.call(exchange)
        if exchange["status"] >= 400:
            return "shape", wrong_error(exchange)
        if found is None:
            return "shape", ["a call that the data does not have was taken"]
        read = json.loads(exchange["answer"])
        problems = [] if set(read) in ({"data"}, {"data", "total"}) else [f"an answer shows {sorted(read)}"]
        schema = as_schema(found[0].get("returns", {}))
        value = read.get("data")
        # `nextid` is a number in the data and may be a text on the wire.
        if exchange["path"].endswith("/nextid") and str(value).isdigit():
            value = int(str(value))
        errors = Draft202012Validator(schema).iter_errors(value)
        problems += [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in errors]
        return "schema", problems

    def request(self, exchange: dict[str, Any]) -> tuple[str, list[str]]:
        """Check the parameters of a call that was taken."""
        found = self.call(exchange)
        if found is None:
            return "shape", ["the data has no such call"]
        call, held = found
        given: dict[str, Any] = {**dict(parse_qsl(exchange["query"], keep_blank_values=True)), **held}
        body = exchange["body"] or ""
        given.update(json.loads(body) if body.startswith("{") else dict(parse_qsl(body, keep_blank_values=True)))
        known = {re.sub(r"\[n\]$", "", name): name for name in call["parameters"].get("properties", {})}
        problems = []
        for name, value in given.items():
            listed = known.get(name) or known.get(re.sub(r"\d+$", "", name))
            if listed is None:
                problems.append(f"the data has no parameter {name}")
                continue
            problems += wrong_value(name, value, call["parameters"]["properties"][listed])
        lacking = [
            name
            for name, schema in call["parameters"].get("properties", {}).items()
            if not schema.get("optional") and name not in given
        ]
        return "schema", problems + [f"the parameter {name} is missing" for name in lacking]


def wrong_value(name: str, value: object, schema: dict[str, Any]) -> list[str]:
    """Say what is wrong with a parameter's text."""
    kind, text = schema.get("type"), str(value)
    if kind == "integer" and not re.fullmatch(r"-?\d+", text):
        return [f"{name} is no integer: {text}"]
    if kind == "boolean" and (value if isinstance(value, bool) else text) not in [*TRUTHS, True, False]:
        return [f"{name} is no boolean: {text}"]
    if kind == "integer" and "minimum" in schema and int(text) < int(schema["minimum"]):
        return [f"{name} is below {schema['minimum']}: {text}"]
    if "enum" in schema and text not in schema["enum"]:
        return [f"{name} is none of {schema['enum']}: {text}"]
    return []


def as_schema(returns: dict[str, Any]) -> dict[str, Any]:
    """Read one description of the data as a JSON schema."""
    kind = returns.get("type")
    if kind == "object":
        properties = returns.get("properties", {})
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {name: as_schema(item) for name, item in properties.items() if "[n]" not in name},
            "required": [name for name, item in properties.items() if not item.get("optional")],
        }
        if returns.get("additionalProperties") == 0:
            schema["additionalProperties"] = False
        return schema
    if kind == "array":
        return {"type": "array", "items": as_schema(returns.get("items", {}))}
    if kind == "boolean":
        return {"enum": TRUTHS}
    plain: dict[str, Any] = {"type": kind} if kind in ("string", "integer", "number", "null") else {}
    for bound in ("minimum", "maximum"):
        if bound in returns and kind in ("integer", "number"):
            plain[bound] = float(returns[bound])
    if "enum" in returns:
        plain["enum"] = returns["enum"]
    if "pattern" in returns and "(?^" not in returns["pattern"]:
        plain["pattern"] = f"^(?:{returns['pattern']})$"
    return plain


def wrong_error(exchange: dict[str, Any]) -> list[str]:
    """Say what is wrong with an error's body: none at all, or a message and perhaps its parameters."""
    if not exchange["answer"]:
        return [] if exchange["status"] in (401, 595, 596, 599) else [f"an empty {exchange['status']}"]
    read = json.loads(exchange["answer"])
    problems = [] if set(read) <= {"data", "message", "errors"} else [f"an error shows {sorted(read)}"]
    if read.get("data") is not None or not str(read.get("message", "")).endswith("\n"):
        problems.append(f"an error is {read}")
    if exchange["status"] == 404:
        problems.append("Proxmox never answers 404")
    return problems
