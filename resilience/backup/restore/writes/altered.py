"""What a cluster stored otherwise than it was sent, as JSON pointers. Pure.

A webhook or an admission policy changes an object, a schema prunes a field, and an API server drops
fields that its version does not have or whose feature is off. None of this is an error, so a
restore looks at the answer. Values that were only added are defaults and do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from resilience.backup.objects.json_pointer import escaped


def altered(sent: Any, stored: Any, at: str = "") -> Iterator[str]:
    """The places whose value is another, or gone. An empty value may come back as another empty
    one, or not at all; None (in a patch: remove it) is no value."""
    if isinstance(sent, dict) and isinstance(stored, dict):
        for key, value in sent.items():
            yield from altered(value, stored.get(key), f"{at}/{escaped(str(key))}")
    elif isinstance(sent, list) and isinstance(stored, list):
        yield from _of_lists(sent, stored, at)
    elif sent != stored and not _is_empty(sent):
        yield at


def _of_lists(sent: Sequence[Any], stored: Sequence[Any], at: str) -> Iterator[str]:
    """One of another length differs as a whole, unless items were only added."""
    if len(sent) == len(stored):
        for number, (was, now) in enumerate(zip(sent, stored, strict=True)):
            yield from altered(was, now, f"{at}/{number}")
        return
    rest = iter(stored)
    if not all(any(_is_same(was, now) for now in rest) for was in sent):
        yield at


def _is_same(sent: Any, stored: Any) -> bool:
    return next(altered(sent, stored), None) is None


def _is_empty(value: Any) -> bool:
    """What `omitempty` leaves out, at any depth."""
    if isinstance(value, dict):
        return all(map(_is_empty, value.values()))
    return not value
