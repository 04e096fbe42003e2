"""The objective of a probe: `{availability: 99%, longest_outage: 2s, p99: 300ms}`.

Percentiles are keys that follow a pattern (`p50`, `p99`, `p99.9`), so this mapping has its own
reader.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from yaml.nodes import MappingNode, Node

from resilience.language.shape import hints
from resilience.language.shape.reading import WRONG, Entry, Reading, what
from resilience.language.shape.scalars import SCALARS
from resilience.language.shape.shapes import Shape
from resilience.language.text.near import nearest, quoted
from resilience.model.error_budget import ErrorBudget
from resilience.model.scenario import Objective
from resilience.model.values import Availability, Duration, Share

KEYS = {
    "availability": SCALARS[Availability],
    "longest_outage": SCALARS[Duration],
    "recovery": SCALARS[Duration],
    "error_budget": SCALARS[ErrorBudget],
    "no_worse_than_baseline": SCALARS[Share],
}
"""The fixed keys."""

DOCS = {
    "availability": "Share of the planned requests that must succeed, such as 99.9%. "
    "100% requires that no request fails.",
    "longest_outage": "The longest allowed span without enough good answers; 0s allows none.",
    "recovery": "How long requests may still fail after the last action has ended; from then on "
    "all must succeed, at least ten.",
    "error_budget": "The error budget of the service, such as 0.1% of 30d, of which this scenario "
    "may use all or a part, such as 5% of 0.1% of 30d.",
    "no_worse_than_baseline": "How much higher p95 may be than in the baseline of the same run, "
    "such as 20%; a failed request counts as infinitely slow.",
}

PERCENTILE = r"p(100|[1-9][0-9]?)(\.[0-9]{1,3})?"
"""The keys that are percentiles of latency."""


@dataclass(frozen=True, slots=True)
class ObjectiveShape:
    """Reads an Objective; an empty one is a problem."""

    expected: str = "a mapping such as `{availability: 99%, longest_outage: 2s, p99: 300ms}`"

    def takes(self, node: Node) -> bool:
        return isinstance(node, MappingNode)

    def read(self, node: Node, reading: Reading, label: str) -> Any:
        if not isinstance(node, MappingNode):
            return reading.wrong(node, f"{quoted(label)} is {what(node)}", self.expected)
        entries = reading.entries(node).values()
        if not entries:
            return reading.wrong(node, f"{quoted(label)} is empty", self.expected)
        if comma := next((e for e in entries if re.fullmatch(r"[0-9]+%", e.key)), None):
            message = f"a decimal comma before {quoted(comma.key)}, where it begins a new key"
            return reading.wrong(comma.key_node, message, "a decimal point, such as `99.9%`")
        values = {entry.key: _read(entry, reading, label) for entry in entries}
        return WRONG if any(value is WRONG for value in values.values()) else _objective(values)


def _objective(values: dict[str, Any]) -> Objective:
    latency = {float(key[1:]): value for key, value in values.items() if key not in KEYS}
    return Objective(
        availability=values.get("availability"),
        longest_outage=values.get("longest_outage"),
        recovery=values.get("recovery"),
        error_budget=values.get("error_budget"),
        no_worse_than_baseline=values.get("no_worse_than_baseline"),
        latency=dict(sorted(latency.items())),
    )


_LATENCY = replace(SCALARS[Duration], hint=hints.latency)


def _read(entry: Entry, reading: Reading, label: str) -> Any:
    shape: Shape | None = KEYS.get(entry.key)
    if re.fullmatch(PERCENTILE, entry.key) and float(entry.key[1:]) < 100:
        shape = _LATENCY
    if shape is None:
        message = f"unknown key {quoted(entry.key)} in {quoted(label)}"
        expected = f"{', '.join(map(quoted, KEYS))}, or a percentile of latency such as `p99`"
        return reading.wrong(entry.key_node, message, expected, _guess(entry.key))
    return shape.read(entry.node, reading, entry.key)


def _guess(key: str) -> str:
    if match := re.fullmatch(r"(?:p|perc|percentile|latency)?_?([1-9][0-9](?:\.[0-9]+)?)", key):
        return f"`p{match[1]}`"
    return nearest(key, KEYS)
