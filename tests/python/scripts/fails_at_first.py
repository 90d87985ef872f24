"""Keeps the contract; its first run of a name ends with a traceback in the middle, its second is good."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import provisioner


class TamesukeProvisioner(provisioner.TamesukeProvisioner):
    """Our class, unlucky once for each name and service process."""

    def _upload(self, subdomain: str, metadata: dict[str, object]) -> None:
        mark = Path(tempfile.gettempdir()) / f"tamesuke-first-run-{os.getppid()}-{subdomain}"
        if not mark.exists():
            mark.touch()
            raise ZeroDivisionError
        mark.unlink()
        super()._upload(subdomain, metadata)
