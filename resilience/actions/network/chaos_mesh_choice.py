"""Which Pods a resource of Chaos Mesh may be injected into at worst, read from its manifest.

Each `mode` with its `selector` is one choice: of a fault, of its far end (`spec.target`), of a
template in a Workflow or a Schedule. `one`, `fixed`, `fixed-percent` and `random-max-percent` take
a part of what matches, and nobody knows which (pkg/selector/generic/mode.go of Chaos Mesh): any of
the Pods may be hit. What narrows a selector by rules unknown here is taken for no narrowing, and a
Schedule, which chooses again each time, may hit everything that matches. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from resilience.cluster.interface import Object
from resilience.kube import label_selector, objects


@dataclass(frozen=True, slots=True)
class Choice:
    """`own` is the namespace of the resource, where a selector names none."""

    selector: Mapping[str, Any]
    mode: str
    value: str
    own: str
    repeated: bool

    @property
    def namespaces(self) -> list[str]:
        """Where it selects."""
        if named := self._named():
            return sorted(named)
        listed = self.selector.get("namespaces")
        return sorted(map(str, listed)) if listed and isinstance(listed, list) else [self.own]

    @property
    def is_whole(self) -> bool:
        """Whether all that `may_select` finds is known to be injected."""
        return self.mode == "all" and not self.repeated and self.selector.keys() <= _KNOWN

    def may_select(self, pod: Object) -> bool:
        """Whether a Pod of these namespaces matches. A list of names replaces all else."""
        if objects.is_finished(pod):
            return False
        if named := self._named():
            return objects.name(pod) in map(str, named.get(objects.namespace(pod)) or ())
        wanted = {
            "matchLabels": self.selector.get("labelSelectors") or {},
            "matchExpressions": self.selector.get("expressionSelectors") or [],
        }
        notes = self.selector.get("annotationSelectors") or {}
        held = pod["metadata"].get("annotations") or {}
        nodes = self.selector.get("nodes")
        return (
            label_selector.matches(wanted, objects.labels(pod))
            and notes.items() <= held.items()
            and (not nodes or (pod.get("spec") or {}).get("nodeName") in nodes)
        )

    def most(self, count: int) -> int:
        """How many of so many Pods it takes at most, at once or one after another."""
        number = _number(self.value)
        if self.repeated or self.mode not in _PARTS or (number is None and self.mode != "one"):
            return count
        return min(count, _PARTS[self.mode](count, number or 0))

    def _named(self) -> Mapping[str, Any]:
        found = self.selector.get("pods")
        return found if isinstance(found, Mapping) else {}


_KNOWN = frozenset(
    {
        "namespaces",
        "labelSelectors",
        "expressionSelectors",
        "annotationSelectors",
        "nodes",
        "pods",
    }
)

_PARTS: Mapping[str, Callable[[int, int], int]] = {
    "one": lambda count, number: 1,
    "fixed": lambda count, number: number,
    "fixed-percent": lambda count, number: count * number // 100,
    "random-max-percent": lambda count, number: count * number // 100,
}


def choices(body: Object) -> Iterator[Choice]:
    """Every choice of Pods in a manifest."""
    yield from _within(body.get("spec"), objects.namespace(body), body.get("kind") == "Schedule")


def _within(value: Any, own: str, repeated: bool) -> Iterator[Choice]:
    if isinstance(value, list):
        for each in value:
            yield from _within(each, own, repeated)
    if not isinstance(value, Mapping):
        return
    repeated = repeated or bool(value.get("schedule"))
    if "mode" in value and isinstance(selector := value.get("selector") or {}, Mapping):
        yield Choice(selector, str(value["mode"]), str(value.get("value", "")), own, repeated)
    for inner in value.values():
        yield from _within(inner, own, repeated)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
