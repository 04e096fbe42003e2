"""The tone that colours an outcome or a result: good, bad, or doubtful for all others. Pure."""

from __future__ import annotations

_TONES = {
    "passed": "good",
    "service failed": "bad",
    "failed": "bad",
    "undo incomplete": "bad",
    "harness error": "bad",
}


def tone(result: str) -> str:
    """The tone of an outcome or a result, given as text."""
    return _TONES.get(result, "doubt")
