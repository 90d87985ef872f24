"""provisioner.py against its contract: requests, order, bodies, printed lines, and what a failure leaves."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from world import ROOT, TOKEN, UPID, World

from provisioner import TamesukeProvisioner, applications

PVE = "/api2/json"
CLONE = UPID.format(kind="vzclone", vmid=8011)
START = UPID.format(kind="vzstart", vmid=9001)
TUNNELS = "/client/v4/accounts/A/cfd_tunnel"
RECORDS = "/client/v4/zones/Z/dns_records"
FILE = "/upload/metadata-demo.json"
ORDER = [
    f"POST {PVE}/access/ticket",
    f"GET {PVE}/version",
    f"GET {PVE}/cluster/resources?type=vm",
    f"GET {TUNNELS}?name=service-9001-demo",
    f"POST {TUNNELS}",
    f"GET {TUNNELS}/id-1/token",
    f"PUT {TUNNELS}/id-1/configurations",
    f"GET {RECORDS}?name=demo.persys.jp",
    f"POST {RECORDS}",
    f"PUT {FILE}",
    f"POST {PVE}/nodes/odin/lxc/8011/clone",
    f"GET {PVE}/nodes/odin/tasks/{CLONE}/status",
    f"GET {PVE}/nodes/odin/tasks/{CLONE}/status",
    f"POST {PVE}/nodes/odin/lxc/9001/status/start",
    f"GET {PVE}/nodes/odin/tasks/{START}/status",
    f"GET {PVE}/nodes/odin/tasks/{START}/status",
    "GET https://demo.persys.jp:443",
    "GET https://demo.persys.jp:443",
]


def fingerprint(certificate: Path) -> str:
    """Give a certificate's fingerprint as openssl and Proxmox show it."""
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text(encoding="utf-8"))
    return ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())


def make(provisioner: TamesukeProvisioner) -> object:
    return provisioner.provision("taro@example.jp", "nginx", "demo", 7)


def the_constructor_is_the_contracts_and_asks_nobody(provisioner: TamesukeProvisioner, world: World) -> None:
    names = list(inspect.signature(TamesukeProvisioner).parameters)
    assert names == [
        "proxmox_host", "proxmox_user", "proxmox_password", "cloudflare_token", "cloudflare_account_id",
        "cloudflare_zone_id", "fileserver_host", "fileserver_port", "domain", "proxmox_node",
    ]  # fmt: skip
    assert (provisioner.domain, provisioner.proxmox_node) == ("persys.jp", "odin")
    assert world.seen == []
    assert "pass-word" not in repr(provisioner)


def a_trial_is_made_by_the_contracts_requests_in_order(provisioner: TamesukeProvisioner, world: World) -> None:
    made = make(provisioner)
    assert made == {"vmid": 9001, "tunnel_id": "id-1", "url": "https://demo.persys.jp", "status": "active"}
    assert world.lines == ORDER


def the_bodies_are_the_contracts(provisioner: TamesukeProvisioner, world: World) -> None:
    make(provisioner)
    assert world.body(f"POST {PVE}/access/ticket").startswith("username=root%40pam&password=pass-word")
    tunnel = json.loads(world.body(f"POST {TUNNELS}"))
    assert re.fullmatch(r"[0-9a-f]{64}", tunnel.pop("tunnel_secret"))
    assert tunnel == {"name": "service-9001-demo"}
    assert json.loads(world.body(f"PUT {TUNNELS}/id-1/configurations")) == {
        "config": {
            "ingress": [
                {"hostname": "demo.persys.jp", "service": "http://localhost:80"},
                {"service": "http_status:404"},
            ]
        }
    }
    assert json.loads(world.body(f"POST {RECORDS}")) == {
        "name": "demo", "ttl": 1, "type": "CNAME", "content": "id-1.cfargotunnel.com", "proxied": True,
    }  # fmt: skip
    clone = parse_qs(world.body(f"POST {PVE}/nodes/odin/lxc/8011/clone"))
    assert clone == {"newid": ["9001"], "hostname": ["demo"], "full": ["1"], "storage": ["vm-storage"]}
    assert world.body(f"POST {PVE}/nodes/odin/lxc/9001/status/start") == ""


def the_metadata_file_is_the_contracts(provisioner: TamesukeProvisioner, world: World) -> None:
    provisioner.provision("太郎@example.jp", "nginx", "demo", 7)
    text = world.files[FILE]
    assert text.isascii()
    assert text.startswith('{\n  "vmid": 9001,')
    metadata = json.loads(text)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", metadata.pop("created_at"))
    assert metadata == {
        "vmid": 9001, "hostname": "demo", "subdomain": "demo", "customer_email": "太郎@example.jp",
        "oss_type": "nginx", "url": "https://demo.persys.jp", "tunnel_token": TOKEN,
    }  # fmt: skip


def the_printed_lines_tell_the_steps(provisioner: TamesukeProvisioner, capsys: pytest.CaptureFixture[str]) -> None:
    make(provisioner)
    lines = [line for line in re.split(r"[\r\n]", capsys.readouterr().out) if re.match(r"\d+\. ", line)]
    assert [line.split("] ")[0] + "]" for line in lines] == [
        *(f"{number}. [OK]" for number in range(1, 10)), "10. [WAIT]", "10. [OK]",
    ]  # fmt: skip
    for pattern, value in {
        r"1\. \[OK\] .*: (\d+)": "9001",
        r"2\. \[OK\] .*: (\S+)": "id-1",
        r"5\. \[OK\] .*: (\S+)": "demo.persys.jp",
    }.items():
        (found,) = [match for line in lines if (match := re.fullmatch(pattern, line))]
        assert found[1] == value


def what_had_the_name_before_is_replaced(
    provisioner: TamesukeProvisioner, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.tunnels = [{"id": "old-tunnel", "name": "service-9001-demo"}]
    world.records = [{"id": "old-record", "name": "demo.persys.jp"}]
    make(provisioner)
    assert world.lines[3:7] == [
        f"GET {TUNNELS}?name=service-9001-demo",
        f"DELETE {TUNNELS}/old-tunnel",
        f"GET {TUNNELS}?name=service-9001-demo&page=2",
        f"POST {TUNNELS}",
    ]
    assert f"DELETE {RECORDS}/old-record" in world.lines
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if re.fullmatch(r" {3}- .*: old-\w+", line)].__len__() == 2


@pytest.mark.parametrize(
    ("subdomain", "oss_type"),
    [
        ("", "nginx"), ("a" * 13, "nginx"), ("-a", "nginx"), ("a-", "nginx"), ("A", "nginx"), ("a.b", "nginx"),
        ("demo\n", "nginx"), ("デモ", "nginx"), ("demo", "growi"), ("demo", ""),
    ],
)  # fmt: skip
def a_refused_input_is_a_value_error_before_any_request(
    provisioner: TamesukeProvisioner, world: World, capsys: pytest.CaptureFixture[str], subdomain: str, oss_type: str
) -> None:
    with pytest.raises(ValueError, match=r"."):
        provisioner.provision("", oss_type, subdomain, 7)
    assert world.seen == []
    assert "[ERROR]" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fault", "last_step", "text"),
    [
        ((f"GET {PVE}/cluster/resources", 500, "boom"), 0, "boom"),
        ((f"POST {TUNNELS}", 400, "bad"), 1, "400"),
        ((f"GET {TUNNELS}/id-1/token", 403, "no"), 2, "403"),
        ((f"PUT {TUNNELS}/id-1/configurations", 400, "bad"), 3, "400"),
        ((f"POST {RECORDS}", 400, "bad"), 4, "400"),
        ((f"PUT {FILE}", 302, "Found"), 6, "HTTP 302"),
        ((f"POST {PVE}/nodes/odin/lxc/8011/clone", 500, "CT is locked (disk)"), 7, "CT is locked (disk)"),
        ((f"POST {PVE}/nodes/odin/lxc/9001/status/start", 500, "CT 9001 already running"), 8, "already running"),
    ],
)
def a_failure_is_printed_raised_and_rolls_nothing_back(
    provisioner: TamesukeProvisioner,
    world: World,
    capsys: pytest.CaptureFixture[str],
    fault: tuple[str, int, str],
    last_step: int,
    text: str,
) -> None:
    line, status, reason = fault
    world.faults[line] = (status, reason)
    with pytest.raises(Exception, match=re.escape(text)) as caught:
        make(provisioner)
    out = capsys.readouterr().out.replace("\r", "\n")
    steps = [int(number) for number in re.findall(r"^(\d+)\. \[OK\]", out, re.MULTILINE)]
    assert steps == list(range(1, last_step + 1))
    assert re.search(r"\n\n\[ERROR\] [^:\n]+: .*" + re.escape(text), out)
    assert world.lines[-1].startswith(line), "nothing is asked after the failure"
    assert not isinstance(caught.value, ValueError)


@pytest.mark.parametrize("exit_status", ["WARNINGS: 1", "clone failed: x", "ok"])
def a_task_that_ends_with_anything_but_ok_is_a_failure(
    provisioner: TamesukeProvisioner, world: World, exit_status: str
) -> None:
    world.exitstatus = exit_status
    with pytest.raises(Exception, match=re.escape(exit_status)):
        make(provisioner)
    assert f"POST {PVE}/nodes/odin/lxc/9001/status/start" not in world.lines


def a_site_that_never_answers_well_fails_step_ten(provisioner: TamesukeProvisioner, world: World) -> None:
    world.site_statuses = [530]
    provisioner.ready_secs = 0.05
    with pytest.raises(Exception, match="HTTP 530"):
        make(provisioner)


def a_range_without_a_free_number_fails_step_one(provisioner: TamesukeProvisioner, world: World) -> None:
    provisioner.vmid_last = 9002
    world.vmids = [9000, 9001, 9002]
    with pytest.raises(Exception, match="VMID"):
        make(provisioner)
    assert world.lines == ORDER[:3]


def a_certificate_of_somebody_else_is_refused_where_a_ca_is_given(
    provisioner: TamesukeProvisioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    import certifi

    monkeypatch.setenv("PROXMOX_CA_FILE", certifi.where())
    with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
        provisioner.connect()


def a_fingerprint_takes_its_own_certificate_and_needs_no_ca(
    provisioner: TamesukeProvisioner, world: World, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROXMOX_CA_FILE")
    monkeypatch.setenv("PROXMOX_FINGERPRINT", fingerprint(certificate[0]))
    assert make(provisioner) == {
        "vmid": 9001, "tunnel_id": "id-1", "url": "https://demo.persys.jp", "status": "active",
    }  # fmt: skip
    assert world.lines == ORDER
    assert world.body(f"POST {PVE}/access/ticket") == "username=root%40pam&password=pass-word"
    clone = next(seen for seen in world.seen if seen.target.endswith("/clone"))
    assert clone.headers["Cookie"] == "PVEAuthCookie=PVE:ticket"
    assert clone.headers["CSRFPreventionToken"] == "csrf"


def a_fingerprint_is_held_against_proxmox_behind_a_proxy_too(
    provisioner: TamesukeProvisioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost")
    monkeypatch.setenv("PROXMOX_FINGERPRINT", "ab" * 32)
    with pytest.raises(Exception, match="Fingerprints did not match"):
        provisioner.connect()


@pytest.mark.parametrize("pin", ["ab" * 32, "AB:" * 31 + "AB", "ab" * 20, "no fingerprint"])
def a_wrong_fingerprint_is_refused_before_the_password_is_sent(
    provisioner: TamesukeProvisioner, world: World, monkeypatch: pytest.MonkeyPatch, pin: str
) -> None:
    monkeypatch.setenv("PROXMOX_FINGERPRINT", pin)
    with pytest.raises(Exception, match=r"Fingerprints did not match|PROXMOX_FINGERPRINT"):
        provisioner.connect()
    assert world.seen == []


def a_login_that_is_refused_is_told_where_the_certificate_is_pinned(
    provisioner: TamesukeProvisioner, world: World, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXMOX_FINGERPRINT", fingerprint(certificate[0]))
    world.faults[f"POST {PVE}/access/ticket"] = (401, "authentication failure")
    with pytest.raises(Exception, match="HTTP 401"):
        provisioner.connect()


def without_a_ca_and_a_fingerprint_the_systems_roots_decide_before_the_password_is_sent(
    provisioner: TamesukeProvisioner, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROXMOX_CA_FILE")
    with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
        provisioner.connect()
    assert world.seen == []


def a_cleanup_goes_through_all_five_parts_whatever_fails(
    provisioner: TamesukeProvisioner, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.records = [{"id": "r1", "name": "demo.persys.jp"}, {"id": "r2", "name": "demo.persys.jp"}]
    world.faults[f"POST {PVE}/nodes/odin/lxc/9001/status/stop"] = (500, "CT 9001 not running")
    outcome: object = provisioner.cleanup(9001, "t1", "demo")  # type: ignore[func-returns-value] # is what is tested
    assert outcome is None
    writes = [line for line in world.lines if line.startswith("DELETE")]
    assert writes == [
        f"DELETE {PVE}/nodes/odin/lxc/9001",
        f"DELETE {TUNNELS}/t1",
        f"DELETE {RECORDS}/r1",
        f"DELETE {RECORDS}/r2",
        f"DELETE {FILE}",
    ]
    out = capsys.readouterr().out.replace("\r", "\n")
    assert re.findall(r"^(\d)\. \[(\w+)\]", out, re.MULTILINE) == [
        ("1", "WARN"), ("2", "OK"), ("3", "OK"), ("4", "OK"), ("5", "OK"),
    ]  # fmt: skip
    assert "1件" in out


def an_application_of_the_catalogue_needs_no_code(
    provisioner: TamesukeProvisioner, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = tmp_path / "catalog.toml"
    catalogue.write_text(
        '[[application]]\nid = "wiki"\navailable = true\ntemplate = 8012\nport = 3000\n'
        '[[application]]\nid = "blog"\navailable = false\ntemplate = 8013\nport = 80\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("PROVISIONER_CATALOG", str(catalogue))
    assert list(applications()) == ["wiki"]
    provisioner.provision("", "wiki", "demo", 7)
    assert f"POST {PVE}/nodes/odin/lxc/8012/clone" in world.lines
    assert "http://localhost:3000" in world.body(f"PUT {TUNNELS}/id-1/configurations")


def the_catalogue_of_this_repository_offers_nginx_from_template_8011() -> None:
    assert (applications()["nginx"].template, applications()["nginx"].port) == (8011, 80)


@pytest.mark.parametrize("arguments", [[], ["demo"], ["demo", "nginx"], ["demo", "nginx", "soon"], list("abcde")])
def a_wrong_command_line_prints_the_usage_and_exits_with_2(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "provisioner.py"), *arguments]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr.startswith("usage: python3 provisioner.py SUBDOMAIN OSS_TYPE DAYS [EMAIL]")


@pytest.mark.usefixtures("settings")
def a_trial_can_be_made_by_hand(world: World) -> None:
    command = [sys.executable, str(ROOT / "provisioner.py"), "demo", "nginx", "14", "taro@example.jp"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1])["vmid"] == 9001
    assert world.lines == ORDER


def what_is_missing_in_the_environment_is_named(tmp_path: Path) -> None:
    script = tmp_path / "provisioner.py"
    script.write_bytes((ROOT / "provisioner.py").read_bytes())
    environment = {"PATH": "/usr/bin:/bin", "PROXMOX_HOST": "x", "PROXMOX_USER": "y"}
    command = [sys.executable, str(script), "demo", "nginx", "7"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "PROXMOX_PASSWORD, CLOUDFLARE_API_TOKEN" in ran.stderr
    assert "PROXMOX_HOST" not in ran.stderr
