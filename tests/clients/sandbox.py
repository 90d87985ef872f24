"""The built sandbox as a process, and its control API."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import requests

ROOT = Path(__file__).resolve().parents[2]


class SandboxError(Exception):
    """The sandbox did not start, or refused a call of its control API."""


def binary() -> Path:
    """Say where the built sandbox is: named by the environment, else the debug build."""
    named = os.environ.get("TAMESUKE_SANDBOX")
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return Path(named) if named else target / "debug" / "tamesuke-sandbox"


@dataclass
class Sandbox:
    """A running sandbox."""

    process: subprocess.Popen[str]
    addresses: dict[str, Any]
    http: requests.Session

    @classmethod
    def start(cls, *arguments: str) -> Self:
        """Start one on free ports; it ends with its standard input."""
        command = [str(binary()), "--stop-with-stdin", "--time-scale", "0.01", *arguments]
        lie = os.environ.get("TAMESUKE_SANDBOX_LIE")
        if lie:
            command += ["--lie", lie]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if process.stdout is None:
            msg = "the sandbox has no output"
            raise SandboxError(msg)
        line = process.stdout.readline()
        if not line:
            msg = f"{command[0]} said nothing and ended with {process.wait()}"
            raise SandboxError(msg)
        session = requests.Session()
        session.trust_env = False
        return cls(process, json.loads(line), session)

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Make one call of the control API and give its JSON."""
        answer = self.http.request(method, self.addresses["control"] + path, json=body, timeout=30)
        if answer.status_code >= 400:
            msg = f"{method} {path}: {answer.text}"
            raise SandboxError(msg)
        return answer.json()

    def set(self, **settings: object) -> None:
        """Change how the world behaves."""
        self.control("PUT", "/settings", settings)

    def fault(self, service: str, effect: dict[str, Any], **rule: object) -> None:
        """Make calls fail, late or slow."""
        self.control("POST", "/faults", {"service": service, "effect": effect, **rule})

    def secret(self, name: str) -> str:
        """Give a name or a secret of this start."""
        return str(self.addresses["credentials"][name])

    def exchanges(self, since: int) -> list[dict[str, Any]]:
        """Give what was asked and answered after that number."""
        found: list[dict[str, Any]] = self.control("GET", f"/requests?since_seq={since}")
        return found

    def stop(self) -> None:
        """End it and wait."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(timeout=20)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.http.close()
