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


OLDER = AGNHOST.rpartition(":")[0] + ":2.52"


def other_image(pods: Pods, name: str, image: str) -> None:
    container = [{"name": "main", "image": image}]
    body = json.dumps({"spec": {"containers": container}})
    pods.kubectl("patch", "pod", name, "--type=strategic", "-p", body)


def test_another_image_restarts_the_container_whatever_the_policy(pods: Pods) -> None:
    pods.run("img", main={"image": AGNHOST, "args": ["pause"]}, restartPolicy="Never",
             terminationGracePeriodSeconds=1)  # fmt: skip
    pods.until_ready("img")
    before = pods.status("img")["containerID"]
    other_image(pods, "img", OLDER)
    pods.until("img", lambda _: pods.status("img").get("restartCount") == 1, "is restarted")
    pods.until_ready("img")
    assert pods.status("img")["containerID"] != before
    pods.until_event("img", "Killing", "Container main definition changed, will be restarted")


def test_a_wrong_image_ends_the_one_that_ran_and_the_right_one_ends_the_wait(pods: Pods) -> None:
    pods.run("fix", main={"image": AGNHOST, "args": ["pause"]}, terminationGracePeriodSeconds=1)
    pods.until_ready("fix")
    other_image(pods, "fix", "registry.example.com/none:1")

    def waits(_: Obj) -> bool:
        waiting = pods.status("fix")["state"].get("waiting") or {}
        return waiting.get("reason") == "ImagePullBackOff"

    pods.until("fix", waits, "waits for its image")
    other_image(pods, "fix", OLDER)
    pods.until_ready("fix")
    assert pods.status("fix")["restartCount"] == 1
