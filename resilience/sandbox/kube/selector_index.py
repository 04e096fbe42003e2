"""Label selectors as controllers use them, and an index that finds selectors by labels.

`matches` follows apimachinery's `labels.Requirement.Matches` (NotIn and DoesNotExist also hold for
an absent key). An empty selector matches everything and a missing one nothing, the rule of
`metav1.LabelSelectorAsSelector`; Services are the exception, and call their own constructor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Labels = Mapping[str, str]
Key = tuple[str, str]
"""Namespace and name of an object; the namespace is "" for cluster-scoped kinds."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of `matchExpressions`; `matchLabels` entries become `In` with one value."""

    key: str
    operator: str
    values: frozenset[str]

    def holds(self, labels: Labels) -> bool:
        """Whether an object with these labels satisfies the requirement."""
        value = labels.get(self.key)
        if self.operator == "In":
            return value is not None and value in self.values
        if self.operator == "NotIn":
            return value is None or value not in self.values
        if self.operator == "Exists":
            return value is not None
        if self.operator == "DoesNotExist":
            return value is None
        return False


@dataclass(frozen=True, slots=True)
class Selector:
    """All requirements must hold. `Selector(None)` is the selector that matches nothing."""

    requirements: tuple[Requirement, ...] | None

    def matches(self, labels: Labels | None) -> bool:
        """Whether an object with these labels is selected."""
        if self.requirements is None:
            return False
        have = labels or {}
        return all(requirement.holds(have) for requirement in self.requirements)

    @property
    def anchor(self) -> Requirement | None:
        """A requirement that only objects with one of few known values satisfy, for an index."""
        for requirement in self.requirements or ():
            if requirement.operator == "In":
                return requirement
        return None


NOTHING = Selector(None)


def from_labels(labels: Labels | None) -> Selector:
    """The selector of a plain map, as Services and ReplicationControllers have; {} is all."""
    items = sorted((labels or {}).items())
    return Selector(tuple(Requirement(k, "In", frozenset((v,))) for k, v in items))


def from_spec(selector: Mapping[str, Any] | None) -> Selector:
    """The selector of a `LabelSelector` mapping; None matches nothing, {} everything."""
    if selector is None:
        return NOTHING
    plain = from_labels(selector.get("matchLabels")).requirements or ()
    rest = tuple(
        Requirement(entry["key"], entry["operator"], frozenset(entry.get("values") or ()))
        for entry in selector.get("matchExpressions") or ()
    )
    return Selector(plain + rest)


class SelectorIndex:
    """Selectors by namespace, found by the labels of an object in O(its labels), not O(selectors).

    Each selector is indexed by its first `In` requirement; the rest (empty, only Exists or NotIn)
    are few in practice and tried one by one.
    """

    def __init__(self) -> None:
        self._selectors: dict[Key, Selector] = {}
        self._anchored: dict[tuple[str, str, str], set[Key]] = {}
        self._free: dict[str, set[Key]] = {}

    def get(self, key: Key) -> Selector | None:
        """The selector registered under a key."""
        return self._selectors.get(key)

    def put(self, key: Key, selector: Selector) -> None:
        """Register or replace; putting the same selector again costs a comparison."""
        if self._selectors.get(key) == selector:
            return
        self.discard(key)
        self._selectors[key] = selector
        for bucket in self._buckets(key, selector):
            bucket.add(key)

    def discard(self, key: Key) -> None:
        """Forget a key; unknown ones are fine."""
        old = self._selectors.pop(key, None)
        if old is not None:
            for bucket in self._buckets(key, old):
                bucket.discard(key)

    def matching(self, namespace: str, labels: Labels | None) -> Iterator[Key]:
        """Keys of all selectors of the namespace that select these labels, in no order."""
        have = labels or {}
        seen: set[Key] = set()
        for key in self._candidates(namespace, have):
            if key not in seen and self._selectors[key].matches(have):
                seen.add(key)
                yield key

    def _candidates(self, namespace: str, labels: Labels) -> Iterator[Key]:
        for name, value in labels.items():
            yield from tuple(self._anchored.get((namespace, name, value), ()))
        yield from tuple(self._free.get(namespace, ()))

    def _buckets(self, key: Key, selector: Selector) -> Iterable[set[Key]]:
        anchor = selector.anchor
        if anchor is None:
            yield self._free.setdefault(key[0], set())
            return
        for value in anchor.values:
            yield self._anchored.setdefault((key[0], anchor.key, value), set())
