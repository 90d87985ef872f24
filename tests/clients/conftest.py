"""One sandbox for the session; after each test, all that was asked and answered is checked."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.clients.sandbox import Sandbox
from tests.clients.specs import Checker, folder

CLIENTS = {"stripe": "Stripe/v1 PythonBindings", "cloudflare": "Cloudflare/Python", "proxmox": "python-requests"}
"""How each library names itself."""


@dataclass
class Report:
    """What the session has checked."""

    calls: Counter[str] = field(default_factory=Counter)
    checker: Checker | None = None

    def lines(self) -> list[str]:
        """Say it."""
        calls = ", ".join(f"{service} {count}" for service, count in sorted(self.calls.items()))
        lines = [f"client calls checked: {calls or 'none'}"]
        if self.checker is None:
            return [*lines, "no public schemas beside this checkout (../shared/specs): nothing was held against them"]
        return [*lines, *self.checker.summary()]


REPORT = Report(checker=Checker.load())


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Give a running sandbox."""
    os.environ["NO_PROXY"] = "127.0.0.1,localhost"
    running = Sandbox.start()
    running.set(keep_answers=True, unauthorized_ms=20, search_lag_ms=300, webhook_retry_ms=[20, 20, 20])
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def checked(sandbox: Sandbox) -> Iterator[None]:
    """Check every exchange of a test, and put the world back as it was set."""
    settings: dict[str, Any] = sandbox.control("GET", "/settings")
    sandbox.control("DELETE", "/requests")
    yield
    sandbox.control("DELETE", "/faults")
    sandbox.set(**settings)
    exchanges = sandbox.exchanges(0)
    for exchange in exchanges:
        service = exchange["service"]
        if service in CLIENTS and exchange["user_agent"].startswith(CLIENTS[service]):
            REPORT.calls[service] += 1
    if REPORT.checker is not None:
        problems = [problem for exchange in exchanges for problem in REPORT.checker.check(exchange)]
        assert not problems, "\n".join(problems)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was checked, and write it where the caller wants it."""
    for line in REPORT.lines():
        terminalreporter.write_line(line)
    path = os.environ.get("TAMESUKE_CLIENTS_REPORT")
    if path:
        counts = dict(REPORT.checker.counts) if REPORT.checker is not None else None
        report = {"calls": dict(REPORT.calls), "counts": counts, "specs": folder() is not None}
        Path(path).write_text(json.dumps(report), encoding="utf-8")
