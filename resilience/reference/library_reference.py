"""The index of the library, made from its files; `make docs` writes it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

NAME = "library.md"

ROOT = Path(__file__).parents[2]

HEAD = """\
# The library

<!-- Made by `make docs` from the files in scenarios/library and backups/library. -->

Scenarios to start from. Each creates its own subject, so that it runs on the sandbox unchanged:
`resilience run --library NAME` copies one and runs it. Those marked with a star can be pointed at
your Service:

```text
resilience run --library lose-a-majority --service web --namespace shop --context staging --dry-run
```

The copy in `scenarios/` is yours. Its objectives are the library's: measure, and tighten them.

| name | proves | |
|---|---|---|
"""

PLANS = """
## Plans

`resilience run --library NAME` copies a plan to `backups/` and proves it on the sandbox.
Then name your namespaces in it.

| name | proves |
|---|---|
"""


def text() -> str:
    """The whole page."""
    return HEAD + "".join(_scenarios()) + PLANS + "".join(_plans())


def _scenarios() -> Iterator[str]:
    from resilience.commands.library import HOME, SUFFIX, fits_any, names
    from resilience.language import load
    from resilience.verbs.catalogue import catalogue

    verbs = catalogue()
    for name in names():
        path = HOME / f"{name}{SUFFIX}"
        star = "*" if fits_any(path.read_text(encoding="utf-8")) else ""
        for scenario in load(path, None, verbs, os.environ).scenarios:
            said = re.sub(r"\s+", " ", scenario.description).strip()
            yield f"| `{name}`{star} | {scenario.title} | {said} |\n"


def _plans() -> Iterator[str]:
    for path in sorted((ROOT / "backups" / "library").glob("*.plan.yaml")):
        lines = path.read_text(encoding="utf-8").splitlines()[1:]
        said = []
        for line in lines:
            if not line.startswith("# "):
                break
            said.append(line.removeprefix("# "))
        yield f"| `{path.name.removesuffix('.plan.yaml')}` | {' '.join(said)} |\n"
