"""`python -m benchmarks [NAME ...]`: modules by the start of their name, else all short ones.

Backup and verdicts take minutes and run when they are named.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks


def main(wanted: list[str]) -> int:
    """Measure and print, module by module."""
    names = sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    chosen = [
        name
        for name in names
        if not name.startswith("_")
        and (
            any(name.startswith(word) for word in wanted)
            if wanted
            else not name.startswith(("backup", "verdicts"))
        )
    ]
    if not chosen:
        print(f"no benchmark is named {' or '.join(wanted)}; there are: {', '.join(names)}")
        return 2
    for name in chosen:
        benchmarks.show(name, list(importlib.import_module(f"benchmarks.{name}").measure()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
