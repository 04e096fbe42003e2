"""`crash` on a real cluster: who may, how a process is found, and what proves its end.

The helper's program is run here on a made-up /proc with a child of our own as the victim.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from resilience.actions.pods import host_kill
from resilience.actions.pods.crash import VERB as CRASH
from resilience.actions.pods.host_kill import NOT_FOUND, PROGRAM
from resilience.cluster.interface import PODS, Means, Object, Resource
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from resilience.verbs.context import ActionFailed
from tests.engine.helpers import World, step, world

ONE, OTHER = "a" * 64, "b" * 64
WANTED = step(CRASH, Phase.WHEN, pods=Selector.parse("app=web"), within=20.0)


def process(root: Path, pid: int, container: str, inner: int) -> None:
    folder = root / str(pid)
    folder.mkdir()
    (folder / "cgroup").write_text(f"0::/../kubepods-pod1.slice/cri-containerd-{container}.scope\n")
    (folder / "status").write_text(f"Name:\tx\nNSpid:\t{pid}\t{inner}\n")


def program(root: Path, *ids: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-I", "-c", PROGRAM, str(root), *ids],
                          capture_output=True, check=False, timeout=120)  # fmt: skip


def test_the_first_process_of_the_container_is_killed_and_no_other(tmp_path: Path) -> None:
    sleeping = [sys.executable, "-c", "input()"]
    with (
        subprocess.Popen(sleeping, stdin=subprocess.PIPE) as first,
        subprocess.Popen(sleeping, stdin=subprocess.PIPE) as second,
        subprocess.Popen(sleeping, stdin=subprocess.PIPE) as third,
    ):
        for victim, container, inner in ((first, ONE, 1), (second, ONE, 7), (third, OTHER, 1)):
            process(tmp_path, victim.pid, container, inner)
        done = program(tmp_path, ONE)
        assert done.returncode == 0, done.stderr
        assert first.wait(60) == -signal.SIGKILL
        assert second.poll() is None
        assert third.poll() is None
        assert program(tmp_path, "c" * 64).returncode == NOT_FOUND
        for each in (second, third):
            each.kill()


class Node:
    """Runs the helper's Pod: ends it with `code`, and restarts whose ids it was given."""

    def __init__(self, here: World, code: int = 0, restarts: bool = True) -> None:
        self._here, self._code, self._restarts = here, code, restarts
        self.helpers: list[Object] = []
        here.cluster.hooks.append(self._changed)

    def _changed(self, resource: Resource, kind: str, obj: Object) -> None:
        if resource == PODS and kind == "ADDED" and objects.name(obj).startswith("resilience-cr"):
            self.helpers.append(obj)
            self._here.clock.after(0.5, lambda: self._end(obj))

    def _end(self, helper: Object) -> None:
        status = {"phase": "Failed" if self._code else "Succeeded", "containerStatuses": [
            {"state": {"terminated": {"exitCode": self._code}}}]}  # fmt: skip
        self._here.cluster.change(PODS, "shop", objects.name(helper),
                                  lambda obj: obj.update(status=status))  # fmt: skip
        given = helper["spec"]["containers"][0]["command"]
        for pod in self._here.pods() if self._restarts else ():
            for each in pod["status"].get("containerStatuses") or ():
                if str(each.get("containerID", "")).rpartition("//")[2] in given:
                    self._here.cluster.change(PODS, "shop", objects.name(pod), again)


def again(pod: Object) -> None:
    pod["status"]["containerStatuses"][0] |= {"restartCount": 1, "containerID": "containerd://new"}


@pytest.fixture
def here() -> World:
    made = world()
    made.deploy()
    for index, pod in enumerate(made.pods()):

        def name(obj: Any, index: int = index) -> None:
            obj["status"]["containerStatuses"][0]["containerID"] = f"containerd://{index}{ONE}"

        made.cluster.change(PODS, "shop", objects.name(pod), name)
    made.cluster.as_real(Means(privileged=True))
    return made


def test_sidecars_are_killed_too_and_init_containers_that_ended_are_not() -> None:
    pod = {
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "initContainers": [{"name": "once"}, {"name": "mesh", "restartPolicy": "Always"}],
            "containers": [{"name": "web"}],
        },
        "status": {
            "initContainerStatuses": [
                {"name": "once", "containerID": "containerd://o"},
                {"name": "mesh", "containerID": "containerd://m"},
            ],
            "containerStatuses": [{"name": "web", "containerID": "containerd://w"}],
        },
    }
    assert host_kill.container_ids(pod) == ["m", "w"]
    assert host_kill.container_ids(pod, "mesh") == ["m"]
    with pytest.raises(ActionFailed, match="no running container once"):
        host_kill.container_ids(pod, "once")


def test_a_real_clusters_pod_loses_its_process_by_a_helper_that_goes_away(here: World) -> None:
    node = Node(here)
    record = here.run(when=[WANTED])
    assert record.outcome is Outcome.PASSED, record.message
    [helper] = node.helpers
    assert helper["spec"]["nodeName"] == "node-1"
    assert helper["spec"]["hostPID"] is True
    assert objects.is_ours(helper)
    assert not [pod for pod in here.pods() if objects.is_ours(pod)]
    assert any("has another container" in entry.text for entry in record.timeline)


def test_without_the_targets_word_it_is_refused_and_nothing_is_made(here: World) -> None:
    here.cluster.means = Means()
    record = here.run(when=[WANTED])
    assert record.outcome is Outcome.REFUSED
    assert "privileged = true" in record.message
    made = {path for method, path in here.cluster.calls if method == "POST"}
    assert made <= {"/api/v1/namespaces/shop/events"}  # what people are told of a run


@pytest.mark.parametrize(
    ("code", "restarts", "text"),
    [
        (NOT_FOUND, True, "no process of a chosen container was found on node-1"),
        (0, False, "did not show that shop/web-"),
        (137, True, "ended with exit code 137"),
    ],
)
def test_what_is_not_proven_is_an_error(here: World, code: int, restarts: bool, text: str) -> None:
    Node(here, code, restarts)
    record = here.run(when=[WANTED])
    assert record.outcome is Outcome.NOT_MEASURED
    assert text in record.message
    assert not [pod for pod in here.pods() if objects.is_ours(pod)]
