"""What the kubelet makes of a Pod, as the API shows it. Sources: pkg/kubelet, and
pkg/registry/core/pod/strategy.go for what stands between a client and the kubelet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.objects import IMAGE, condition, is_ready, pod
from tests.conformance.wire import Cluster, Obj

pytestmark = pytest.mark.usefixtures("runs_pods")
NOWHERE: dict[str, Any] = {"nodeSelector": {"conformance.example.com/no-such": "node"}}


def test_the_log_of_a_pod_without_a_node_is_no_content(cluster: Cluster) -> None:
    cluster.create("pods", pod("one", **NOWHERE))
    answer = cluster.request("GET", cluster.path("pods", "one", "log"))
    assert (answer.status, answer.body) == (204, {"text": ""})


def test_no_command_is_run_in_a_pod_without_a_node(cluster: Cluster) -> None:
    cluster.create("pods", pod("one", **NOWHERE))
    answer = cluster.request("POST", cluster.path("pods", "one", "exec"), command="true")
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    assert answer.body["message"] == "pod one does not have a host assigned"


def ends(code: str, **spec: Any) -> Obj:
    """A Pod whose container ends by itself, with an error."""
    body = pod("one", restartPolicy="Never", **spec)
    body["spec"]["containers"][0]["args"] = [code]
    return body


def state(found: Obj) -> Obj:
    """The state of the one container."""
    statuses = found["status"].get("containerStatuses") or [{}]
    told: Obj = statuses[0].get("state") or {}
    return told


def waits_for(reason: str) -> Callable[[Obj], bool]:
    """Whether the container waits for that reason."""
    return lambda found: (state(found).get("waiting") or {}).get("reason") == reason


def test_a_container_that_fails_and_is_never_restarted_fails_the_pod(cluster: Cluster) -> None:
    cluster.create("pods", ends("no-such-subcommand"))
    found = cluster.until_one("pods", "one", lambda p: p["status"].get("phase") == "Failed")
    ended = state(found)["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (1, "Error")
    assert found["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_container_that_fails_again_and_again_is_backed_off(cluster: Cluster) -> None:
    body = ends("no-such-subcommand")
    body["spec"]["restartPolicy"] = "Always"
    cluster.create("pods", body)
    found = cluster.until_one("pods", "one", waits_for("CrashLoopBackOff"))
    status = found["status"]["containerStatuses"][0]
    assert status["lastState"]["terminated"]["exitCode"] == 1
    text = state(found)["waiting"]["message"]
    assert text.startswith("back-off 10s restarting failed container=app pod=one_")
    assert found["status"]["phase"] == "Running"


def test_the_log_of_the_previous_instance_can_be_read(cluster: Cluster) -> None:
    body = ends("no-such-subcommand")
    body["spec"]["restartPolicy"] = "Always"
    cluster.create("pods", body)
    cluster.until_one("pods", "one", lambda p: restarts(p) > 0)
    answer = cluster.request("GET", cluster.path("pods", "one", "log"), previous="true")
    assert answer.status == 200
    assert "unknown command" in answer.body["text"]


def restarts(found: Obj) -> int:
    """Restarts of the one container."""
    return sum(each["restartCount"] for each in found["status"].get("containerStatuses") or ())


def test_there_is_no_previous_instance_before_the_first_restart(cluster: Cluster) -> None:
    cluster.create("pods", pod("one"))
    cluster.until_one("pods", "one", is_ready)
    answer = cluster.request("GET", cluster.path("pods", "one", "log"), previous="true")
    assert answer.status == 400
    text = 'previous terminated container "app" in pod "one" not found'
    assert answer.body["message"] == text


def test_an_image_that_cannot_be_had_is_tried_again(cluster: Cluster) -> None:
    cluster.create("pods", pod("one", image="conformance.invalid/no-such-image:1"))
    found = cluster.until_one("pods", "one", waits_for("ImagePullBackOff"))
    assert found["status"]["phase"] == "Pending"
    assert state(found)["waiting"]["message"].startswith("Back-off pulling image")


def test_a_configuration_that_is_missing_holds_the_container(cluster: Cluster) -> None:
    body = pod("one")
    body["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "none"}}]
    cluster.create("pods", body)
    found = cluster.until_one("pods", "one", waits_for("CreateContainerConfigError"))
    assert state(found)["waiting"]["message"] == 'configmap "none" not found'
    cluster.create("configmaps", {"metadata": {"name": "none"}, "data": {"a": "1"}})
    cluster.until_one("pods", "one", is_ready)


def test_an_image_of_root_does_not_start_under_run_as_non_root(cluster: Cluster) -> None:
    body = pod("one", securityContext={"runAsNonRoot": True})
    cluster.create("pods", body)
    found = cluster.until_one("pods", "one", waits_for("CreateContainerConfigError"))
    assert state(found)["waiting"]["message"] == (
        "container has runAsNonRoot and image will run as root (pod:"
        f' "one_{cluster.namespace}({found["metadata"]["uid"]})", container: app)'
    )


def test_an_init_container_that_fails_holds_the_others_back(cluster: Cluster) -> None:
    body = pod("one", restartPolicy="Never")
    body["spec"]["initContainers"] = [{"name": "first", "image": IMAGE, "args": ["no-such"]}]
    cluster.create("pods", body)
    found = cluster.until_one("pods", "one", lambda p: p["status"].get("phase") == "Failed")
    assert state(found) == {"waiting": {"reason": "PodInitializing"}}
    assert (condition(found, "Initialized") or {})["status"] == "False"


def test_a_liveness_probe_that_fails_restarts_the_container(cluster: Cluster) -> None:
    body = pod("one")
    probe = {"httpGet": {"path": "/", "port": 9}, "periodSeconds": 1, "failureThreshold": 1}
    body["spec"]["containers"][0]["livenessProbe"] = probe
    cluster.create("pods", body)
    found = cluster.until_one("pods", "one", lambda p: restarts(p) > 0)
    ended = found["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert ended["exitCode"] == 2


def test_a_startup_probe_holds_readiness_back(cluster: Cluster) -> None:
    body = pod("one", serves=True)
    probe = {"httpGet": {"path": "/", "port": 9}, "periodSeconds": 1, "failureThreshold": 60}
    body["spec"]["containers"][0]["startupProbe"] = probe
    cluster.create("pods", body)
    cluster.until_one("pods", "one", lambda p: p["status"].get("phase") == "Running")
    cluster.never("pods", lambda pods: is_ready(pods["one"]), during=3)
    assert cluster.get("pods", "one")["status"]["containerStatuses"][0]["started"] is False


def test_a_running_pod_names_its_class_and_its_addresses(cluster: Cluster) -> None:
    cluster.create("pods", pod("one"))
    found = cluster.until_one("pods", "one", is_ready)
    assert found["status"]["qosClass"] == "BestEffort"
    assert found["status"]["podIPs"] == [{"ip": found["status"]["podIP"]}]
    assert found["status"]["hostIPs"] == [{"ip": found["status"]["hostIP"]}]
