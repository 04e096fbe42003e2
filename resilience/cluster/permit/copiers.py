"""Secrets and ConfigMaps that a controller copies into other namespaces because of an annotation.

Reflector and Replicator copy into namespaces by name or by a regular expression, Replicator and
kubed also into those with certain labels. A name is a place that consent can cover; an expression
or labels stand for namespaces that nobody named, so nothing covers them. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from resilience.kube.objects import mapping

MANY = "(every namespace that {} selects)"

_REFLECTOR = "reflector.v1.k8s.emberstack.com/reflection-auto-"
_NAMING = (f"{_REFLECTOR}namespaces", "replicator.v1.mittwald.de/replicate-to")
_SELECTING = ("replicator.v1.mittwald.de/replicate-to-matching", "kubed.appscode.com/sync")


def copied_into(body: Mapping[str, Any]) -> frozenset[str]:
    """Where copies go."""
    return frozenset(_places(mapping(mapping(body.get("metadata")).get("annotations"))))


def _places(annotations: Mapping[str, Any]) -> Iterator[str]:
    for key in _NAMING:
        for name in str(annotations.get(key) or "").split(","):
            if name := name.strip():
                yield name if re.fullmatch(r"[a-z0-9-]+", name) else MANY.format(key)
    for key in _SELECTING:
        if annotations.get(key) is not None:
            yield MANY.format(key)
    everywhere = str(annotations.get(f"{_REFLECTOR}enabled")).lower() == "true"
    if everywhere and not annotations.get(f"{_REFLECTOR}namespaces"):
        yield MANY.format(f"{_REFLECTOR}enabled")
