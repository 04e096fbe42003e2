"""The path of a value in a JSON document: `status.replicas`, `items[0].name`. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

USE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""A reference to a kept value in a text: `{cart}`."""

_STEP = re.compile(r"\.?([A-Za-z_$@][\w$@-]*)|\[(\d{1,6})\]")


def steps(text: str) -> Sequence[str | int] | None:
    """Keys and indexes from the top; None if it is not such a path."""
    found: list[str | int] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None or (at == 0 and match[0].startswith(".")):
            return None
        if match[1] and at and not match[0].startswith("."):
            return None
        found.append(match[1] if match[1] else int(match[2]))
        at = match.end()
    return found or None


def found(document: Any, place: str) -> str | None:
    """The value at that path, as a scenario writes it; None if there is none."""
    for step in steps(place) or ():
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return None
    return document if isinstance(document, str) else json.dumps(document)
