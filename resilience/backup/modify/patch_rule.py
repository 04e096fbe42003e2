"""One rule of a file of patches: which objects it concerns, and what it does to them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import reduce
from typing import Any

from resilience.backup.format.errors import BadRequest
from resilience.backup.modify.json_patch import PatchFailed, TestFailed, patched
from resilience.backup.modify.strategic_patch import PatchRefused, strategic
from resilience.backup.objects.kind_identity import is_built_in
from resilience.backup.objects.merge import merged
from resilience.cluster.interface import Object
from resilience.kube import label_selector

Patch = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchRule:
    """One rule: where it applies, a JSON patch, merge patches, strategic ones."""

    name: str
    kinds: str
    names: re.Pattern[str]
    namespaces: tuple[str, ...]
    labels: Mapping[str, Any]
    matches: Patch
    patch: Patch
    merges: tuple[Mapping[str, Any], ...]
    strategic: tuple[Mapping[str, Any], ...] = ()
    seen: set[str] = field(default_factory=set, compare=False)

    def idle(self) -> str:
        """What to say of it when it changed nothing; `seen` are the kinds that it fits."""
        why = (
            f"no {' or '.join(sorted(self.seen))} has its names, namespaces, labels and matches, "
            "or would differ" if self.seen else f"the snapshot holds no {self.kinds}"
        )  # fmt: skip
        return f"{self.name} changed no object: {why}"

    def change(self, kind: str, obj: Object) -> Iterator[str]:
        """In place. A patch that does not fit its object is `BadRequest`; one whose operation
        `test` fails is not meant for it (Velero, internal/resourcemodifiers/json_patch.go)."""
        if not fnmatchcase(kind, self.kinds):
            return
        self.seen.add(kind)
        if not self._concerns(obj):
            return
        try:
            changed = patched(obj, self.patch)
            changed = self._strategic(reduce(merged, self.merges, changed))
        except TestFailed:
            return
        except (PatchFailed, PatchRefused) as problem:
            raise BadRequest(f"{self.name}: {obj['kind']} {obj['metadata']['name']}: "
                             f"{problem}") from None  # fmt: skip
        if changed != obj:
            obj.clear()
            obj.update(changed)
            yield from (each["path"] for each in self.patch)
            yield from (f"/{key}" for each in (*self.merges, *self.strategic) for key in each)

    def _strategic(self, obj: Object) -> Object:
        if self.strategic and not is_built_in(obj):
            raise PatchRefused("a custom resource has no strategic patches; write mergePatches")
        return reduce(strategic, self.strategic, obj)

    def _concerns(self, obj: Object) -> bool:
        metadata = obj["metadata"]
        namespace = metadata.get("namespace", "")
        return (
            self.names.search(metadata["name"]) is not None
            and (not self.namespaces or namespace in self.namespaces)
            and label_selector.matches(self.labels, metadata.get("labels") or {})
            and self._fits(obj)
        )

    def _fits(self, obj: Object) -> bool:
        try:
            patched(obj, self.matches)
        except PatchFailed:
            return False
        return True
