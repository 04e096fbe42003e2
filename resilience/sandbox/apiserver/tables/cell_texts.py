"""Small texts in cells: ages, label selectors, access modes.

Sources: k8s.io/apimachinery/pkg/util/duration/duration.go and
pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from resilience.sandbox.host.sandbox_clock import parse_stamp
from resilience.sandbox.kube.labels import selector_text

UNKNOWN = "<unknown>"
NONE = "<none>"
UNSET = "<unset>"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_YEAR = 365 * _DAY
_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def duration(seconds: float) -> str:
    """A readable duration: at most two units, one if the second adds nothing."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    whole = max(whole, 0)
    if whole < 2 * _MINUTE:
        return f"{whole}s"
    if whole < 10 * _MINUTE:
        return _two(whole, _MINUTE, "m", 1, "s")
    if whole < 3 * _HOUR:
        return f"{whole // _MINUTE}m"
    if whole < 8 * _HOUR:
        return _two(whole, _HOUR, "h", _MINUTE, "m")
    if whole < 48 * _HOUR:
        return f"{whole // _HOUR}h"
    if whole < 8 * _DAY:
        return _two(whole, _DAY, "d", _HOUR, "h")
    if whole < 2 * _YEAR:
        return f"{whole // _DAY}d"
    if whole < 8 * _YEAR:
        return _two(whole, _YEAR, "y", _DAY, "d")
    return f"{whole // _YEAR}y"


def _two(whole: int, big: int, big_name: str, small: int, small_name: str) -> str:
    first, rest = divmod(whole, big)
    second = rest // small
    return f"{first}{big_name}{second}{small_name}" if second else f"{first}{big_name}"


def since(stamp: Any, now: float) -> str:
    """The age of a stamp."""
    if not isinstance(stamp, str) or not stamp:
        return UNKNOWN
    try:
        return duration(now - parse_stamp(stamp))
    except ValueError:
        return UNKNOWN


def age(obj: Mapping[str, Any], now: float) -> str:
    """The age of an object."""
    return since(obj["metadata"].get("creationTimestamp"), now)


def selector(value: Any) -> str:
    """A selector in its text form."""
    return selector_text(value) or NONE


def joined(values: Iterable[Any]) -> str:
    """Comma-separated, "<none>" for nothing."""
    return ",".join(str(value) for value in values if value) or NONE


def access_modes(modes: Any) -> str:
    """RWO and so on, each once, in the real server's order."""
    given = modes or ()
    return ",".join(short for mode, short in _MODES.items() if mode in given)


def containers(template: Any) -> tuple[str, str]:
    """Names and images of a Pod template."""
    spec = (template or {}).get("spec") or {}
    found = spec.get("containers") or ()
    return (
        ",".join(entry.get("name", "") for entry in found),
        ",".join(entry.get("image", "") for entry in found),
    )
