"""Chooses the victims of an earlier run again, from its report.json.

The same seed makes the same choice among the same number of candidates in the same order; names
override it where they still exist. A victim is found by uid; else by name (a StatefulSet's Pod, a
node); else, if Pods have new names, the seed chooses again and takes the same positions in the
order of names. A scenario that is not in the report is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from resilience.engine.base import seeds
from resilience.kube import objects
from resilience.verbs.context import Refused


@dataclass(frozen=True, slots=True)
class Known:
    """One object that a step of the earlier run chose."""

    kind: str
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One scenario's choices, by the path of the step."""

    seed: int
    chosen: Mapping[str, Sequence[Known]] = field(default_factory=dict)

    def stream(self, seed: int, path: str) -> Random:
        """For `Options.stream`."""
        return Repeated(seed, path, self.chosen.get(path, ()))


class Repeated(Random):
    """A step's random stream that prefers known victims."""

    def __new__(cls, *_: object) -> Repeated:
        return super().__new__(cls)

    def __init__(self, seed: int, path: str, known: Sequence[Known]) -> None:
        super().__init__()
        self.setstate(seeds.stream(seed, path).getstate())
        self._known = tuple(known)

    def sample(self, population: Any, k: int, *, counts: Any = None) -> list[Any]:
        """The known members of `population`, if there are as many as requested."""
        usual = super().sample(population, k, counts=counts)
        for same in (_same_uid, _same_name):
            found = [each for each in population if any(same(each, one) for one in self._known)]
            if len(found) == k:
                return found
        return usual


def _same_uid(obj: Any, known: Known) -> bool:
    return isinstance(obj, dict) and objects.uid(obj) == known.uid


def _same_name(obj: Any, known: Known) -> bool:
    if not isinstance(obj, dict):
        return False
    mine = obj.get("kind"), objects.namespace(obj), objects.name(obj)
    return mine == (known.kind, known.namespace, known.name)


def read(path: Path) -> Mapping[str, Replay]:
    """The choices by scenario id. Raises Refused for a file that is not a report of this plugin."""
    try:
        runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
        return {str(run["scenario"]["id"]): _replay(run) for run in runs}
    except OSError as error:
        raise Refused(f"--resilience-replay {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(
            f"--resilience-replay {path} is not a report.json of this plugin: {error!r}"
        ) from None


def _replay(run: Mapping[str, Any]) -> Replay:
    chosen: dict[str, list[Known]] = {}
    for entry in run["timeline"]:
        facts = entry.get("facts") or {}
        if {"path", "kind", "name", "uid"} <= facts.keys() and facts["kind"] in ("Pod", "Node"):
            known = Known(facts["kind"], facts.get("namespace", ""), facts["name"], facts["uid"])
            chosen.setdefault(str(facts["path"]), []).append(known)
    return Replay(seed=int(run["seed"]), chosen=chosen)


def of(path: Path, scenario: str) -> Replay:
    """One scenario's."""
    known = read(path)
    if scenario not in known:
        names = ", ".join(sorted(known)) or "none"
        raise Refused(f"--resilience-replay {path} holds no run of {scenario}; it holds: {names}")
    return known[scenario]
