"""Pod specs, wherever an object has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from resilience.backup.objects.json_pointer import escaped


def pod_specs(value: Any, pointer: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every Pod spec inside an object, with its pointer, under any name: it is recognized by its
    containers."""
    if isinstance(value, dict):
        if isinstance(value.get("containers"), list):
            yield pointer, value
        for key, inner in value.items():
            yield from pod_specs(inner, f"{pointer}/{escaped(str(key))}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from pod_specs(inner, f"{pointer}/{number}")
