"""Which objects act outside of their own namespace, by what their bodies name."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.permit.acts_elsewhere import ALL, UNREADABLE, elsewhere
from resilience.cluster.permit.installers import REMOTE


def chaos(kind: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind, "spec": spec}


def engine(*experiments: Any, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "litmuschaos.io/v1alpha1", "kind": "ChaosEngine",
            "spec": {"experiments": list(experiments), **spec}}  # fmt: skip


def experiment(name: str, **variables: str) -> dict[str, Any]:
    env = [{"name": key, "value": value} for key, value in variables.items()]
    return {"name": name, "spec": {"components": {"env": env}}}


@pytest.mark.parametrize(
    ("body", "places"),
    [
        (chaos("PodChaos", selector={"labelSelectors": {"app": "a"}}), set()),
        (chaos("PodChaos", selector={"namespaces": ["bank"]}), {"bank"}),
        (chaos("PodChaos", selector={"namespaces": ["bank", ""]}), {"bank", ALL}),
        (chaos("PodChaos", selector={"namespaces": [None]}), {ALL}),
        (chaos("PodChaos", selector={"pods": {"": ["a"]}}), {ALL}),
        (chaos("NetworkChaos", target={"selector": {"pods": {"bank": ["a"]}}}), {"bank"}),
        (chaos("Schedule", podChaos={"remoteCluster": "prod"}), {REMOTE}),
        (chaos("Schedule", podChaos={"remoteCluster": ""}), set()),
        (chaos("AWSChaos", ec2Instance="i-1"), {"(machines outside of the cluster: AWSChaos)"}),
        (chaos("Workflow", templates=[{"gcpChaos": {"action": "node-stop"}}]),
         {"(machines outside of the cluster: gcpChaos)"}),
        (chaos("Schedule", physicalmachineChaos={"address": ["10.0.0.9"]}),
         {"(machines outside of the cluster: physicalmachineChaos)"}),
        (engine(experiment("pod-delete")), set()),
        (engine(experiment("pod-delete"), appinfo={"appns": "bank"}), {"bank"}),
        (engine(selectors={"workloads": [{"kind": "deployment", "namespace": "bank"}]}), {"bank"}),
        (engine(experiment("pod-delete", TARGET_NAMESPACE="bank")), {"bank"}),
        (engine(experiment("pod-delete", APP_NAMESPACE="")), set()),
        (engine(experiment("pod-delete"), appinfo={"appns": None}), set()),
        (engine(experiment("pod-delete"), appinfo=["text", {"appns": "bank"}]), {"bank"}),
        (engine("text"), {"(nodes or machines: an experiment without a name)"}),
        (chaos("PodChaos", selector={"namespaces": {"namespaces": ["bank"]}}), {"bank"}),
        (engine(experiment("node-drain")), {"(nodes or machines: node-drain)"}),
        (engine(experiment("ec2-terminate-by-id")), {"(nodes or machines: ec2-terminate-by-id)"}),
        ({"apiVersion": "v1", "kind": "ConfigMap", "spec": {"namespaces": ["bank"]}}, set()),
        ([{"op": "add", "path": "/spec/selector/namespaces", "value": ["bank"]}], set()),
        (None, set()),
        ({"apiVersion": None, "spec": {"namespaces": ["bank"]}}, set()),
        (chaos("Workflow", templates=[{"awsChaos": None}]), set()),
        (chaos("PodChaos", selector={"pods": ["bank"]}), set()),
        (engine(experiment("pod-delete", OTHER="bank")), set()),
        (engine(selectors=[{"name": "APP_NS", "valueFrom": {}}]), set()),
    ],
)  # fmt: skip
def test_a_fault_acts_where_its_body_says(body: Any, places: set[str]) -> None:
    assert elsewhere(body) == places


def test_a_request_without_a_body_aims_nowhere() -> None:
    assert elsewhere(None, "chaos-mesh.org") == frozenset()
    assert elsewhere("text", "chaos-mesh.org") == {UNREADABLE}


def test_a_patch_without_its_group_is_read_by_that_of_its_path() -> None:
    patch = {"spec": {"selector": {"namespaces": ["bank"]}}}
    assert elsewhere(patch) == set()
    assert elsewhere(patch, "chaos-mesh.org") == {"bank"}
    operations = [{"op": "add", "path": "/spec/selector/namespaces", "value": ["bank"]}]
    assert elsewhere(operations, "chaos-mesh.org") == {UNREADABLE}
