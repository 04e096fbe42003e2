"""Pods of a DaemonSet that does not exist are found, each DaemonSet with one question."""

from __future__ import annotations

import pytest

from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import DAEMONSETS, Object, Resource
from resilience.drain.orphans import orphans
from tests.drain.objects import pod
from tests.engine.fakes import FakeClock, FakeCluster


class Counting(FakeCluster):
    questions = 0

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object:
        self.questions += 1
        return super().get(resource, name, namespace)


@pytest.fixture
def cluster() -> Counting:
    made = Counting(FakeClock())
    made.put(DAEMONSETS, {"metadata": {"name": "log", "namespace": "shop"}, "spec": {}})
    return made


def test_only_pods_of_a_missing_daemonset_are_orphans(cluster: Counting) -> None:
    pods = [
        pod("log-1", app="log", owner="DaemonSet"),
        pod("log-2", app="log", owner="DaemonSet"),
        pod("old-1", app="old", owner="DaemonSet"),
        pod("old-2", app="old", owner="DaemonSet"),
        pod("web-1"),
        pod("bare", owner=None),
    ]
    assert orphans(cluster, pods) == {"uid-old-1", "uid-old-2"}
    assert cluster.questions == 2


def test_a_daemonset_of_the_same_name_elsewhere_is_another(cluster: Counting) -> None:
    away = pod("log-1", app="log", owner="DaemonSet", namespace="bank")
    assert orphans(cluster, [away]) == {"uid-log-1"}


def test_a_refused_question_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(*_: object) -> Object:
        raise Forbidden(403, "no")

    made = FakeCluster(FakeClock())
    monkeypatch.setattr(made, "get", get)
    with pytest.raises(Forbidden):
        orphans(made, [pod("log-1", app="log", owner="DaemonSet")])
