"""docs/reference/targets.md, generated from the table with which targets are parsed, so that
neither can become outdated. `resilience.reference.options_reference` writes it; a test compares
the two.
"""

from __future__ import annotations

from collections.abc import Iterator

from resilience.config.target_keys import KEYS, Key

NAME = "targets.md"

HEAD = """\
# Targets

<!-- Made by `make docs` from the code. -->

A target says which cluster may be touched, and how much of it: `[targets.NAME]` in
`resilience.toml` or `[tool.resilience.targets.NAME]` in `pyproject.toml`, in the folder where the
project begins: the nearest one above with a configuration of pytest's, else with one of these
files. How to go about it: [Say what may be broken](../how-to/targets-and-limits.md). A key that is
not known, or a value that is not understood, refuses every run.

| key | value | if left out | |
|---|---|---|---|
"""


def text() -> str:
    """The whole page."""
    return HEAD + "".join(_rows())


def _rows() -> Iterator[str]:
    for name, key in KEYS.items():
        yield f"| `{name}` | {key.words} | {key.default} | {_about(key)} |\n"


def _about(key: Key) -> str:
    return f"{key.about} For example `{key.example}`.".replace("|", "\\|")
