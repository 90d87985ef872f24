"""The shell scripts that go into the template and onto the host, run with stand-ins for the programs they call."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from world import ROOT

needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is missing: apt-get install jq")
METADATA = {"hostname": "acme", "tunnel_token": "c2VjcmV0", "oss_type": "nginx"}


@dataclass
class Box:
    """A folder in place of `/`, and stand-ins in place of programs; what they are called with is kept."""

    root: Path

    @property
    def calls(self) -> list[str]:
        """What the stand-ins were called with, in order."""
        log = self.root / "calls"
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []

    def stand_in(self, name: str, body: str) -> None:
        """Put a program in front of all others."""
        program = self.root / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.root}/calls\n{body}\n', encoding="utf-8")
        program.chmod(0o755)

    def run(self, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one of our scripts."""
        path = f"{self.root / 'bin'}:{os.environ['PATH']}"
        environment = {"PATH": path, "TAMESUKE_ROOT": str(self.root), "TAMESUKE_RETRY_SECONDS": "0", **environment}
        command = ["bash", str(ROOT / script), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    def configure(self, metadata: str) -> subprocess.CompletedProcess[str]:
        """Run tamesuke-configure.sh on metadata."""
        self.stand_in("systemctl", "exit 0")
        file = self.root / "opt/tamesuke/etc/metadata.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(metadata, encoding="utf-8")
        return self.run("templates/tamesuke-configure.sh")

    def boot(self, answers: list[str]) -> subprocess.CompletedProcess[str]:
        """Run tamesuke-init.sh against a file server that gives these answers; an empty one is a 404."""
        self.stand_in("hostname", "echo acme.example.jp")
        for number, answer in enumerate(answers, start=1):
            (self.root / f"answer-{number}").write_text(answer, encoding="utf-8")
        count = f'$(grep -c "^curl" {self.root}/calls)'
        target = 'while [ "$1" != -o ]; do shift; done'
        self.stand_in("curl", f'{target}; a="{self.root}/answer-{count}"; [ -s "$a" ] || exit 22; cp "$a" "$2"')
        return self.run("templates/tamesuke-init.sh")


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """Give an empty box."""
    return Box(tmp_path)


@needs_jq
def the_tunnels_token_is_readable_by_its_owner_alone_and_nowhere_else(box: Box) -> None:
    for _ in range(2):
        ran = box.configure(json.dumps(METADATA))
        assert ran.returncode == 0, ran.stderr
    token = box.root / "etc/tamesuke/tunnel.env"
    assert token.read_text(encoding="utf-8") == "TUNNEL_TOKEN=c2VjcmV0\n"
    assert token.stat().st_mode & 0o777 == 0o600
    unit = (box.root / "etc/systemd/system/cloudflared.service").read_text(encoding="utf-8")
    assert "EnvironmentFile=/etc/tamesuke/tunnel.env" in unit
    assert "c2VjcmV0" not in unit + ran.stdout + ran.stderr + "".join(box.calls)
    once = ["daemon-reload", "enable cloudflared.service", "restart --no-block cloudflared.service"]
    assert box.calls == [f"systemctl {call}" for call in once * 2]


@needs_jq
@pytest.mark.parametrize(
    "metadata",
    ["{}", '{"tunnel_token": null}', '{"tunnel_token": ""}', '{"tunnel_token": "null"}', '{"tunnel_token": 7}',
     '{"tunnel_token": "a b"}', '{"tunnel_token": "a\\nX=1"}', '{"tunnel_token": "c2Vj', ""],
)  # fmt: skip
def what_has_no_good_token_is_refused_and_starts_nothing(box: Box, metadata: str) -> None:
    assert box.configure(metadata).returncode != 0
    assert not (box.root / "etc/tamesuke/tunnel.env").exists()
    assert box.calls == []


@needs_jq
def a_boot_tries_again_until_the_whole_file_is_there(box: Box) -> None:
    other = json.dumps(METADATA | {"hostname": "other"})
    ran = box.boot(["", json.dumps(METADATA)[:-9], "{}", other, json.dumps(METADATA)])
    assert ran.returncode == 0, ran.stderr
    file = box.root / "opt/tamesuke/etc/metadata.json"
    assert json.loads(file.read_text(encoding="utf-8")) == METADATA
    assert file.stat().st_mode & 0o777 == 0o600
    calls = [call for call in box.calls if call.startswith("curl")]
    assert len(calls) == 5
    assert calls[0].endswith("http://fileserver:8080/metadata/metadata-acme.json")
    assert "c2VjcmV0" not in ran.stdout + ran.stderr


@needs_jq
def a_boot_hands_over_to_the_configuration_and_tells_of_its_failure(box: Box) -> None:
    configure = box.root / "opt/tamesuke/bin/tamesuke-configure.sh"
    configure.parent.mkdir(parents=True)
    configure.write_text("#!/bin/sh\nexit 7\n", encoding="utf-8")
    configure.chmod(0o755)
    assert box.boot([json.dumps(METADATA)]).returncode == 7


def a_boot_gives_up_after_ten_tries_and_keeps_the_last_good_file(box: Box) -> None:
    file = box.root / "opt/tamesuke/etc/metadata.json"
    file.parent.mkdir(parents=True)
    file.write_text("last", encoding="utf-8")
    ran = box.boot([])
    assert ran.returncode == 1
    assert ran.stderr.count("try ") == 10
    assert [child.name for child in file.parent.iterdir()] == ["metadata.json"]
    assert file.read_text(encoding="utf-8") == "last"


PVEAM = """case $1 in
list) echo "NAME SIZE"; [ -z "$HAVE" ] || echo "local:vztmpl/$HAVE 120MB" ;;
available)
  echo "system debian-12-standard_12.2-1_amd64.tar.zst"
  echo "system debian-12-standard_12.12-1_amd64.tar.zst" ;;
esac"""


def pct(config: str) -> str:
    return f"""case $1 in
config) [ -n "{config}" ] || exit 2; printf '{config}' ;;
status) [ -e "$0.started" ] && echo 'status: running' || echo 'status: stopped' ;;
start) touch "$0.started" ;;
esac"""


def the_template_is_built_from_the_newest_debian_12(box: Box) -> None:
    box.stand_in("pveam", PVEAM)
    box.stand_in("pct", pct(""))
    ran = box.run("templates/build-nginx-template.sh", FILESERVER_IP="192.0.2.7")
    assert ran.returncode == 0, ran.stderr
    writes = [call for call in box.calls if call.split()[1] not in ("list", "available", "update", "config", "status")]
    assert writes[0] == "pveam download local debian-12-standard_12.12-1_amd64.tar.zst"
    assert writes[1].startswith("pct create 8011 local:vztmpl/debian-12-standard_12.12-1_amd64.tar.zst --hostname tam")
    assert writes[2] == "pct start 8011"
    assert "pct exec 8011 -- bash /root/setup.sh 192.0.2.7" in writes
    assert writes[-1] == "pct template 8011"
    pushed = [call.split()[3] for call in writes if call.startswith("pct push")]
    assert all(Path(file).is_file() for file in pushed)
    assert len(pushed) == 6


@pytest.mark.parametrize(
    ("config", "code", "goes_on"),
    [
        ("hostname: tamesuke-nginx-template\\ntemplate: 1\\n", 0, False),
        ("hostname: tamesuke-nginx-template\\n", 0, True),
        ("hostname: somebodys-own\\n", 1, False),
    ],
)
def a_number_that_is_taken_is_only_gone_on_with_where_it_is_ours(
    box: Box, config: str, code: int, *, goes_on: bool
) -> None:
    box.stand_in("pveam", PVEAM)
    box.stand_in("pct", pct(config))
    assert box.run("templates/build-nginx-template.sh").returncode == code
    assert ("pct template 8011" in box.calls) == goes_on
    assert not [call for call in box.calls if call.startswith("pct create")]


def a_dry_build_changes_nothing_and_a_wrong_argument_is_usage(box: Box) -> None:
    box.stand_in("pveam", PVEAM)
    box.stand_in("pct", pct(""))
    ran = box.run("templates/build-nginx-template.sh", "--dry-run", "8099")
    assert ran.returncode == 0, ran.stderr
    assert "would run: pct create 8099" in ran.stdout
    assert {call.split()[1] for call in box.calls} <= {"list", "available", "update", "config", "status"}
    assert box.run("templates/build-nginx-template.sh", "nginx").returncode == 2


def install(box: Box, *arguments: str) -> subprocess.CompletedProcess[str]:
    binary = box.root / "tamesuke-server"
    binary.write_text("#!/bin/sh\n", encoding="utf-8")
    return box.run("deploy/install.sh", "--root", str(box.root / "stage"), "--binary", str(binary), *arguments)


def an_install_can_be_run_twice_and_keeps_what_the_operator_changed(box: Box) -> None:
    first = install(box)
    assert first.returncode == 0, first.stderr
    stage = box.root / "stage"
    env = stage / "etc/tamesuke/env"
    assert env.stat().st_mode & 0o777 == 0o600
    text = env.read_text(encoding="utf-8")
    assert "\nPYTHON=/opt/tamesuke/venv/bin/python\n" in text
    for name, kept in (("PROVISIONER", "provisioner.py"), ("CATALOG_FILE", "catalog.toml")):
        assert f"\n{name}=/opt/tamesuke/{kept}\n" in text, "a relative path leads elsewhere from another folder"
        assert (stage / "opt/tamesuke" / kept).is_file()
    assert (stage / "opt/tamesuke/bin/tamesuke-server").stat().st_mode & 0o777 == 0o755
    own = [env, stage / "opt/tamesuke/provisioner.py", stage / "opt/tamesuke/catalog.toml"]
    for file in own:
        file.write_text("mine\n", encoding="utf-8")
    unit = stage / "etc/systemd/system/tamesuke.service"
    unit.write_text("old\n", encoding="utf-8")
    second = install(box)
    assert second.returncode == 0, second.stderr
    assert [file.read_text(encoding="utf-8") for file in own] == ["mine\n"] * 3
    assert second.stdout.count("kept as it is: ") == 2
    assert unit.read_text(encoding="utf-8") != "old\n"
    assert not list(stage.rglob("*.new"))


def a_dry_install_changes_nothing(box: Box) -> None:
    ran = install(box, "--dry-run")
    assert ran.returncode == 0, ran.stderr
    assert "would run: install -m 0600" in ran.stdout
    assert not (box.root / "stage").exists()


def a_dry_install_needs_no_root_and_a_real_one_does(box: Box) -> None:
    box.stand_in("id", "[ $1 = -u ] && echo 1000")
    for program in ("systemctl", "python3"):
        box.stand_in(program, "exit 0")
    binary = box.root / "tamesuke-server"
    binary.write_text("#!/bin/sh\n", encoding="utf-8")
    dry = box.run("deploy/install.sh", "--binary", str(binary), "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "would run: systemctl daemon-reload" in dry.stdout
    real = box.run("deploy/install.sh", "--binary", str(binary))
    assert real.returncode == 1
    assert "missing: root's rights" in real.stderr


def an_install_names_what_is_missing(box: Box) -> None:
    ran = box.run("deploy/install.sh", "--root", str(box.root / "stage"), "--binary", "/nowhere")
    assert ran.returncode == 1
    assert "missing: /nowhere; build it: cargo build" in ran.stderr
    assert box.run("deploy/install.sh", "--help").returncode == 0
    assert box.run("deploy/install.sh", "--nonsense").returncode == 2


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing: apt-get install systemd"
)
@pytest.mark.parametrize("unit", ["deploy/tamesuke.service", "templates/tamesuke-init.service"])
def a_unit_file_has_no_line_that_systemd_does_not_know(unit: str) -> None:
    command = ["systemd-analyze", "verify", "--man=no", str(ROOT / unit)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    complaints = [line for line in ran.stderr.splitlines() if Path(unit).name in line]
    assert [line for line in complaints if "is not executable" not in line] == []


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is missing: apt-get install shellcheck")
def each_shell_script_passes_shellcheck() -> None:
    scripts = [*ROOT.glob("templates/**/*.sh"), *ROOT.glob("deploy/*.sh"), ROOT / ".ci/run"]
    ran = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
