"""Holds recorded exchanges against the public schemas: `python -m tests.clients.life FILE…`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.clients.specs import Checker


def main() -> int:
    """Check the exchanges in the files; say how many, and what is wrong."""
    checker = Checker.load()
    if checker is None:
        print("no public schemas beside this checkout (../shared/specs): a life was not held against them")
        return 0
    for name in sys.argv[1:]:
        for exchange in json.loads(Path(name).read_text(encoding="utf-8")):
            checker.check(exchange)
    for line in checker.summary():
        print(line)
    for problem in sorted(set(checker.problems)):
        print(problem)
    # A life that asked nothing was not recorded.
    return 1 if checker.problems or not checker.counts else 0


if __name__ == "__main__":
    sys.exit(main())
