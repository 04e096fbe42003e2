"""`doctor` names Pods of the system on the nodes that a drain may choose, and on no other."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.nodes.drain import VERB as DRAIN
from resilience.actions.nodes.node_choice import NodeQuery
from resilience.actions.pods.kill import VERB as KILL
from resilience.cluster.interface import NODES, PODS
from resilience.commands.doctor_drains import system_pods
from resilience.config.settings import Settings
from resilience.kube.selectors import Selector
from resilience.model.place import Place
from resilience.model.scenario import Scenario, Step
from resilience.model.values import Duration
from resilience.model.verb import Phase
from tests.engine.fakes import FakeCluster
from tests.engine.helpers import step, world

WEB = Selector.parse("app=web")


@pytest.fixture
def cluster() -> FakeCluster:
    """Three nodes, each with a Pod of the system; two `web` run on node-2, `cache` on node-3."""
    made = world().cluster
    for key in [key for key in made.objects if key[0] in ("nodes", "pods")]:
        del made.objects[key]
    for number in (1, 2, 3):
        labels = {"topology.kubernetes.io/zone": "z1" if number < 3 else "z2"}
        made.put(NODES, {"metadata": {"name": f"node-{number}", "labels": labels}})
        pod(made, "kube-system", f"dns-{number}", number)
    for name in ("web", "web-more"):
        pod(made, "shop", name, 2, labels={"app": "web"})
    pod(made, "shop", "cache", 3, labels={"app": "cache"})
    return made


def pod(cluster: FakeCluster, namespace: str, name: str, node: int, **metadata: Any) -> None:
    owner = [{"kind": "ReplicaSet", "name": "x", "uid": "x", "controller": True}]
    cluster.put(PODS, {
        "metadata": {"name": name, "namespace": namespace, "ownerReferences": owner, **metadata},
        "spec": {"nodeName": f"node-{node}", "containers": [{"name": "c"}]},
        "status": {"phase": "Running"}})  # fmt: skip


def told(cluster: FakeCluster, *when: Step) -> list[str]:
    scenario = Scenario(
        id="s", title="s", tags=(), namespace="shop", seed=None, given=(), probes=(), when=when,
        then=(), settle=Duration.of(0), place=Place(file="s.scenario.yaml", line=1, column=1),
    )  # fmt: skip
    cluster.is_sandbox = False
    return [detail for _, _, detail in system_pods(scenario, cluster, Settings(), ())]


@pytest.mark.parametrize(
    ("node", "numbers"),
    [
        ("node-1", [1]),
        ("biggest", [2]),
        (NodeQuery(running=WEB), [2]),
        (NodeQuery(zone="z1"), [1, 2]),
        (NodeQuery(labels=Selector.parse("topology.kubernetes.io/zone=z2")), [3]),
        (NodeQuery(count=1), [1, 2, 3]),
        (NodeQuery(running=Selector.parse("app=later")), [1, 2, 3]),  # its Pods are yet to come
        ("gone", [1, 2, 3]),
    ],
)
def test_only_nodes_that_may_be_chosen_count(
    cluster: FakeCluster, node: str | NodeQuery, numbers: list[int]
) -> None:
    [line] = told(cluster, step(DRAIN, Phase.WHEN, node=node))
    named = [number for number in (1, 2, 3) if f"kube-system/dns-{number} on" in line]
    assert named == numbers, line


def test_each_drain_has_its_line_and_what_drains_nothing_has_none(cluster: FakeCluster) -> None:
    first, second = (step(DRAIN, Phase.WHEN, node=f"node-{number}") for number in (1, 3))
    assert len(told(cluster, first, second)) == 2
    assert told(cluster, step(KILL, Phase.WHEN, pods=WEB)) == []
