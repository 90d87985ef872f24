"""Keeps the contract and prints megabytes to standard error and past Python's own streams."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import provisioner


class TamesukeProvisioner(provisioner.TamesukeProvisioner):
    """Our class, loud."""

    def provision(
        self, customer_email: str, oss_type: str, subdomain: str, duration_days: int
    ) -> provisioner.Provisioned:
        """Make noise before and after."""
        self.shout()
        made = super().provision(customer_email, oss_type, subdomain, duration_days)
        self.shout()
        return made

    @staticmethod
    def shout() -> None:
        """Print four megabytes, among them bytes that are no UTF-8 and lines that look like steps."""
        for number in range(20_000):
            print(f"debug {number} " + "x" * 180, file=sys.stderr)
        os.write(1, b"\xff\xfe 99. [OK] no step\n 3. [OK] not at the start\n{}\n")
