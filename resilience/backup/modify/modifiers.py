"""All requested changes of one restore, in their order, for `RestoreRequest.modify`.

Kind, name and namespace decide about consent and order, so changing them is an error. Permissions
are restored as recorded: a Role or binding is never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from resilience.backup.format.errors import BadRequest
from resilience.cluster.interface import Object

CHANGED_BY = "changed by"
"""The prefix of such a change's name in reports."""

_RIGHTS = "rbac.authorization.k8s.io"


class Modification(Protocol):
    """One change: a registry, a number of replicas, or a rule of a file."""

    @property
    def name(self) -> str:
        """For people."""

    def idle(self) -> str:
        """What to say of it when it changed nothing."""

    def change(self, kind: str, obj: Object) -> Iterable[str]:
        """Change the object in place; returns the pointers of the changed fields."""


@dataclass(frozen=True, slots=True)
class Modifiers:
    """`used` collects the names of changes that changed something."""

    changes: Sequence[Modification]
    used: set[str] = field(default_factory=set)

    def __call__(self, kind: str, obj: Object) -> Mapping[str, list[str]]:
        """The pointers by change. The namespace is the snapshot's."""
        if str(obj["apiVersion"]).partition("/")[0] == _RIGHTS:
            return {}
        before, found = _self(obj), dict[str, list[str]]()
        for each in self.changes:
            if pointers := list(each.change(kind, obj)):
                self.used.add(each.name)
                found[f"{CHANGED_BY} {each.name}"] = pointers
        if _self(obj) != before:
            raise BadRequest(
                f"{before[1]} {before[3]}: {', '.join(found)} changes its kind, name, namespace or "
                "uid; use --into to change namespaces; the others cannot be changed"
            )
        return found

    def idle(self) -> list[str]:
        """A note for each change that affected nothing, since its condition may be mistyped."""
        return [each.idle() for each in self.changes if each.name not in self.used]


def _self(obj: Object) -> tuple[object, ...]:
    metadata = obj.get("metadata")
    held = metadata if isinstance(metadata, dict) else {}
    return (obj.get("apiVersion"), obj.get("kind"), held.get("namespace"), held.get("name"),
            held.get("uid"))  # fmt: skip
