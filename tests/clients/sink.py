"""An HTTP server that webhooks are delivered to: keeps the raw bytes and the signature."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Delivery:
    """One delivered event, as it came."""

    body: bytes
    signature: str

    @property
    def event(self) -> dict[str, Any]:
        """The body, read."""
        read: dict[str, Any] = json.loads(self.body)
        return read


@dataclass
class Sink:
    """Collects deliveries and answers with a status of choice."""

    statuses: list[int] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def __enter__(self) -> Self:
        """Listen on a free port."""
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                body = self.rfile.read(length)
                with sink.arrived:
                    sink.deliveries.append(Delivery(body, self.headers.get("Stripe-Signature", "")))
                    status = sink.statuses.pop(0) if sink.statuses else 200
                    sink.arrived.notify_all()
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def wait_for(self, kind: str, count: int = 1, limit: float = 10) -> list[Delivery]:
        """Wait until that many events of a type have come."""

        def found() -> list[Delivery]:
            return [delivery for delivery in self.deliveries if delivery.event["type"] == kind]

        with self.arrived:
            came = self.arrived.wait_for(lambda: len(found()) >= count, timeout=limit)
            assert came, f"{count} {kind} did not come; came: {[d.event['type'] for d in self.deliveries]}"
            return found()
