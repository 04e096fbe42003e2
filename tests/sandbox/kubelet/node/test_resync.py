"""What the kubelet holds against what the API has: only a difference that stands is one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.node.resync import Strays


def obj(phase: str = "Running", node: str = "n1", **meta: Any) -> Obj:
    return {"metadata": meta, "spec": {"nodeName": node}, "status": {"phase": phase}}


def held(node: str = "n1", *, gone: bool = False) -> Any:
    return SimpleNamespace(gone=gone, spec={"nodeName": node})


def twice(known: dict[str, Obj], pods: dict[str, Any]) -> set[str]:
    strays = Strays()
    assert strays.found(known, pods, {"n1"}) == set()
    return strays.found(known, pods, {"n1"})


@pytest.mark.parametrize(
    ("found", "stray"),
    [
        (obj(), True),
        (obj("Pending"), True),
        (obj("Failed"), False),
        (obj("Failed", deletionTimestamp="t"), True),
        (obj("Failed", deletionTimestamp="t", finalizers=["a/b"]), False),
        (obj(node="n2"), False),
    ],
)
def test_a_pod_that_nobody_looks_after_is_a_stray(found: Obj, stray: bool) -> None:
    assert twice({"u": found}, {}) == ({"u"} if stray else set())


@pytest.mark.parametrize(
    ("pod", "stray"), [(held(), True), (held(gone=True), False), (held("n2"), False)]
)
def test_a_pod_that_the_api_has_no_more_is_a_stray(pod: Any, stray: bool) -> None:
    assert twice({}, {"u": pod}) == ({"u"} if stray else set())


def test_a_difference_that_passes_is_none() -> None:
    strays = Strays()
    assert strays.found({"u": obj()}, {}, {"n1"}) == set()
    assert strays.found({"u": obj()}, {"u": held()}, {"n1"}) == set()
    assert strays.found({"u": obj()}, {}, {"n1"}) == set()


def test_a_pod_that_is_looked_after_is_no_stray() -> None:
    assert twice({"u": obj()}, {"u": held()}) == set()
