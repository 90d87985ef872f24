"""Keeps the contract and words its steps otherwise: `cargo xtask demo --once --provisioner` this file."""

from __future__ import annotations

import builtins
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import provisioner


def say(*texts: object, end: str = "\n", flush: bool = False, **_rest: object) -> None:
    """Print a step's number and mark as they are, and other words behind."""
    words = [re.sub(r"(?<=\] ).*", "fertig – 完成 ✓", str(text)) for text in texts]
    builtins.print(*words, end=end, flush=flush)


provisioner.print = say  # type: ignore[attr-defined] # the module's own prints go through it
TamesukeProvisioner = provisioner.TamesukeProvisioner
