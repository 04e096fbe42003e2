"""Targets: the clusters that may be touched, as a file in version control says.

`[tool.resilience.targets.NAME]` in pyproject.toml or `[targets.NAME]` in resilience.toml, both in
the root folder. Every key is checked: a limit that is misspelt must not be a limit that is absent.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEYS: Mapping[str, type] = {"context": str, "cluster": str, "namespaces": list, "nodes": bool}


class BadTarget(ValueError):
    """A target that cannot be understood; the text names file, target and key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One cluster with what may be done there.

    `cluster` is the uid of its kube-system namespace: a context name proves nothing. `namespaces`
    may be acted in; `nodes` says whether nodes may be.
    """

    name: str
    context: str
    cluster: str
    namespaces: tuple[str, ...] = ()
    nodes: bool = False


def load(root: Path) -> Sequence[Target]:
    """All targets of both files, sorted by name. BadTarget for anything that is not understood."""
    found: dict[str, Target] = {}
    for path, keys in (
        (root / "pyproject.toml", ("tool", "resilience", "targets")),
        (root / "resilience.toml", ("targets",)),
    ):
        for name, body in _tables(path, keys).items():
            if name in found:
                raise BadTarget(f"{path}: target {name!r} is also in pyproject.toml")
            found[name] = _target(path, name, body)
    return [found[name] for name in sorted(found)]


def _tables(path: Path, keys: Sequence[str]) -> Mapping[str, Any]:
    try:
        table: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadTarget(f"{path}: {error}") from error
    for key in keys:
        table = table.get(key, {})
        if not isinstance(table, dict):
            raise BadTarget(f"{path}: {'.'.join(keys)} is not a table")
    assert isinstance(table, dict)
    return table


def _target(path: Path, name: str, body: Any) -> Target:
    where = f"{path}: target {name!r}"
    if not isinstance(body, dict):
        raise BadTarget(f"{where} is not a table")
    for key, value in body.items():
        _check(where, key, value)
    for key in ("context", "cluster"):
        if not body.get(key):
            hint = (
                ""
                if key == "context"
                else (" (kubectl get namespace kube-system -o jsonpath={.metadata.uid})")
            )
            raise BadTarget(f"{where} has no {key}{hint}")
    return Target(
        name=name,
        context=body["context"],
        cluster=body["cluster"],
        namespaces=tuple(body.get("namespaces", ())),
        nodes=body.get("nodes", False),
    )


def _check(where: str, key: str, value: Any) -> None:
    if key not in KEYS:
        near = difflib.get_close_matches(key, KEYS, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; expected {', '.join(sorted(KEYS))}"
        raise BadTarget(f"{where}: unknown key {key!r}{hint}")
    texts = isinstance(value, list) and all(isinstance(part, str) for part in value)
    if type(value) is not KEYS[key] or (KEYS[key] is list and not texts):
        name = {str: "text", list: "a list of texts", bool: "true or false"}[KEYS[key]]
        raise BadTarget(f"{where}: {key} = {value!r}; expected {name}")
