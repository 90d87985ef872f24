"""Keeps the contract and takes its settings from the environment, whatever its class is given."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import provisioner


class TamesukeProvisioner(provisioner.TamesukeProvisioner):
    """Our class, wired by itself."""

    def __init__(self, *_given: object, log_level: str = "info", **_named: object) -> None:
        """Read what the script's own `main` would read."""
        settings = {argument: os.environ[name] for argument, name in provisioner.NEEDED.items()}
        self.log_level = log_level
        super().__init__(
            **settings,
            fileserver_port=int(os.environ["FILESERVER_PORT"]),
            domain=os.environ["DOMAIN"],
            proxmox_node=os.environ["PROXMOX_NODE"],
        )
