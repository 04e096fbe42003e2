"""How Pods end: notice, grace, hooks, force; with real processes in real time."""

from __future__ import annotations

import http.client
import json
import socket
import time
import urllib.request
from contextlib import suppress
from typing import Any

import pytest

from resilience.sandbox.host import processes
from tests.sandbox.running import AGNHOST, Pods, comm, netexec, wait_for

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: print('term')); " \
           "print('up')\nwhile True: time.sleep(60)"  # fmt: skip


def process_of(pods: Pods, name: str) -> int:
    """The main process of a Pod that runs `python3`, found by its environment."""
    below = processes.children(pods.sandbox.process("zygote"))
    status = pods.status(name)
    assert "running" in status["state"]
    log = pods.sandbox.directory / "pods" / pods.get(name)["metadata"]["uid"]
    assert log.is_dir()
    found = [pid for pid in below if comm(pid) in ("python3", "agnhost")]
    assert found
    return found[-1]


def test_a_program_that_handles_sigterm_ends_by_itself(pods: Pods) -> None:
    pods.run("polite", main=netexec(), terminationGracePeriodSeconds=600)
    address = pods.until_ready("polite")["status"]["podIP"]
    socket.create_connection((address, 8080), 5).close()
    began = time.monotonic()
    pods.kubectl("delete", "pod", "polite")
    assert time.monotonic() - began < 60
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, 8080), 5)


def test_a_program_without_a_handler_is_killed_only_after_the_grace_period(pods: Pods) -> None:
    pods.run("deaf", "import time; time.sleep(600)", terminationGracePeriodSeconds=3)
    pods.until_ready("deaf")
    began = time.monotonic()
    pods.kubectl("delete", "pod", "deaf")
    assert 2.8 < time.monotonic() - began < 60


def test_a_pod_stays_running_and_ready_while_it_terminates(pods: Pods) -> None:
    pods.run("slow", main=netexec("--delay-shutdown=2"),
             terminationGracePeriodSeconds=30)  # fmt: skip
    pods.until_ready("slow")
    pods.kubectl("delete", "pod", "slow", "--wait=false")
    pod = pods.get("slow")
    assert "deletionTimestamp" in pod["metadata"]
    assert pod["status"]["phase"] == "Running"
    assert {c["status"] for c in pod["status"]["conditions"]} == {"True"}
    pods.until_gone("slow")


def test_a_later_delete_may_shorten_the_grace_period(pods: Pods) -> None:
    pods.run("hurry", STUBBORN, terminationGracePeriodSeconds=600)
    pods.until_ready("hurry")
    pods.kubectl("delete", "pod", "hurry", "--wait=false")
    pods.kubectl("delete", "pod", "hurry", "--grace-period=1", "--timeout=60s")


@pytest.mark.parametrize(
    "hook", [{"sleep": {"seconds": 600}}, {"exec": {"command": ["sleep", "600"]}}]
)
def test_a_later_delete_ends_a_pre_stop_hook(pods: Pods, hook: dict[str, Any]) -> None:
    lifecycle = {"preStop": hook}
    pods.run("held", main={**netexec(), "lifecycle": lifecycle}, terminationGracePeriodSeconds=600)
    pods.until_ready("held")
    pods.kubectl("delete", "pod", "held", "--wait=false")
    pods.kubectl("delete", "pod", "held", "--grace-period=1", "--timeout=60s")


def test_grace_zero_removes_the_object_at_once_and_kills_two_seconds_later(pods: Pods) -> None:
    pods.run("force", STUBBORN, terminationGracePeriodSeconds=600)
    pods.until_ready("force")
    pid = process_of(pods, "force")
    began = time.monotonic()
    pods.kubectl("delete", "pod", "force", "--grace-period=0", "--force", "--wait=false")
    assert not pods.kubectl("get", "pod", "force", "--ignore-not-found")
    wait_for(lambda: not processes.alive(pid), "the process is killed")
    assert 1.5 < time.monotonic() - began < 60


def test_pre_stop_runs_before_sigterm_and_within_the_grace_period(pods: Pods) -> None:
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo hook > /d/hook"]}}}
    program = (
        "import os, signal, time\n"
        "def end(*_):\n"
        "    open('/d/seen', 'w').write(str(os.path.exists('/d/hook')))\n"
        "    os._exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "while True: time.sleep(60)\n"
    )
    claim: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "reader"},
        "spec": {
            "containers": [{"name": "main", "image": "python:3", "command": ["sleep", "600"],
                            "volumeMounts": [{"name": "d", "mountPath": "/d"}]}],
            "volumes": [{"name": "d", "hostPath": {"path": "/shared"}}],
            "nodeName": "node-1",
            "terminationGracePeriodSeconds": 0,
        },
    }  # fmt: skip
    pods.run(
        "hooked",
        program,
        nodeName="node-1",
        terminationGracePeriodSeconds=20,
        volumes=[{"name": "d", "hostPath": {"path": "/shared"}}],
        main={"lifecycle": hook, "volumeMounts": [{"name": "d", "mountPath": "/d"}]},
    )
    pods.until_ready("hooked")
    pods.kubectl("delete", "pod", "hooked")
    pods.apply(claim)
    pods.until_ready("reader")
    assert pods.kubectl("exec", "reader", "--", "cat", "/d/seen") == "True"


def test_a_sleeping_pre_stop_hook_delays_the_end(pods: Pods) -> None:
    pods.run("nap", main={**netexec(), "lifecycle": {"preStop": {"sleep": {"seconds": 2}}}},
             terminationGracePeriodSeconds=600)  # fmt: skip
    pods.until_ready("nap")
    began = time.monotonic()
    pods.kubectl("delete", "pod", "nap")
    assert 2 <= time.monotonic() - began < 60


def test_signals_from_inside_do_not_kill_process_one(pods: Pods) -> None:
    pods.run("hard", "import time; time.sleep(600)")
    pods.until_ready("hard")
    for name in ("KILL", "TERM", "STOP"):
        pods.kubectl("exec", "hard", "--", "kill", f"-{name}", "1")
    assert pods.kubectl("exec", "hard", "--", "echo", "alive") == "alive\n"
    assert pods.status("hard")["restartCount"] == 0


def test_a_signal_from_inside_reaches_a_handler(pods: Pods) -> None:
    pods.run("soft", main={"image": AGNHOST, "args": ["pause"]}, restartPolicy="Never")
    pods.until_ready("soft")
    wait_for(lambda: pods.logs("soft"), "pause has its handlers")
    # The exec ends with the container, as all its processes do: it may not live to say so.
    with suppress(AssertionError):
        pods.kubectl("exec", "soft", "--", "kill", "1")
    assert pods.phase("soft") == "Failed"
    assert pods.status("soft")["state"]["terminated"]["exitCode"] == 2


def test_an_active_deadline_fails_the_pod(pods: Pods) -> None:
    pods.run("limited", "import time; time.sleep(600)", activeDeadlineSeconds=1,
             restartPolicy="Never")  # fmt: skip
    assert pods.phase("limited") == "Failed"
    assert pods.get("limited")["status"]["reason"] == "DeadlineExceeded"


@pytest.mark.parametrize("code", [0, 5])
def test_netexec_exits_with_the_code_it_is_told(pods: Pods, code: int) -> None:
    pods.run("exit", main=netexec(), restartPolicy="Never")
    pods.until_ready("exit")
    address = pods.get("exit")["status"]["podIP"]
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        urllib.request.urlopen(f"http://{address}:8080/exit?code={code}", timeout=10)
    assert pods.phase("exit") == ("Failed" if code else "Succeeded")
    assert pods.status("exit")["state"]["terminated"]["exitCode"] == code


def test_conditions_of_others_outlive_the_kubelets_writes(pods: Pods) -> None:
    """An evicted Pod ends with DisruptionTarget; the kubelet's own Ready is set right again."""
    pods.run("web", main=netexec())
    pods.until_ready("web")
    patch = {
        "metadata": {"finalizers": ["example.com/hold"]},
        "status": {"conditions": [{"type": "Ready", "status": "False"}]},
    }
    pods.kubectl("patch", "pod", "web", "--subresource=status", "-p", json.dumps(patch))
    pods.until_ready("web")
    eviction = {
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web"},
    }  # fmt: skip
    path = f"/api/v1/namespaces/{pods.namespace}/pods/web/eviction"
    pods.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))
    pods.phase("web")
    found = {c["type"]: c["status"] for c in pods.get("web")["status"]["conditions"]}
    pods.kubectl("patch", "pod", "web", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    assert (found["DisruptionTarget"], found["Ready"]) == ("True", "False")
    pods.until_gone("web")
