"""The tables of this project: all of resilience.toml, and [tool.resilience] of pyproject.toml.

A table that nobody reads is an error: with a misspelt `[target.staging]`, a cluster would have no
target and nothing would say why.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from resilience.config.options import OPTIONS
from resilience.config.root import project_files
from resilience.model.nearest import did_you_mean

KNOWN = ("sandbox", "stores", "targets")

PYPROJECT = "pyproject.toml"
OWN = "resilience.toml"


class BadTable(ValueError):
    """A file that cannot be read, or a table in it; the text names both."""


def tables(root: Path, name: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The table of this name in each file that exists; {} where it is missing."""
    for path in project_files(root):
        ours = _ours(path)
        _require_known(path, ours)
        yield path, _table(path, heading(path.name, name), ours.get(name, {}))


def heading(file: str, *names: str) -> str:
    """`tool.resilience.targets.staging`: how a table is written in the file of that name."""
    path = ("tool", "resilience", *names) if file == PYPROJECT else names
    return ".".join(name if re.fullmatch(r"[\w-]+", name, re.ASCII) else quoted(name)
                    for name in path)  # fmt: skip


def quoted(text: str) -> str:
    """A TOML string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _ours(path: Path) -> Mapping[str, Any]:
    whole = _read(path)
    if path.name != PYPROJECT:
        return whole
    tool = _table(path, "tool", whole.get("tool", {}))
    return _table(path, "tool.resilience", tool.get("resilience", {}))


def _read(path: Path) -> Mapping[str, Any]:
    try:  # editors on Windows begin a file with a byte order mark
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadTable(f"{path}: {error}; expected a file saved as UTF-8") from error
    except (tomllib.TOMLDecodeError, OSError) as error:
        raise BadTable(f"{path}: {error}") from error


def _table(path: Path, written: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadTable(f"{path}: {written} is not a table")
    return value


def _require_known(path: Path, ours: Mapping[str, Any]) -> None:
    for key in ours:
        if key not in KNOWN:
            raise BadTable(
                f"{path}: unknown key {heading(path.name, key)!r}; {_instead(key, path)}"
            )


def _instead(key: str, path: Path) -> str:
    if key == "tool" and path.name != PYPROJECT:
        return f"expected [targets.NAME], without `tool.resilience.`, in {path.name}"
    name = key.removeprefix("resilience_").replace("-", "_")
    if any(option.name == name for option in OPTIONS):
        return (
            f"options are pytest's: write resilience_{name} in [tool.pytest.ini_options] of"
            f" {PYPROJECT}"
        )
    expected = ", ".join(KNOWN[:-1])
    return f"expected {expected} or {KNOWN[-1]}{did_you_mean(key, KNOWN)}"
