"""A rule: what it looks for, why that matters, what to do, and how a scenario would prove it.

A third party adds its own with the entry-point group `resilience.audit_rules`; each names a module
level `Rule`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from resilience.kube.objects import Object

if TYPE_CHECKING:
    from resilience.audit.base.inventory import Inventory


class Level(IntEnum):
    """How bad it is; the highest is the worst."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def word(self) -> str:
        """`error`."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Hit:
    """One object that a rule is about. `text` is the observation, without the object's name; `part`
    tells several hits of one object apart (a container, a port); `level` overrides the rule's."""

    object: Object
    text: str
    part: str = ""
    level: Level | None = None


def _no_proof(hit: Hit, inventory: Inventory) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`reason` is two sentences: what happens, and when. `source` is the file of Kubernetes that
    says so. `needs` are the kinds that the rule requires: if one of them may not be read, the rule
    is skipped and named. `live` True: only in a cluster; False: only in manifests.
    `prove` gives the steps of a scenario as YAML, "" where reading is all the proof there is.
    """

    id: str
    level: Level
    title: str
    reason: str
    remedy: str
    link: str
    source: str
    find: Callable[[Inventory], Iterable[Hit]]
    needs: tuple[str, ...] = ()
    live: bool | None = None
    prove: Callable[[Hit, Inventory], str] = field(default=_no_proof)
