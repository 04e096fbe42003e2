"""One autoscaler, two versions: what is written in one is read in the other."""

from __future__ import annotations

import json
from typing import Any

from tests.sandbox.apiserver.wire import Wire

V1 = "/apis/autoscaling/v1/namespaces/NS/horizontalpodautoscalers"
V2 = V1.replace("v1/names", "v2/names")
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}


def scaler(version: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"autoscaling/{version}",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": TARGET, "maxReplicas": 5, **spec},
    }


def cpu(percentage: int) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": percentage}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


MEMORY = {
    "type": "Resource",
    "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}},
}


def test_a_percentage_of_v1_is_a_metric_of_v2(wire: Wire) -> None:
    made = wire("POST", V1, scaler("v1", targetCPUUtilizationPercentage=50))
    assert made.status == 201, made.message
    assert made.json["apiVersion"] == "autoscaling/v1"
    assert made.json["spec"]["targetCPUUtilizationPercentage"] == 50
    shown = wire("GET", V2 + "/web").json
    assert (shown["apiVersion"], shown["spec"]["metrics"]) == ("autoscaling/v2", [cpu(50)])
    assert "targetCPUUtilizationPercentage" not in shown["spec"]
    [listed] = wire("GET", V1).json["items"]
    assert listed["spec"]["targetCPUUtilizationPercentage"] == 50


def test_what_v1_cannot_say_stands_in_annotations_and_survives_a_write(wire: Wire) -> None:
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 5}}
    metrics = [cpu(70), MEMORY]
    assert wire("POST", V2, scaler("v2", metrics=metrics, behavior=behavior)).status == 201
    old = wire("GET", V1 + "/web").json
    assert old["spec"]["targetCPUUtilizationPercentage"] == 70
    notes = old["metadata"]["annotations"]
    assert json.loads(notes["autoscaling.alpha.kubernetes.io/metrics"]) == [MEMORY]
    old["spec"]["maxReplicas"] = 9
    assert wire("PUT", V1 + "/web", old).status == 200
    new = wire("GET", V2 + "/web").json
    assert new["spec"]["maxReplicas"] == 9
    assert sorted(new["spec"]["metrics"], key=str) == sorted(metrics, key=str)
    assert new["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 5
    assert "annotations" not in new["metadata"]


def test_a_patch_of_v1_changes_what_it_names(wire: Wire) -> None:
    wire("POST", V1, scaler("v1", targetCPUUtilizationPercentage=50))
    patched = wire.patch(V1 + "/web", {"spec": {"targetCPUUtilizationPercentage": 60}})
    assert patched.json["spec"]["targetCPUUtilizationPercentage"] == 60
    wire.patch(V1 + "/web", {"spec": {"maxReplicas": 7}})
    new = wire("GET", V2 + "/web").json["spec"]
    assert (new["maxReplicas"], new["metrics"]) == (7, [cpu(60)])


def test_a_watch_of_v1_sees_v1(wire: Wire) -> None:
    wire("POST", V2, scaler("v2", metrics=[cpu(30)]))
    with wire.watch(V1.replace("NS", wire.namespace) + "?watch=1") as events:
        seen = next(events)["object"]
    assert (seen["apiVersion"], seen["spec"]["targetCPUUtilizationPercentage"]) == (
        "autoscaling/v1",
        30,
    )
