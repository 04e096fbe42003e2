"""Changes of a running Pod's spec: what the kubelet takes up, and that it says so."""

from __future__ import annotations

import json

from resilience.sandbox.kube.api import Obj
from tests.sandbox.running import AGNHOST, Pods


def patch(pods: Pods, name: str, spec: Obj) -> None:
    pods.kubectl("patch", "pod", name, "--type=merge", "-p", json.dumps({"spec": spec}))


def test_every_change_of_the_spec_is_observed(pods: Pods) -> None:
    """Nothing about the containers changes: the generation moves, and is reported all the same."""
    pods.run("web", main={"image": AGNHOST, "args": ["pause"]})
    pods.until_ready("web")
    toleration = {"key": "x", "operator": "Exists", "effect": "NoSchedule"}
    patch(pods, "web", {"tolerations": [toleration]})
    pods.until("web", lambda pod: pod["status"].get("observedGeneration") == 2, "is observed")
    assert pods.get("web")["metadata"]["generation"] == 2


def test_a_deadline_may_be_set_while_the_pod_runs(pods: Pods) -> None:
    pods.run("late", main={"image": AGNHOST, "args": ["pause"]}, terminationGracePeriodSeconds=1)
    pods.until_ready("late")
    patch(pods, "late", {"activeDeadlineSeconds": 1})
    assert pods.phase("late") == "Failed"
    assert pods.get("late")["status"]["reason"] == "DeadlineExceeded"
