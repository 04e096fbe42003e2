"""Finds the workloads that a label selector matches, with an index over single labels.

Semantics of k8s.io/apimachinery/pkg/apis/meta/v1 (LabelSelectorAsSelector) and, for Services, of
plain label maps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from resilience.audit.base.workloads import Workload, mapping
from resilience.kube.label_selector import matches

GIVEN: Mapping[str, frozenset[str]] = {
    "statefulset.kubernetes.io/pod-name": frozenset({"StatefulSet"}),
    "apps.kubernetes.io/pod-index": frozenset({"StatefulSet"}),
    "controller-revision-hash": frozenset({"StatefulSet", "DaemonSet"}),
    "pod-template-hash": frozenset({"Deployment", "ReplicaSet"}),
    "job-name": frozenset({"Job", "CronJob"}),
    "batch.kubernetes.io/job-name": frozenset({"Job", "CronJob"}),
}
"""Labels that controllers give to the Pods of these kinds; no template has them."""


class Index:
    """The workloads of one namespace."""

    def __init__(self, workloads: Iterable[Workload]) -> None:
        self._all = tuple(workloads)
        self._by_label: defaultdict[tuple[str, str], list[Workload]] = defaultdict(list)
        for each in self._all:
            for pair in each.labels.items():
                self._by_label[pair].append(each)

    def selected(self, selector: Mapping[str, Any]) -> Sequence[Workload]:
        """Match by matchLabels and matchExpressions; an empty selector matches everything."""
        labels = mapping(selector, "matchLabels")
        given = {key: str(value) for key, value in labels.items() if key in GIVEN}
        labels = {key: value for key, value in labels.items() if key not in GIVEN}
        lists = [self._by_label.get((key, str(value)), []) for key, value in labels.items()]
        narrow: Sequence[Workload] = min(lists, key=len) if lists else self._all
        rest = {**selector, "matchLabels": labels}
        return [
            each
            for each in narrow
            if matches(rest, each.labels) and all(_gets(each, *pair) for pair in given.items())
        ]


def _gets(workload: Workload, key: str, value: str) -> bool:
    """Whether its controller may give a Pod this label."""
    if workload.kind == "Pod":
        return workload.labels.get(key) == value
    named = value.rpartition("-")[0] == workload.name
    return workload.kind in GIVEN[key] and (not key.endswith("pod-name") or named)
