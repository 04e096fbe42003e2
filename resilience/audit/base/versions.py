"""Versions of one application side by side: workloads behind one Service that stand in for each
other, such as a release and its canary. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from resilience.audit.base.workloads import Workload

VERSION = frozenset({"version", "track", "slot", "color", "colour", "revision", "rev"})
"""Names of labels, without their prefix, that distinguish versions of one application."""


def are_versions(workloads: Sequence[Workload]) -> bool:
    """Whether only a version tells their Pods apart, and it does tell them all apart."""
    rest = {frozenset(_labels(each, version=False)) for each in workloads}
    versions = {frozenset(_labels(each, version=True)) for each in workloads}
    return len(rest) == 1 and len(versions) == len(workloads)


def _labels(workload: Workload, *, version: bool) -> list[tuple[str, str]]:
    return [
        (key, value)
        for key, value in workload.labels.items()
        if (key.rpartition("/")[2] in VERSION) is version
    ]
