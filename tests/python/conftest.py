"""What several test files need: the world on loopback, and a script wired to it."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from world import Listener, World, make_certificate

from provisioner import TamesukeProvisioner


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Give one certificate for the session."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def world(certificate: tuple[Path, Path]) -> World:
    """Give an empty world."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return World(context)


@pytest.fixture
def settings(world: World, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Give the environment that leads a script to the world, and set it."""
    plain, tls = Listener(world, tls=False), Listener(world, tls=True)
    environment = {
        "PROXMOX_HOST": f"127.0.0.1:{tls.port}",
        "PROXMOX_USER": "root@pam",
        "PROXMOX_PASSWORD": "pass-word",
        "PROXMOX_CA_FILE": str(certificate[0]),
        "CLOUDFLARE_API_TOKEN": "cf-token",
        "CLOUDFLARE_ACCOUNT_ID": "A",
        "CLOUDFLARE_ZONE_ID": "Z",
        "CLOUDFLARE_BASE_URL": f"http://127.0.0.1:{plain.port}/client/v4",
        "FILESERVER_HOST": "127.0.0.1",
        "FILESERVER_PORT": str(plain.port),
        "HTTPS_PROXY": f"http://127.0.0.1:{plain.port}",
        "NO_PROXY": "127.0.0.1,localhost",
        "PROVISIONER_POLL_SECONDS": "0.01",
        "PROVISIONER_READY_SECONDS": "5",
        "PROVISIONER_READY_POLL_SECONDS": "0.01",
    }
    for name in ("https_proxy", "http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield environment
    plain.close()
    tls.close()


@pytest.fixture
def provisioner(settings: dict[str, str]) -> TamesukeProvisioner:
    """Give our script's class, wired to the world."""
    return TamesukeProvisioner(
        proxmox_host=settings["PROXMOX_HOST"],
        proxmox_user=settings["PROXMOX_USER"],
        proxmox_password=settings["PROXMOX_PASSWORD"],
        cloudflare_token=settings["CLOUDFLARE_API_TOKEN"],
        cloudflare_account_id=settings["CLOUDFLARE_ACCOUNT_ID"],
        cloudflare_zone_id=settings["CLOUDFLARE_ZONE_ID"],
        fileserver_host=settings["FILESERVER_HOST"],
        fileserver_port=int(settings["FILESERVER_PORT"]),
    )
