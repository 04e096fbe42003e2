"""Which version of an API comes first: v2 before v1, v1 before v2beta1, other names last.

Source: k8s.io/apimachinery/pkg/version/helpers.go.
"""

from __future__ import annotations

import re

_STAGES = {None: 0, "beta": 1, "alpha": 2}


def priority(version: str) -> tuple[int, int, int, str]:
    """The sort key of a version's name; the preferred one sorts first."""
    match = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if match is None:
        return (3, 0, 0, version)
    return (_STAGES[match[2]], -int(match[1]), -int(match[3] or 0), version)
