"""Files of a folder that only kustomize reads: its own, and the patches that these name.

A patch holds a part of an object; taken for the whole, it lacks everything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from resilience.actions.shared.manifests import KUSTOMIZATIONS


def parts(texts: Mapping[Path, str]) -> set[Path]:
    """Which of these files are kustomizations or their patches."""
    own = {path for path in texts if path.name in KUSTOMIZATIONS}
    named = {path.parent / each for path in own for each in _patches(texts[path])}
    wanted = {each.resolve() for each in named}
    return own | {path for path in texts if path.resolve() in wanted}


def note(found: Iterable[Path]) -> str:
    """What was passed over, and what reads it."""
    folders = sorted({str(each.parent) for each in found if each.name in KUSTOMIZATIONS})
    more = f" and {len(folders) - 1} more" if len(folders) > 1 else ""
    return (
        f"kustomizations and their patches are not read: {folders[0]}{more}; for what is applied:"
        f" kubectl kustomize {folders[0]} | resilience audit -"
    )


def _patches(text: str) -> Iterator[str]:
    import yaml

    try:
        whole = yaml.safe_load(text)
    except yaml.YAMLError:
        return
    if not isinstance(whole, dict):
        return
    for key in ("patches", "patchesStrategicMerge", "patchesJson6902"):
        yield from _paths(whole.get(key))


def _paths(given: Any) -> Sequence[str]:
    entries = given if isinstance(given, list) else []
    names = (each.get("path") if isinstance(each, dict) else each for each in entries)
    return [each for each in names if isinstance(each, str) and "\n" not in each]
