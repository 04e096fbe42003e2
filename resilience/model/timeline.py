"""Everything that happened, in order. Facts for people and programs; JSON throughout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class What(Enum):
    """Kinds of timeline entries."""

    RUN = "run"  # started, given done, first action, when ended, settled, ended
    STEP = "step"  # facts: path, state = started | done | failed
    VICTIM = "victim"  # facts: kind, namespace, name, uid, node, why
    CALL = "call"  # facts: method, path, code, seconds
    PROOF = "proof"  # facts: path, what, uid
    WATCH = "watch"  # facts: kind, type, namespace, name, uid, ready, deleted
    EVENT = "event"  # a Kubernetes Event: reason, message, about
    PROBE = "probe"  # facts: name, state = started | steady | stopped
    UNDO = "undo"  # facts: path, state = recorded | done | failed, text
    NOTE = "note"  # a line for people


DRILLED = "drilled"
"""The fact of a NOTE that says which snapshot a drill restores: a mapping with name, started,
store, cluster, objects, bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened. `monotonic` orders; `wall` (since the epoch) is for people."""

    monotonic: float
    wall: float
    what: What
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)
