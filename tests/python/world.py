"""The outside of provisioner.py on loopback: Proxmox (TLS), Cloudflare, the file server and the ingress.

Keeps just enough state for the script's own requests and writes each one down, so that tests can hold
order and bodies against the contract. It is no sandbox: it never checks what the script may do.
"""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).resolve().parents[2]
UPID = "UPID:odin:0000ABCD:00112233:6958A000:{kind}:{vmid}:root@pam:"
TOKEN = "eyJhIjoiYWNjb3VudCJ9"  # noqa: S105 - a made-up one


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for loopback; gives certificate and key."""
    if shutil.which("openssl") is None:
        message = "openssl makes the tests' certificate and is missing: apt-get install openssl"
        raise RuntimeError(message)
    certificate, key = directory / "ca.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    body: str
    headers: dict[str, str]

    @property
    def line(self) -> str:
        """Method and target, as the tests' tables have them."""
        return f"{self.method} {self.target}"


@dataclass
class World:
    """What stands outside, and what was asked of it."""

    context: ssl.SSLContext
    seen: list[Seen] = field(default_factory=list)
    vmids: list[int] = field(default_factory=lambda: [8011, 9000, 9002])
    tunnels: list[dict[str, str]] = field(default_factory=list)
    records: list[dict[str, str]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    exitstatus: str = "OK"
    site_statuses: list[int] = field(default_factory=lambda: [502, 200])
    faults: dict[str, tuple[int, str]] = field(default_factory=dict)
    polls: dict[str, int] = field(default_factory=dict)

    @property
    def lines(self) -> list[str]:
        """All requests so far."""
        return [seen.line for seen in self.seen]

    def body(self, line: str) -> str:
        """Give the body of the one request of that line."""
        (found,) = [seen.body for seen in self.seen if seen.line == line]
        return found

    def answer(self, seen: Seen) -> tuple[int, str, bytes]:
        """Answer one request: status, reason, body."""
        self.seen.append(seen)
        for start, (status, reason) in self.faults.items():
            if seen.line.startswith(start):
                return status, reason, b'{"data":null}'
        if seen.target.startswith("/api2/json"):
            return self._proxmox(seen.method, urlsplit(seen.target).path.removeprefix("/api2/json"))
        if seen.target.startswith("/client/v4"):
            return self._cloudflare(seen)
        if seen.target.startswith("/upload/"):
            return self._file(seen)
        return (self.site_statuses.pop(0) if len(self.site_statuses) > 1 else self.site_statuses[0]), "Site", b"hello"

    def _proxmox(self, method: str, path: str) -> tuple[int, str, bytes]:
        data: object = None
        kinds = {"clone": "vzclone", "start": "vzstart", "stop": "vzstop"}
        if path == "/access/ticket":
            data = {"ticket": "PVE:ticket", "CSRFPreventionToken": "csrf", "username": "root@pam"}
        elif path == "/version":
            data = {"version": "9.1.2"}
        elif path == "/cluster/resources":
            data = [{"vmid": vmid} for vmid in self.vmids]
        elif path.endswith("/status") and "/tasks/" in path:
            self.polls[path] = self.polls.get(path, 0) + 1
            data = (
                {"status": "running"} if self.polls[path] == 1 else {"status": "stopped", "exitstatus": self.exitstatus}
            )
        elif method == "DELETE":
            data = UPID.format(kind="vzdestroy", vmid=path.rsplit("/", 1)[1])
        else:
            vmid, last = path.split("/")[4], path.rsplit("/", 1)[1]
            data = UPID.format(kind=kinds[last], vmid=vmid)
        return 200, "OK", json.dumps({"data": data}).encode()

    def _cloudflare(self, seen: Seen) -> tuple[int, str, bytes]:
        split = urlsplit(seen.target)
        query, last = parse_qs(split.query), split.path.rsplit("/", 1)[1]
        things = self.tunnels if "/cfd_tunnel" in split.path else self.records
        result: Any = {"id": last}
        if seen.method == "GET" and last in ("cfd_tunnel", "dns_records"):
            is_first = query.get("page", ["1"]) == ["1"]
            result = [thing for thing in things if is_first and thing["name"] == query["name"][0]]
        elif seen.method == "GET":
            result = TOKEN
        elif seen.method == "POST":
            result = {"id": f"id-{len(things) + 1}", "name": json.loads(seen.body)["name"]}
        return 200, "OK", json.dumps({"success": True, "errors": [], "messages": [], "result": result}).encode()

    def _file(self, seen: Seen) -> tuple[int, str, bytes]:
        if seen.method == "PUT":
            self.files[seen.target] = seen.body
            return 201, "Created", b""
        return (204, "No Content", b"") if self.files.pop(seen.target, None) else (404, "Not Found", b"")


class Listener:
    """The world on one port; with TLS for Proxmox, without for all else."""

    def __init__(self, world: World, *, tls: bool) -> None:
        """Listen on a free port of loopback."""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler(world))
        if tls:
            self.server.socket = world.context.wrap_socket(self.server.socket, server_side=True)
        self.port = int(self.server.server_address[1])
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def handler(world: World) -> type[BaseHTTPRequestHandler]:
    """Give the class that answers for a world."""

    class Handler(BaseHTTPRequestHandler):
        """Answers one connection; a CONNECT leads to the ingress."""

        def handle_any(self) -> None:
            """Answer a request."""
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            status, reason, answer = world.answer(Seen(self.command, self.path, body, dict(self.headers)))
            self.send_response(status, reason)
            if status != 204:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - http.server's names

        def do_CONNECT(self) -> None:
            """Be the proxy and the site behind it."""
            host = self.path
            self.send_response(200)
            self.end_headers()
            with world.context.wrap_socket(self.connection, server_side=True) as site:
                site.recv(65536)
                status, _, body = world.answer(Seen("GET", f"https://{host}", "", {}))
                site.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Stay silent."""

    return Handler
