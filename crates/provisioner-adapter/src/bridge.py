"""Runs the operator's provisioner.py once, unchanged, for the service that started this process.

Standard input brings one line of JSON and then stays open: its end means that the service is gone, and
the whole process group is killed. Standard output carries one line of JSON, the result; whatever the
script prints comes out on standard error. Secrets come in the environment only. The lock on the name's
lock file is taken before anything of the script is imported: whoever can take it knows that no run of
the name is alive. It never retries, never cleans up and never prints a secret. Standard library only.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import signal
import sys
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

EXIT_FAILED: Final = 1
EXIT_BUSY: Final = 75
MESSAGE_LENGTH_MAX: Final = 2000
TASK_LENGTH_MAX: Final = 65536
SECRETS: Final = ("PROXMOX_PASSWORD", "CLOUDFLARE_API_TOKEN")


@dataclass(frozen=True)
class Task:
    """What the service asks for."""

    script: Path
    lock_file: Path
    settings: dict[str, Any]
    order: dict[str, Any]

    @classmethod
    def parse(cls, line: str) -> Task:
        """Read the one line of standard input."""
        given = json.loads(line)
        return cls(Path(given["script"]), Path(given["lock_file"]), given["settings"], given["order"])


@dataclass(frozen=True)
class Streams:
    """The service's two streams, on descriptors that the script does not know."""

    task: int
    result: TextIO

    @classmethod
    def take(cls) -> Streams:
        """Leave the script an empty standard input, and standard error in place of standard output."""
        streams = cls(os.dup(0), os.fdopen(os.dup(1), "w", encoding="utf-8"))
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        return streams

    def read_line(self) -> str:
        """Read up to the first line's end, byte by byte: nothing may be read ahead."""
        line = bytearray()
        while not line.endswith(b"\n"):
            byte = os.read(self.task, 1)
            if not byte or len(line) >= TASK_LENGTH_MAX:
                sys.exit(EXIT_FAILED)
            line += byte
        return line.decode()

    def watch_parent(self) -> None:
        """Kill the whole group when the service's end closes: nobody would hear of this run any more."""
        while os.read(self.task, 4096):
            pass
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpgrp(), signal.SIGKILL)
        os._exit(EXIT_FAILED)

    def answer(self, result: dict[str, Any]) -> None:
        """Write the result; everything the script printed goes first."""
        sys.stdout.flush()
        sys.stderr.flush()
        print(json.dumps(result), file=self.result, flush=True)


class ContractError(Exception):
    """The script is not what the contract asks for."""


def load_script(path: Path) -> type[Any]:
    """Import the script under a name that is not `__main__` and give its class."""
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("tamesuke_provisioner_script", path)
    if spec is None or spec.loader is None:
        message = f"{path} is no Python file"
        raise ContractError(message)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    found = getattr(module, "TamesukeProvisioner", None)
    if not isinstance(found, type):
        message = f"{path} has no class TamesukeProvisioner"
        raise ContractError(message)
    return found


def judge(made: object) -> dict[str, Any]:
    """Hold what `provision` returned against the contract."""
    if not isinstance(made, dict):
        message = f"provision returned {type(made).__name__} instead of a dict"
        raise ContractError(message)
    wanted = {"vmid": int, "tunnel_id": str, "url": str, "status": str}
    for name, kind in wanted.items():
        if not isinstance(made.get(name), kind) or isinstance(made[name], bool):
            message = f"provision returned no {name} that is {kind.__name__}"
            raise ContractError(message)
    return {"outcome": "ready"} | {name: made[name] for name in wanted}


def provision(task: Task) -> dict[str, Any]:
    """Run the script's `provision`."""
    script = load_script(task.script)
    secrets = {
        "proxmox_password": os.environ.get("PROXMOX_PASSWORD", ""),
        "cloudflare_token": os.environ.get("CLOUDFLARE_API_TOKEN", ""),
    }
    return judge(script(**task.settings, **secrets).provision(**task.order))


def failed(error: BaseException, task: Task) -> dict[str, Any]:
    """Say what went wrong, without secrets and without the customer's address."""
    message = str(error)
    hidden = [os.environ.get(name, "") for name in SECRETS] + [str(task.order.get("customer_email", ""))]
    for secret in filter(None, hidden):
        message = message.replace(secret, "…")
    return {"outcome": "failed", "kind": type(error).__name__, "message": message[:MESSAGE_LENGTH_MAX]}


def end_leftovers() -> None:
    """Ask what the script may have started and left behind to end: nothing of a run outlives its result."""
    if os.getpgrp() == os.getpid():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(os.getpgrp(), signal.SIGTERM)


def main() -> int:
    """Run one task; gives the exit code."""
    streams = Streams.take()
    task = Task.parse(streams.read_line())
    threading.Thread(target=streams.watch_parent, daemon=True).start()
    with task.lock_file.open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            streams.answer({"outcome": "busy"})
            return EXIT_BUSY
        try:
            result = provision(task)
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place that maps them
            traceback.print_exc()
            result = failed(error, task)
        end_leftovers()
        streams.answer(result)
        return 0 if result["outcome"] == "ready" else EXIT_FAILED


def run() -> int:
    """Run the task even where nobody hears of it any more; gives the exit code."""
    try:
        return main()
    except BrokenPipeError:
        # The service's end of a stream is closed: what is left of this process must not linger.
        return EXIT_FAILED


if __name__ == "__main__":
    # Not sys.exit: a thread that the script left running must not keep an ended run alive.
    os._exit(run())
