"""docs/reference/targets.md, generated from the table with which targets are parsed, so that
neither can become outdated. `resilience.reference.options_reference` writes it; a test compares
the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field
from typing import Any

from resilience.config import fleet
from resilience.config.target_keys import KEYS, Key
from resilience.machines.kinds import KINDS, settings_of

NAME = "targets.md"

HEAD = """\
# Targets

<!-- Made by `make docs` from the code. -->

A target says which cluster may be touched, and how much of it: `[targets.NAME]` in
`resilience.toml` or `[tool.resilience.targets.NAME]` in `pyproject.toml`, in the folder where the
project begins: the nearest one above with a configuration of pytest's, else with one of these
files. See [Say what may be broken](../how-to/targets-and-limits.md). With an unknown key or an
invalid value, every run is refused.

| key | value | if left out | |
|---|---|---|---|
"""


def text() -> str:
    """The whole page."""
    return "".join((HEAD, *_rows(KEYS), DRIVERS, *_kinds(), FLEETS, *_rows(fleet.KEYS)))


FLEETS = """
## Fleets

`--resilience-fleet FILE` names a TOML file with a table `[clusters.NAME]` for each cluster, and
every scenario and plan runs on each. A fleet permits nothing: each cluster consents for itself.
See [Run on several clusters](../how-to/fleets.md).

| key | value | if left out | |
|---|---|---|---|
"""


DRIVERS = """
## Drivers

`driver = {kind = "KIND", ...}`. A driver acts only on a machine that it can prove to be the node's,
and an order counts only when the machine's own API says that it was carried out. A dry run checks
the same.
"""


def _kinds() -> Iterator[str]:
    for name, kind in KINDS.items():
        yield f"\n### `{name}`\n\n{kind.about}\n\n| key | if left out | |\n|---|---|---|\n"
        for field in settings_of(kind):
            yield f"| `{field.name}` | {_default(field)} | {_about_setting(field)} |\n"


def _default(field: Field[Any]) -> str:
    if field.default is MISSING:
        return "required" if field.default_factory is MISSING else "none"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{field.default}`" if field.default else "none"


def _about_setting(field: Field[Any]) -> str:
    return f"{field.metadata['doc']} For example `{field.metadata['example']}`."


def _rows(keys: Mapping[str, Key]) -> Iterator[str]:
    for name, key in keys.items():
        yield f"| `{name}` | {key.words} | {key.default} | {_about(key)} |\n"


def _about(key: Key) -> str:
    return f"{key.about} For example `{key.example}`.".replace("|", "\\|")
