"""Keeps the contract with nothing of ours: plain requests, other words, steps in one function.

`cargo xtask demo --once --provisioner tests/python/scripts/other_texts.py` runs it.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from typing import TYPE_CHECKING, Any

import requests
import urllib3

if TYPE_CHECKING:
    from collections.abc import Callable

TEMPLATE = 8011
TIMEOUT_SECS = 10
TASK_SECS_MAX = 60
READY_SECS_MAX = float(os.environ.get("PROVISIONER_READY_SECONDS") or 300)
SERVER_ERROR = 500
POLL_SECS = 0.1


class TamesukeProvisioner:
    """Somebody else's class of the same name."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - numbers and texts, by name
        """Keep the settings; nothing is asked before `provision`."""
        self.settings = settings
        self.proxmox = requests.Session()
        self.proxmox.verify = os.environ["PROXMOX_CA_FILE"]
        self.cloudflare = requests.Session()
        self.cloudflare.headers["Authorization"] = f"Bearer {settings['cloudflare_token']}"

    def provision(self, customer_email: str, oss_type: str, subdomain: str, duration_days: int) -> dict[str, object]:
        """Make a trial."""
        name = f"{subdomain}.{self.settings['domain']}"
        self._log_in()
        vmid = self._free()
        done(1)
        tunnel = self._tunnel(f"service-{vmid}-{subdomain}")
        done(2)
        token = str(self._cf("GET", f"{self._tunnels}/{tunnel}/token"))
        done(3)
        rules = [{"hostname": name, "service": "http://localhost:80"}, {"service": "http_status:404"}]
        self._cf("PUT", f"{self._tunnels}/{tunnel}/configurations", {"config": {"ingress": rules}})
        done(4)
        target = f"{tunnel}.cfargotunnel.com"
        record = {"type": "CNAME", "name": subdomain, "content": target, "ttl": 1, "proxied": True}
        self._cf("POST", f"/zones/{self.settings['cloudflare_zone_id']}/dns_records", record)
        done(5)
        file = {"vmid": vmid, "hostname": subdomain, "tunnel_token": token, "oss_type": oss_type}
        file |= {"subdomain": subdomain, "customer_email": customer_email, "days": duration_days}
        done(6)
        host = f"http://{self.settings['fileserver_host']}:{self.settings['fileserver_port']}"
        put = requests.put(f"{host}/upload/metadata-{subdomain}.json", data=json.dumps(file), timeout=TIMEOUT_SECS)
        put.raise_for_status()
        done(7)
        self._task(f"/lxc/{TEMPLATE}/clone", newid=vmid, hostname=subdomain, full=1, storage="vm-storage")
        done(8)
        self._task(f"/lxc/{vmid}/status/start")
        done(9)
        until(lambda: answers(f"https://{name}"), READY_SECS_MAX)
        done(10)
        return {"vmid": vmid, "tunnel_id": tunnel, "url": f"https://{name}", "status": "active"}

    @property
    def _tunnels(self) -> str:
        return f"/accounts/{self.settings['cloudflare_account_id']}/cfd_tunnel"

    def _cf(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        base = os.environ.get("CLOUDFLARE_BASE_URL") or "https://api.cloudflare.com/client/v4"
        answer = self.cloudflare.request(method, base + path, json=body, timeout=TIMEOUT_SECS)
        answer.raise_for_status()
        return answer.json()["result"]

    def _tunnel(self, name: str) -> str:
        for old in self._cf("GET", f"{self._tunnels}?name={name}&is_deleted=false"):
            self._cf("DELETE", f"{self._tunnels}/{old['id']}")
        made = {"name": name, "tunnel_secret": secrets.token_hex(32)}
        return str(self._cf("POST", self._tunnels, made)["id"])

    def _pve(self, method: str, path: str, **form: object) -> Any:  # noqa: ANN401 - JSON
        url = f"https://{self.settings['proxmox_host']}/api2/json{path}"
        answer = self.proxmox.request(method, url, data=form, timeout=TIMEOUT_SECS)
        answer.raise_for_status()
        return answer.json()["data"]

    def _log_in(self) -> None:
        who = {"username": self.settings["proxmox_user"], "password": self.settings["proxmox_password"]}
        ticket = self._pve("POST", "/access/ticket", **who)
        self.proxmox.cookies.set("PVEAuthCookie", ticket["ticket"])
        self.proxmox.headers["CSRFPreventionToken"] = ticket["CSRFPreventionToken"]

    def _free(self) -> int:
        first = int(os.environ.get("PROVISIONER_VMID_FIRST") or 9000)
        taken = {int(guest["vmid"]) for guest in self._pve("GET", "/cluster/resources?type=vm")}
        return next(vmid for vmid in range(first, first + 1000) if vmid not in taken)

    def _task(self, path: str, **form: object) -> None:
        node = f"/nodes/{self.settings['proxmox_node']}"
        task = self._pve("POST", node + path, **form)

        def ended() -> bool:
            status = self._pve("GET", f"{node}/tasks/{task}/status")
            if status["status"] == "stopped" and status["exitstatus"] != "OK":
                raise RuntimeError(status["exitstatus"])
            return bool(status["status"] == "stopped")

        until(ended, TASK_SECS_MAX)


def answers(url: str) -> bool:
    """Whether a page is there."""
    try:
        # As with ours: the edge's certificate may lag behind a new name.
        return requests.get(url, timeout=TIMEOUT_SECS, verify=False).status_code < SERVER_ERROR  # noqa: S501
    except requests.RequestException:
        return False


def until(good: Callable[[], bool], limit_secs: float) -> None:
    """Ask again and again."""
    began = time.monotonic()
    while not good():
        if time.monotonic() - began > limit_secs:
            raise TimeoutError
        time.sleep(POLL_SECS)


def done(step: int) -> None:
    """Say that a step is over, in words of its own."""
    print(f"{step}. [OK] fertig – 完成 ✓", flush=True)


urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
