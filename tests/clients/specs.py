"""Checks what was asked and answered against the public schemas beside this repository.

An exchange is an entry of the sandbox's request log, with its answer. Every answer is looked at, and
every request that was taken: what a service takes must be in its schema, or it took a misspelt name.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.clients.specs_cloudflare import CloudflareSpecs
from tests.clients.specs_proxmox import ProxmoxSpecs
from tests.clients.specs_stripe import StripeSpecs

ROOT = Path(__file__).resolve().parents[2]
Exchange = dict[str, Any]


def folder() -> Path | None:
    """Give the folder of public schemas; none where this checkout has none beside it."""
    named = os.environ.get("TAMESUKE_SPECS")
    path = Path(named) if named else ROOT.parent / "shared" / "specs"
    return path if path.is_dir() else None


class Specs(Protocol):
    """The schemas of one service."""

    def answer(self, exchange: Exchange) -> tuple[str, list[str]]:
        """Say what the answer was checked as, and what is wrong with it."""

    def request(self, exchange: Exchange) -> tuple[str, list[str]]:
        """Say what the request was checked as, and what is wrong with it."""


@dataclass
class Checker:
    """Checks exchanges and counts what it did."""

    specs: dict[str, Specs]
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @classmethod
    def load(cls) -> Checker | None:
        """Read the schemas; none where there are none."""
        found = folder()
        if found is None:
            return None

        def read(name: str) -> Any:
            return json.loads((found / name).read_text(encoding="utf-8"))

        return cls(
            {
                "stripe": StripeSpecs(read("stripe-2026-10-28.schemas.json")),
                "cloudflare": CloudflareSpecs(read("cloudflare-2024-08.openapi.json")),
                "proxmox": ProxmoxSpecs(read("proxmox-9.1.apidoc.json")),
            },
        )

    def check(self, exchange: Exchange) -> list[str]:
        """Check one exchange; give what is wrong with it."""
        service = exchange["service"]
        specs = self.specs.get(service)
        # A fault's answer is the fault's word, not the service's; 0 is a connection that was cut.
        if (
            specs is None
            or exchange["status"] == 0
            or (service == "stripe" and not exchange["path"].startswith("/v1/"))
        ):
            return []
        found: list[str] = []
        if exchange.get("fault") is None or exchange["status"] < 400:
            kind, wrong = specs.answer(exchange)
            self.counts[f"{service} answers {kind}"] += 1
            found += [f"answer: {text}" for text in wrong]
        if exchange["status"] < 400:
            kind, wrong = specs.request(exchange)
            self.counts[f"{service} requests {kind}"] += 1
            found += [f"request: {text}" for text in wrong]
        where = f"{service} {exchange['method']} {exchange['path']}?{exchange['query']} ({exchange['status']})"
        problems = [f"{where} {text}" for text in found]
        self.problems += problems
        return problems

    def summary(self) -> list[str]:
        """Say what was checked, a line for each service."""
        lines = []
        for service in self.specs:

            def counted(what: str, name: str = service) -> int:
                return self.counts[f"{name} {what}"]

            lines.append(
                f"{service}: {counted('answers schema')} answers and {counted('requests schema')} requests against "
                f"public schemas; {counted('answers shape')} answers and {counted('requests shape')} requests that no "
                "public schema covers against their contract's shape",
            )
        return lines
