"""The bridge, run as the service runs it: one line in, one line out, gone when its parent is."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from world import ROOT

BRIDGE = (ROOT / "crates/provisioner-adapter/src/bridge.py").read_text(encoding="utf-8")
WAIT_SECS = 20
SCRIPT = """
import os, subprocess, sys, threading, time
class TamesukeProvisioner:
    def __init__(self, proxmox_host, proxmox_password, cloudflare_token, domain="persys.jp", extra=None):
        self.host, self.password, self.token = proxmox_host, proxmox_password, cloudflare_token
    def provision(self, customer_email, oss_type, subdomain, duration_days):
        {body}
        return {{"vmid": 9001, "tunnel_id": "t", "url": "https://x", "status": "active"}}
"""


class Run:
    """One bridge, started in a group of its own."""

    def __init__(self, directory: Path, source: str, environment: dict[str, str]) -> None:
        self.script = directory / "provisioner.py"
        self.script.write_text(source, encoding="utf-8")
        task = {
            "script": str(self.script),
            "lock_file": str(directory / "acme.lock"),
            "settings": {"proxmox_host": "h:8006", "domain": "persys.jp"},
            "order": {"customer_email": "a@b.jp", "oss_type": "nginx", "subdomain": "acme", "duration_days": 7},
        }
        secrets = {"PROXMOX_PASSWORD": "hunter2", "CLOUDFLARE_API_TOKEN": "cf-secret"}
        python = ["PYTHONUNBUFFERED=1", "PYTHONIOENCODING=utf-8", "PYTHONDONTWRITEBYTECODE=1"]
        self.child = subprocess.Popen(
            [sys.executable, "-u", "-c", BRIDGE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
            cwd=directory,
            env={"PATH": os.environ["PATH"], **dict(line.split("=") for line in python), **secrets, **environment},
        )
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        assert self.child.stderr is not None
        self.stdin, self.stdout, self.stderr = self.child.stdin, self.child.stdout, self.child.stderr
        self.stdin.write(json.dumps(task).encode() + b"\n")
        self.stdin.flush()

    def finish(self) -> tuple[int, dict[str, Any], str]:
        """Wait for the end: exit code, result, and what came on standard error."""
        err = self.stderr.read().decode()
        (line,) = self.stdout.read().decode().splitlines()
        result: dict[str, Any] = json.loads(line)
        return self.child.wait(WAIT_SECS), result, err

    def end(self) -> None:
        """Leave nothing of the run."""
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait(WAIT_SECS)
        for stream in (self.stdin, self.stdout, self.stderr):
            stream.close()


Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Give a function that starts a bridge on a script; all of them end with the test."""
    runs: list[Run] = []

    def begin(body: str, *, source: str = SCRIPT, **environment: str) -> Run:
        runs.append(Run(tmp_path, source.format(body=body), environment))
        return runs[-1]

    yield begin
    for run in runs:
        run.end()


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return not stat.read_text(encoding="utf-8").rsplit(") ", 1)[1].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECS
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def what_the_script_returns_is_the_only_line_on_standard_output(start: Start) -> None:
    code, result, err = start('print("1. [OK] 番号: 9001"); os.write(1, b"raw\\n"); os.system("echo child")').finish()
    assert (code, result) == (
        0,
        {"outcome": "ready", "vmid": 9001, "tunnel_id": "t", "url": "https://x", "status": "active"},
    )
    assert "1. [OK] 番号: 9001\n" in err
    assert "raw\n" in err
    assert "child\n" in err


def the_order_the_settings_and_the_secrets_reach_the_class(start: Start) -> None:
    body = "print([self.host, self.password, self.token, customer_email, oss_type, subdomain, duration_days])"
    code, _, err = start(body).finish()
    assert (code, err) == (0, "['h:8006', 'hunter2', 'cf-secret', 'a@b.jp', 'nginx', 'acme', 7]\n")


def the_script_sees_settings_in_the_environment_too(start: Start) -> None:
    code, _, _ = start('assert os.environ["PROXMOX_HOST"] == "odin:8006"', PROXMOX_HOST="odin:8006").finish()
    assert code == 0


def a_script_that_prints_much_does_not_stop_the_bridge(start: Start) -> None:
    code, result, err = start('[print("x" * 200, file=sys.stderr) for _ in range(20000)]').finish()
    assert (code, result["outcome"]) == (0, "ready")
    assert len(err) > 4_000_000


def a_script_that_reads_standard_input_finds_it_empty(start: Start) -> None:
    code, _, err = start("print(repr(sys.stdin.read()), os.isatty(0), flush=True)").finish()
    assert (code, err) == (0, "'' False\n")


def an_exception_is_told_without_secrets_and_addresses(start: Start) -> None:
    code, result, err = start('raise RuntimeError("hunter2 cf-secret for a@b.jp" + "." * 3000 + "hunter2")').finish()
    assert (code, result["outcome"], result["kind"]) == (1, "failed", "RuntimeError")
    assert result["message"].startswith("… … for …...")
    assert len(result["message"]) == 2000
    assert "Traceback" in err


def a_refused_input_is_a_value_error(start: Start) -> None:
    code, result, _ = start('raise ValueError("oss_type")').finish()
    assert (code, result) == (1, {"outcome": "failed", "kind": "ValueError", "message": "oss_type"})


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("raise SystemExit(0)", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("return None", "ContractError"),
        ('return {"vmid": "9001", "tunnel_id": "t", "url": "u", "status": "active"}', "ContractError"),
        ('return {"vmid": True, "tunnel_id": "t", "url": "u", "status": "active"}', "ContractError"),
        ('return {"vmid": 9001, "tunnel_id": None, "url": "u", "status": "active"}', "ContractError"),
        ('return {"vmid": 9001, "tunnel_id": "t", "url": "u"}', "ContractError"),
    ],
)
def an_end_that_the_contract_does_not_know_is_a_failure(start: Start, body: str, kind: str) -> None:
    code, result, _ = start(body).finish()
    assert (code, result["outcome"], result["kind"]) == (1, "failed", kind)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("x = 1", "ContractError"),
        ("TamesukeProvisioner = 7", "ContractError"),
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("this is no Python", "SyntaxError"),
        ("raise SystemExit(0)", "SystemExit"),
        ("class TamesukeProvisioner:\n    pass", "TypeError"),
    ],
)
def a_script_that_can_not_be_used_is_a_failure(start: Start, source: str, kind: str) -> None:
    code, result, _ = start("", source=source).finish()
    assert (code, result["outcome"], result["kind"]) == (1, "failed", kind)


def the_part_of_a_script_for_the_command_line_is_not_run(start: Start) -> None:
    code, _, err = start("pass", source=SCRIPT + '\nif __name__ == "__main__":\n    print("by hand")\n').finish()
    assert (code, err) == (0, "")


def a_module_beside_the_script_can_be_imported(start: Start, tmp_path: Path) -> None:
    (tmp_path / "operators_own.py").write_text("NAME = 'beside'\n", encoding="utf-8")
    code, _, err = start("import operators_own; print(operators_own.NAME)").finish()
    assert (code, err) == (0, "beside\n")


def a_second_run_of_a_name_is_busy_and_imports_nothing(start: Start) -> None:
    first = start('print("here", flush=True); time.sleep(600)')
    assert first.stderr.readline() == b"here\n"
    code, result, err = start("", source='print("imported")').finish()
    assert (code, result, err) == (75, {"outcome": "busy"}, "")


def the_lock_is_held_while_a_run_lives_and_free_after_a_kill(start: Start, tmp_path: Path) -> None:
    first = start('print("here", flush=True); time.sleep(600)')
    assert first.stderr.readline() == b"here\n"
    with (tmp_path / "acme.lock").open() as lock:
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        first.end()
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)


def the_whole_group_dies_when_the_parent_is_gone(start: Start) -> None:
    run = start('child = subprocess.Popen(["sleep", "600"]); print(child.pid, flush=True); child.wait()')
    grandchild = int(run.stderr.readline())
    assert is_alive(grandchild)
    run.stdin.close()
    assert run.child.wait(WAIT_SECS) == -signal.SIGKILL
    wait_until(lambda: not is_alive(grandchild), "the grandchild lives on")


def what_a_script_leaves_running_does_not_outlive_its_result(start: Start) -> None:
    forever = "threading.Thread(target=time.sleep, args=(600,)).start()"
    run = start(f'child = subprocess.Popen(["sleep", "600"]); print(child.pid, flush=True); {forever}')
    grandchild = int(run.stderr.readline())
    code, result, _ = run.finish()
    assert (code, result["outcome"]) == (0, "ready")
    wait_until(lambda: not is_alive(grandchild), "the grandchild lives on")


def a_parent_that_dies_before_its_line_leaves_no_run(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-c", BRIDGE]
    ran = subprocess.run(command, cwd=tmp_path, input=b'{"script":', capture_output=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, b"")
