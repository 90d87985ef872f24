"""Makes a trial: container, tunnel, DNS record and metadata file, in ten numbered steps.

By hand: python3 provisioner.py SUBDOMAIN OSS_TYPE DAYS [EMAIL]. The service imports the class below
through its bridge instead and puts no other demands on this file, so an operator can replace it by a
script of their own with the same contract (readme_provisioner.md). It never undoes a failed attempt and
never ends a trial: whoever calls it does.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
import time
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict

from dotenv import load_dotenv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FRAME: Final = "=" * 60
SUBDOMAIN_LENGTH_MAX: Final = 12
PROXMOX_TIMEOUT_SECS: Final = 5
CLONE_TIMEOUT_SECS: Final = 120
START_TIMEOUT_SECS: Final = 60
FILE_TIMEOUT_SECS: Final = 10
READY_PROBE_SECS: Final = 5
HTTP_OK: Final = 200
SERVER_ERROR: Final = 500


@dataclass(frozen=True)
class Application:
    """What of an application a trial is made from."""

    template: int
    port: int


class Provisioned(TypedDict):
    """What `provision` returns."""

    vmid: int
    tunnel_id: str
    url: str
    status: str


class ProvisionError(Exception):
    """A step failed; the text says which and why."""


def applications() -> dict[str, Application]:
    """Give what can be provisioned: nginx, or all that the catalogue says is available with a template."""
    beside = Path(__file__).with_name("catalog.toml")
    path = Path(os.environ.get("PROVISIONER_CATALOG") or beside)
    if path == beside and not beside.exists():
        return {"nginx": Application(template=8011, port=80)}
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("application", [])
    offered = [entry for entry in entries if entry.get("available") and "template" in entry]
    return {str(entry["id"]): Application(int(entry["template"]), int(entry["port"])) for entry in offered}


def _number(name: str, default: float) -> float:
    return float(os.environ.get(name) or default)


def _pinned(fingerprint: str) -> Any:
    """Give a requests session that talks to the one certificate and no other, whatever name it carries."""
    import requests
    from requests.adapters import HTTPAdapter

    plain = fingerprint.replace(":", "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", plain):
        message = "PROXMOX_FINGERPRINT はSHA-256(16進数で32バイト)で指定してください"
        raise ProvisionError(message)

    class Pinned(HTTPAdapter):
        """Looks at the certificate before a byte of a request is sent, straight or through a proxy."""

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, assert_fingerprint=plain, **kwargs)  # type: ignore[no-untyped-call]

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
            return super().proxy_manager_for(*args, assert_fingerprint=plain, **kwargs)  # type: ignore[no-untyped-call]

        def send(self, *args: Any, **kwargs: Any) -> Any:
            # The pin is the check: no CA need know the certificate.
            return super().send(*args, **kwargs | {"verify": False, "timeout": PROXMOX_TIMEOUT_SECS})

    session = requests.Session()
    session.mount("https://", Pinned())
    return session


@dataclass(repr=False)
class TamesukeProvisioner:
    """Makes and removes trials on one Proxmox node behind Cloudflare tunnels. Making one does no I/O."""

    proxmox_host: str
    proxmox_user: str
    proxmox_password: str
    cloudflare_token: str
    cloudflare_account_id: str
    cloudflare_zone_id: str
    fileserver_host: str
    fileserver_port: int = 8080
    domain: str = "persys.jp"
    proxmox_node: str = "odin"
    proxmox: Any = field(default=None, init=False)
    cf: Any = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Take what an operator may set beside the contract's settings."""
        self.vmid_first = int(_number("PROVISIONER_VMID_FIRST", 9000))
        self.vmid_last = int(_number("PROVISIONER_VMID_LAST", 9999))
        self.storage = os.environ.get("PROVISIONER_STORAGE") or "vm-storage"
        self.poll_secs = _number("PROVISIONER_POLL_SECONDS", 2)
        self.ready_secs = _number("PROVISIONER_READY_SECONDS", 300)
        self.ready_poll_secs = _number("PROVISIONER_READY_POLL_SECONDS", 10)

    def connect(self) -> None:
        """Log in to Proxmox and make the Cloudflare client."""
        from cloudflare import Cloudflare
        from proxmoxer import ProxmoxAPI

        fingerprint = os.environ.get("PROXMOX_FINGERPRINT")
        if fingerprint:
            self.proxmox = self._log_in_pinned(fingerprint)
        else:
            self.proxmox = ProxmoxAPI(
                self.proxmox_host,
                user=self.proxmox_user,
                password=self.proxmox_password,
                verify_ssl=os.environ.get("PROXMOX_CA_FILE") or True,
                timeout=PROXMOX_TIMEOUT_SECS,
            )
        version = self.proxmox.version.get()["version"]
        print(f"[OK] Proxmoxに接続しました (version {version})")
        self.cf = Cloudflare(api_token=self.cloudflare_token)
        print("[OK] Cloudflareクライアントを準備しました")

    def _log_in_pinned(self, fingerprint: str) -> Any:
        """Log in as proxmoxer does, which would send the password before its session can be pinned."""
        from proxmoxer.backends.https import JsonSerializer
        from proxmoxer.core import ProxmoxResource

        has_port = re.fullmatch(r"([^:]+|\[.+\]):\d+", self.proxmox_host)
        base = f"https://{self.proxmox_host}{'' if has_port else ':8006'}/api2/json"
        session = _pinned(fingerprint)
        answer = session.post(
            f"{base}/access/ticket",
            data={"username": self.proxmox_user, "password": self.proxmox_password},
            allow_redirects=False,
        )
        if answer.status_code != HTTP_OK:
            message = f"Proxmoxにログインできません: HTTP {answer.status_code}"
            raise ProvisionError(message)
        login = answer.json()["data"]
        session.cookies.set("PVEAuthCookie", login["ticket"])
        session.headers["CSRFPreventionToken"] = login["CSRFPreventionToken"]
        return ProxmoxResource(base_url=base, session=session, serializer=JsonSerializer())

    def provision(self, customer_email: str, oss_type: str, subdomain: str, duration_days: int) -> Provisioned:
        """Make a trial; what was made before a failure stays for the caller to clean up."""
        application = self._validate(subdomain, oss_type)
        fqdn = f"{subdomain}.{self.domain}"
        print(FRAME)
        print(f"{oss_type} お試し環境の作成: {fqdn} ({duration_days}日間)")
        print(FRAME)
        try:
            if self.proxmox is None or self.cf is None:
                self.connect()
            return self._run_steps(customer_email, oss_type, subdomain, application)
        except Exception as error:
            print(f"\n[ERROR] 作成に失敗しました: {error}", flush=True)
            raise

    def _run_steps(self, email: str, oss_type: str, subdomain: str, application: Application) -> Provisioned:
        fqdn = f"{subdomain}.{self.domain}"
        url = f"https://{fqdn}"
        vmid = self._next_vmid()
        print(f"1. [OK] VMIDを割り当てました: {vmid}", flush=True)
        tunnel_id = self._create_tunnel(f"service-{vmid}-{subdomain}")
        print(f"2. [OK] トンネルを作成しました: {tunnel_id}", flush=True)
        token = self._tunnel_token(tunnel_id)
        print("3. [OK] トンネルトークンを取得しました", flush=True)
        self._configure_tunnel(tunnel_id, fqdn, application.port)
        print("4. [OK] トンネルの経路を設定しました", flush=True)
        self._create_record(subdomain, fqdn, tunnel_id)
        print(f"5. [OK] DNSレコードを作成しました: {fqdn}", flush=True)
        metadata = {
            "vmid": vmid,
            "hostname": subdomain,
            "subdomain": subdomain,
            "customer_email": email,
            "oss_type": oss_type,
            "url": url,
            "tunnel_token": token,
            "created_at": datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z",
        }
        print("6. [OK] メタデータを作成しました", flush=True)
        self._upload(subdomain, metadata)
        print("7. [OK] メタデータをアップロードしました", flush=True)
        self._clone(application.template, vmid, subdomain)
        print("8. [OK] コンテナを複製しました", flush=True)
        self._start(vmid)
        print("9. [OK] コンテナを起動しました", flush=True)
        self._wait_until_ready(url)
        print("10. [OK] サービスが応答しました", flush=True)
        print(FRAME)
        print(f"完了: {url}")
        print(FRAME, flush=True)
        return {"vmid": vmid, "tunnel_id": tunnel_id, "url": url, "status": "active"}

    @staticmethod
    def _validate(subdomain: str, oss_type: str) -> Application:
        if len(subdomain) > SUBDOMAIN_LENGTH_MAX:
            message = f"サブドメインは{SUBDOMAIN_LENGTH_MAX}文字以内にしてください"
            raise ValueError(message)
        if not re.fullmatch(r"[a-z0-9-]+", subdomain):
            message = "サブドメインに使えるのは英小文字、数字、ハイフンだけです"
            raise ValueError(message)
        if subdomain.startswith("-") or subdomain.endswith("-"):
            message = "サブドメインの最初と最後にハイフンは使えません"
            raise ValueError(message)
        application = applications().get(oss_type)
        if application is None:
            message = f"未対応のアプリケーションです: {oss_type}"
            raise ValueError(message)
        return application

    def _next_vmid(self) -> int:
        used = {int(guest["vmid"]) for guest in self.proxmox.cluster.resources.get(type="vm")}
        for vmid in range(self.vmid_first, self.vmid_last + 1):
            if vmid not in used:
                return vmid
        message = f"空いているVMIDがありません ({self.vmid_first}-{self.vmid_last})"
        raise ProvisionError(message)

    def _create_tunnel(self, name: str) -> str:
        tunnels = self.cf.zero_trust.tunnels.cloudflared
        for tunnel in tunnels.list(account_id=self.cloudflare_account_id, name=name):
            if tunnel.name == name:
                tunnels.delete(tunnel.id, account_id=self.cloudflare_account_id)
                print(f"   - 同名のトンネルを削除しました: {tunnel.id}", flush=True)
        made = tunnels.create(account_id=self.cloudflare_account_id, name=name, tunnel_secret=secrets.token_hex(32))
        return str(made.id)

    def _tunnel_token(self, tunnel_id: str) -> str:
        token = self.cf.zero_trust.tunnels.cloudflared.token
        return str(token.get(tunnel_id, account_id=self.cloudflare_account_id))

    def _configure_tunnel(self, tunnel_id: str, fqdn: str, port: int) -> None:
        rules = [{"hostname": fqdn, "service": f"http://localhost:{port}"}, {"service": "http_status:404"}]
        configurations = self.cf.zero_trust.tunnels.cloudflared.configurations
        configurations.update(tunnel_id, account_id=self.cloudflare_account_id, config={"ingress": rules})

    def _create_record(self, subdomain: str, fqdn: str, tunnel_id: str) -> None:
        for record_id in self._delete_records(fqdn):
            print(f"   - 同名のDNSレコードを削除しました: {record_id}", flush=True)
        self.cf.dns.records.create(
            zone_id=self.cloudflare_zone_id,
            name=subdomain,
            ttl=1,
            type="CNAME",
            content=f"{tunnel_id}.cfargotunnel.com",
            proxied=True,
        )

    def _delete_records(self, fqdn: str) -> Iterator[str]:
        records = self.cf.dns.records
        for record in records.list(zone_id=self.cloudflare_zone_id, name=fqdn):
            if record.name == fqdn:
                records.delete(record.id, zone_id=self.cloudflare_zone_id)
                yield record.id

    def _file_url(self, subdomain: str) -> str:
        return f"http://{self.fileserver_host}:{self.fileserver_port}/upload/metadata-{subdomain}.json"

    def _upload(self, subdomain: str, metadata: dict[str, object]) -> None:
        import requests

        answer = requests.put(
            self._file_url(subdomain),
            data=json.dumps(metadata, indent=2),
            headers={"Content-Type": "application/json"},
            timeout=FILE_TIMEOUT_SECS,
            allow_redirects=False,
        )
        if answer.status_code not in (200, 201, 204):
            message = f"メタデータのアップロードに失敗しました: HTTP {answer.status_code}"
            raise ProvisionError(message)

    def _clone(self, template: int, vmid: int, subdomain: str) -> None:
        node = self.proxmox.nodes(self.proxmox_node)
        upid = node.lxc(template).clone.post(newid=vmid, hostname=subdomain, full=1, storage=self.storage)
        self._wait_for_task(upid, CLONE_TIMEOUT_SECS, "複製")

    def _start(self, vmid: int) -> None:
        upid = self.proxmox.nodes(self.proxmox_node).lxc(vmid).status.start.post()
        self._wait_for_task(upid, START_TIMEOUT_SECS, "起動")

    def _wait_for_task(self, upid: str, limit_secs: float, what: str) -> None:
        began = time.monotonic()
        while True:
            status = self.proxmox.nodes(self.proxmox_node).tasks(upid).status.get()
            if status["status"] == "stopped":
                if status.get("exitstatus") != "OK":
                    message = f"{what}のタスクが失敗しました: {status.get('exitstatus')}"
                    raise ProvisionError(message)
                return
            waited = time.monotonic() - began
            if waited >= limit_secs:
                message = f"{what}のタスクが{limit_secs:.0f}秒以内に終わりませんでした"
                raise ProvisionError(message)
            print(f"   {what}中… {waited:.0f}秒", end="\r", flush=True)
            time.sleep(self.poll_secs)

    def _wait_until_ready(self, url: str) -> None:
        import requests
        import urllib3

        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        print("10. [WAIT] サービスの応答を待っています", flush=True)
        began = time.monotonic()
        while True:
            try:
                # The edge's certificate may lag behind a new name; the service's own probe is strict.
                answer = requests.get(url, timeout=READY_PROBE_SECS, verify=False)  # noqa: S501
                if answer.status_code < SERVER_ERROR:
                    return
                seen = f"HTTP {answer.status_code}"
            except requests.RequestException as error:
                seen = type(error).__name__
            waited = time.monotonic() - began
            if waited >= self.ready_secs:
                message = f"{self.ready_secs:.0f}秒以内に応答がありませんでした ({seen})"
                raise ProvisionError(message)
            print(f"   待機中… {waited:.0f}秒 ({seen})", end="\r", flush=True)
            time.sleep(min(self.ready_poll_secs, max(self.ready_secs - waited, 0.1)))

    def cleanup(self, vmid: int, tunnel_id: str, subdomain: str) -> None:
        """Remove what `provision` made. Each failure is a warning; the service never calls this."""
        if self.proxmox is None or self.cf is None:
            self.connect()
        fqdn = f"{subdomain}.{self.domain}"
        steps: list[tuple[str, Callable[[], object]]] = [
            ("コンテナの停止", lambda: self._stop(vmid)),
            ("コンテナの削除", lambda: self._delete_container(vmid)),
            ("トンネルの削除", lambda: self._delete_tunnel(tunnel_id)),
            ("DNSレコードの削除", lambda: list(self._delete_records(fqdn))),
            ("メタデータの削除", lambda: self._delete_file(subdomain)),
        ]
        warnings: list[str] = []
        for number, (what, remove) in enumerate(steps, start=1):
            try:
                remove()
                print(f"{number}. [OK] {what}", flush=True)
            except Exception as error:  # noqa: BLE001 - each part is tried whatever became of the others
                warnings.append(f"{what}: {error}")
                print(f"{number}. [WARN] {what}: {error}", flush=True)
        if warnings:
            print("\n  - ".join([f"警告 {len(warnings)}件:", *warnings]))

    def _stop(self, vmid: int) -> None:
        upid = self.proxmox.nodes(self.proxmox_node).lxc(vmid).status.stop.post()
        self._wait_for_task(upid, START_TIMEOUT_SECS, "停止")

    def _delete_container(self, vmid: int) -> None:
        upid = self.proxmox.nodes(self.proxmox_node).lxc(vmid).delete()
        self._wait_for_task(upid, CLONE_TIMEOUT_SECS, "削除")

    def _delete_tunnel(self, tunnel_id: str) -> None:
        self.cf.zero_trust.tunnels.cloudflared.delete(tunnel_id, account_id=self.cloudflare_account_id)

    def _delete_file(self, subdomain: str) -> None:
        import requests

        answer = requests.delete(self._file_url(subdomain), timeout=FILE_TIMEOUT_SECS)
        if answer.status_code not in (200, 204, 404):
            message = f"HTTP {answer.status_code}"
            raise ProvisionError(message)


USAGE: Final = """usage: python3 provisioner.py SUBDOMAIN OSS_TYPE DAYS [EMAIL]

  SUBDOMAIN  1 to 12 of a-z, 0-9 and hyphen
  OSS_TYPE   nginx, or another one that catalog.toml has as available
  DAYS       how long the trial lasts; only printed, nothing ends it by itself
  EMAIL      the customer's address, written into the metadata

Settings come from the environment or .env: PROXMOX_HOST PROXMOX_USER PROXMOX_PASSWORD PROXMOX_NODE
CLOUDFLARE_API_TOKEN CLOUDFLARE_ACCOUNT_ID CLOUDFLARE_ZONE_ID FILESERVER_HOST FILESERVER_PORT DOMAIN, and
PROXMOX_FINGERPRINT or PROXMOX_CA_FILE unless a public CA signed Proxmox's certificate.
readme_provisioner.md has the rest."""

NEEDED: Final = {
    "proxmox_host": "PROXMOX_HOST",
    "proxmox_user": "PROXMOX_USER",
    "proxmox_password": "PROXMOX_PASSWORD",
    "cloudflare_token": "CLOUDFLARE_API_TOKEN",
    "cloudflare_account_id": "CLOUDFLARE_ACCOUNT_ID",
    "cloudflare_zone_id": "CLOUDFLARE_ZONE_ID",
    "fileserver_host": "FILESERVER_HOST",
}
BAD_USAGE: Final = 2
ARGUMENTS_MIN: Final = 3
ARGUMENTS_MAX: Final = 4


def main(arguments: list[str]) -> int:
    """Provision one trial by hand; gives the exit code."""
    if not ARGUMENTS_MIN <= len(arguments) <= ARGUMENTS_MAX or not arguments[2].isdecimal():
        print(USAGE, file=sys.stderr)
        return BAD_USAGE
    load_dotenv()
    env = os.environ
    given: dict[str, Any] = {argument: env.get(name) for argument, name in NEEDED.items()}
    missing = [name for argument, name in NEEDED.items() if not given[argument]]
    if missing:
        print(f"missing in the environment and in .env: {', '.join(missing)}", file=sys.stderr)
        return BAD_USAGE
    provisioner = TamesukeProvisioner(
        **given,
        fileserver_port=int(env.get("FILESERVER_PORT") or 8080),
        domain=env.get("SERVICE_DOMAIN") or env.get("DOMAIN") or "persys.jp",
        proxmox_node=env.get("PROXMOX_NODE") or "odin",
    )
    email = arguments[3] if len(arguments) > ARGUMENTS_MIN else ""
    try:
        made = provisioner.provision(email, arguments[1], arguments[0], int(arguments[2]))
    except ValueError as error:
        print(error, file=sys.stderr)
        return BAD_USAGE
    except Exception as error:  # noqa: BLE001 - exceptions of three libraries; the steps above said what failed
        print(f"failed: {error}", file=sys.stderr)
        return 1
    print(json.dumps(made))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
