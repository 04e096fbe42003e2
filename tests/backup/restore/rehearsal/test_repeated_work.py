"""A Job that was at work begins again, which a restore says."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.backup.restore.rehearsal.repeated_work import repeated
from resilience.cluster.interface import Object
from tests.backup.fakes import FakeCluster
from tests.backup.restore.restoring import brought_back, stored


def job(status: Any, **spec: Any) -> Object:
    return {"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "import", "namespace": "shop"},
            "spec": spec, "status": status}  # fmt: skip


LINE = (
    "Job shop/import was at work when the snapshot was taken (2 Pods had succeeded): it begins "
    "again from the start"
)


@pytest.mark.parametrize(
    ("obj", "line"),
    [
        (job({"active": 1, "succeeded": 2}), LINE),
        (job({"succeeded": 2}), LINE),
        (job({"active": 1}), LINE.replace("2 Pods", "0 Pods")),
        (job({"failed": 1}), LINE.replace("2 Pods", "0 Pods")),
        (job({"active": 0}), ""),
        (job({}), ""),
        (job(None), ""),
        (job({"succeeded": 2}, suspend=True), ""),
        (job({"active": 1}) | {"apiVersion": "other.example.com/v1"}, ""),
    ],
)
def test_only_a_job_that_had_begun_is_named(obj: Object, line: str) -> None:
    assert repeated(obj) == line


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_restore_names_it_once_and_one_that_ended_not_at_all(dry_run: bool) -> None:
    source = FakeCluster()
    source.namespace("shop")
    ended = {"succeeded": 2, "conditions": [{"type": "Complete", "status": "True"}]}
    other = job(ended)
    other["metadata"]["name"] = "export"
    source.add(job({"active": 1, "succeeded": 2}), other)
    report = brought_back(stored(source), FakeCluster(), dry_run=dry_run)
    assert [each for each in report.notes if "at work" in each] == [LINE]
