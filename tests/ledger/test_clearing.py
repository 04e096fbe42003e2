"""The writes of a ledger are deleted although the fault left its store sick, or went with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import DEPLOYMENTS, PODS, SERVICES
from resilience.cluster.requests.command import Command, Result
from resilience.engine.journal.undo_context import Undoing
from resilience.kube.selectors import Selector
from resilience.ledger import targets
from resilience.ledger.clearing import HEALING, clear
from resilience.ledger.targets import ExecTarget, HttpTarget, Target
from resilience.model.values import RunId
from resilience.verbs.context import ActionFailed, InUse
from tests.engine.fakes import FakeClock, FakeCluster

RUN = RunId("68b1f2-0a1b2c")
START = f"{RUN}.kv."
LABELS = {"app": "kv"}
KV = ExecTarget(
    pods=Selector.parse("app=kv"), put=("set", "{key}", "{value}"), list=("list",),
    delete=("delete", "{key}"),
)  # fmt: skip
WITHIN = 180.0


class Store(FakeCluster):
    """Its Pod answers `list` with nothing."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.asked_for: list[Sequence[str]] = []
        self.put(DEPLOYMENTS, named("kv", {"template": {"metadata": {"labels": LABELS}}}))
        self.pod(ready=False)

    def pod(self, *, ready: bool) -> None:
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]}
        self.put(PODS, {**named("kv-0", {}), "status": status})

    def ends(self) -> None:
        for resource in (PODS, DEPLOYMENTS):
            for each in self.list(resource, "shop"):
                self.delete(resource, each["metadata"]["name"], "shop", grace=0)

    def exec(self, command: Command, **_: Any) -> Result:
        self.asked_for.append(command.words)
        return Result(0)


def named(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", "labels": LABELS}
    return {"metadata": metadata, "spec": spec}


def undo(cluster: Store, *, last: bool, target: Target = KV) -> float:
    """How long it took, in virtual seconds."""
    began = cluster.clock.monotonic()
    context = Undoing(cluster=cluster, run=RUN, clock=cluster.clock, deadline=began + WITHIN,
                      last=last)  # fmt: skip
    data = {"target": targets.to_json(target), "prefix": START, "namespace": "shop",
            "timeout": 5.0, "directory": "."}  # fmt: skip
    try:
        clear(data, context)
    finally:
        took = cluster.clock.monotonic() - began
    return took


@pytest.mark.parametrize("last", [False, True])
def test_a_store_that_heals_is_waited_for(last: bool) -> None:
    cluster = Store()
    cluster.clock.after(10.0, lambda: cluster.pod(ready=True))
    assert undo(cluster, last=last) == pytest.approx(10.0, abs=1.5)
    assert cluster.asked_for == [("list",)]


def test_a_store_that_stays_sick_is_left_to_the_undos_that_follow() -> None:
    cluster = Store()
    cluster.clock.after(HEALING + 5, lambda: cluster.pod(ready=True))
    with pytest.raises(InUse, match="stay in set in Pods app=kv: none of 1 Pods app=kv is ready"):
        undo(cluster, last=False)
    assert undo(cluster, last=True) < 10.0
    assert cluster.asked_for == [("list",)]


def test_the_writes_of_a_store_that_is_gone_are_gone() -> None:
    cluster = Store()
    cluster.ends()
    assert undo(cluster, last=False) < 1.0
    assert cluster.asked_for == []


def test_a_store_without_a_pod_may_come_back_while_something_makes_its_pods() -> None:
    cluster = Store()
    cluster.delete(PODS, "kv-0", "shop", grace=0)
    with pytest.raises(ActionFailed, match="none of 0 Pods"):
        undo(cluster, last=True)
    cluster.put(DEPLOYMENTS, named("kv", {"template": {"metadata": {"labels": {"app": "web"}}}}))
    assert undo(cluster, last=True) < 1.0


def test_where_workloads_may_not_be_listed_nothing_is_taken_for_gone() -> None:
    cluster = Store()
    cluster.ends()
    cluster.faults.append(refusing("/deployments"))
    with pytest.raises(ActionFailed, match="none of 0 Pods"):
        undo(cluster, last=True)


def refusing(path: str) -> Callable[[str, str], Exception | None]:
    return lambda method, asked: Forbidden(403, "no") if path in asked else None


def test_a_store_whose_service_another_undo_removed_is_gone() -> None:
    cluster = Store()
    cluster.serve(SERVICES)
    target = HttpTarget(service="kv", port=80, put="/kv/{key}", list="/kv", delete="/kv/{key}")
    assert undo(cluster, last=True, target=target) < 1.0
