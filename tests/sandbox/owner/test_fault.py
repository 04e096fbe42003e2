"""Accidents on purpose: crashed and frozen Pods, stopped kubelets, dead nodes."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest

from resilience.cluster.interface import NODES
from tests.sandbox.running import AGNHOST, Pods, is_ready, sandbox, wait_for

NETEXEC = {"image": AGNHOST, "args": ["netexec"]}


def test_a_crash_restarts_the_container_and_keeps_the_pod(pods: Pods) -> None:
    pods.run("web", main=NETEXEC)
    before = pods.until_ready("web")
    assert pods.sandbox.fault(
        "crash", namespace=pods.namespace, pod="web", uid=before["metadata"]["uid"]
    ) == {"done": ["main"]}
    pods.until("web", lambda _: pods.status("web")["restartCount"] == 1, "restarted")
    after = pods.until_ready("web")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["status"]["podIP"] == before["status"]["podIP"]
    assert pods.status("web")["lastState"]["terminated"]["exitCode"] == 137


def test_a_crash_of_another_uid_or_name_is_refused(pods: Pods) -> None:
    pods.run("web", main=NETEXEC)
    pods.until_ready("web")
    with pytest.raises(AssertionError, match="Conflict"):
        pods.sandbox.fault("crash", namespace=pods.namespace, pod="web", uid="other")
    with pytest.raises(AssertionError, match="NotFound"):
        pods.sandbox.fault("crash", namespace=pods.namespace, pod="nothere")
    with pytest.raises(AssertionError, match="needs 'pod'"):
        pods.sandbox.fault("crash", namespace=pods.namespace)


def answers(address: str) -> bool:
    try:
        urllib.request.urlopen(f"http://{address}:8080/healthz", timeout=0.3).close()
    except OSError:  # refused, reset, or too late
        return False
    return True


def test_a_frozen_pod_hangs_until_it_is_thawed(pods: Pods) -> None:
    pods.run("ice", main=NETEXEC)
    address = pods.until_ready("ice")["status"]["podIP"]
    wait_for(lambda: answers(address), "the Pod answers")
    pods.sandbox.fault("freeze", namespace=pods.namespace, pod="ice")
    wait_for(lambda: not answers(address), "the Pod hangs")
    pods.sandbox.fault("thaw", namespace=pods.namespace, pod="ice")
    wait_for(lambda: answers(address), "the Pod answers again")
    assert pods.status("ice")["restartCount"] == 0


def node_ready(pods: Pods, name: str) -> Any:
    conditions = pods.sandbox.cluster.get(NODES, name)["status"]["conditions"]
    return next(c["status"] for c in conditions if c["type"] == "Ready")


def test_a_stopped_kubelet_lets_its_node_become_unknown_and_its_pods_run_on() -> None:
    with sandbox("--time-scale", "50") as running:
        pods = Pods(running, "default")
        pods.run("web", main=NETEXEC, nodeName="node-2")
        address = pods.until_ready("web")["status"]["podIP"]
        running.fault("node", name="node-2", state="kubelet-stopped")
        wait_for(lambda: node_ready(pods, "node-2") == "Unknown", "node-2 is Unknown")
        pods.until("web", lambda pod: not is_ready(pod), "is not Ready any more")
        wait_for(lambda: answers(address), "the Pod still answers")
        running.fault("node", name="node-2", state="running")
        wait_for(lambda: node_ready(pods, "node-2") == "True", "node-2 is back")
        pods.until_ready("web")
        assert pods.status("web")["restartCount"] == 0


def test_pods_of_a_dead_node_are_gone_and_restart_when_it_returns() -> None:
    with sandbox("--time-scale", "50") as running:
        pods = Pods(running, "default")
        tolerations = [{"operator": "Exists"}]
        pods.run("web", main=NETEXEC, nodeName="node-3", tolerations=tolerations)
        address = pods.until_ready("web")["status"]["podIP"]
        running.fault("node", name="node-3", state="dead")
        wait_for(lambda: not answers(address), "the Pod does not answer")
        wait_for(lambda: node_ready(pods, "node-3") == "Unknown", "node-3 is Unknown")
        assert pods.status("web")["state"].get("running"), "nobody is there to tell"
        running.fault("node", name="node-3", state="running")
        pods.until("web", lambda _: pods.status("web")["restartCount"] == 1, "restarted")
        again = pods.until_ready("web")["status"]["podIP"]
        wait_for(lambda: answers(again), "the Pod answers again")


@pytest.mark.parametrize("times", [1, 2])
def test_a_node_that_is_back_at_once_starts_its_killed_pods_again(pods: Pods, times: int) -> None:
    pods.run("web", main=NETEXEC, nodeName="node-3")
    before = pods.until_ready("web")["status"]["containerStatuses"][0]["containerID"]
    for _ in range(times):
        pods.sandbox.fault("node", name="node-3", state="dead")
        pods.sandbox.fault("node", name="node-3", state="running")
    pods.until("web", lambda _: pods.status("web")["containerID"] != before, "began again")
    again = pods.until_ready("web")
    assert again["status"]["containerStatuses"][0]["restartCount"] >= 1
    wait_for(lambda: answers(again["status"]["podIP"]), "the Pod answers again")
    assert "Unknown" in str(again["status"]["containerStatuses"][0]["lastState"])


def test_a_pod_deleted_while_its_node_is_dead_goes_when_the_node_returns() -> None:
    with sandbox("--time-scale", "50") as running:
        pods = Pods(running, "default")
        pods.run("web", main=NETEXEC, nodeName="node-1", tolerations=[{"operator": "Exists"}])
        pods.until_ready("web")
        running.fault("node", name="node-1", state="dead")
        pods.kubectl("delete", "pod", "web", "--wait=false")
        wait_for(lambda: node_ready(pods, "node-1") == "Unknown", "node-1 is Unknown")
        assert "deletionTimestamp" in pods.get("web")["metadata"]
        running.fault("node", name="node-1", state="running")
        pods.until_gone("web")


def fault_command(pods: Pods, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`fault ...` as a user types it."""
    command = [sys.executable, "-m", "resilience.sandbox", "fault", "--sandbox", pods.sandbox.id]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_fault_command_crashes_a_pod(pods: Pods) -> None:
    pods.run("web", main=NETEXEC)
    pods.until_ready("web")
    done = fault_command(pods, "crash", f"{pods.namespace}/web")
    assert (done.returncode, done.stdout) == (0, '{"done": ["main"]}\n'), done.stderr
    pods.until("web", lambda _: pods.status("web")["restartCount"] == 1, "restarted")


def test_the_fault_command_says_what_is_refused_in_one_line(pods: Pods) -> None:
    done = fault_command(pods, "crash", f"{pods.namespace}/nothere")
    assert done.returncode == 1
    assert done.stderr == 'error: crash: pods "nothere" not found\n'


def test_the_fault_command_sets_and_clears_a_fault_of_the_api_server(pods: Pods) -> None:
    path = f"/api/v1/namespaces/{pods.namespace}/configmaps"
    done = fault_command(
        pods, "apiserver", "error", "--code", "503", "--times", "1", "--path", path
    )
    assert done.returncode == 0, done.stderr
    try:
        with pytest.raises(AssertionError, match=r"currently unable to handle|ServiceUnavailable"):
            pods.kubectl("get", "--raw", path)
        pods.kubectl("get", "--raw", path)
    finally:
        assert fault_command(pods, "apiserver", "clear").returncode == 0


def test_a_fault_of_an_unknown_node_or_state_is_refused(pods: Pods) -> None:
    with pytest.raises(AssertionError, match="NotFound"):
        pods.sandbox.fault("node", name="node-99", state="dead")
    with pytest.raises(AssertionError, match="running, kubelet-stopped, dead"):
        pods.sandbox.fault("node", name="node-1", state="tired")
