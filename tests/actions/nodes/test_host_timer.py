"""`node_down: {only: kubelet}` on a real cluster: timers of the host, the one that heals first.

The helper's program runs here for real with a stand-in for `nsenter`, which writes down what it was
asked and answers as a host would. Against a host's own systemd it has not been run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from resilience.actions.nodes import host_timer
from resilience.actions.nodes.node_down import VERB as NODE_DOWN
from resilience.cluster.interface import NODES, PODS, Means, Object, Resource
from resilience.kube import objects
from resilience.model.scenario import Step
from resilience.model.values import Duration
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.actions.nodes.test_machines import Power
from tests.actions.nodes.test_zone import by_node, node
from tests.engine.helpers import World, step, world

HOST = """#!{python}
import pathlib, sys
words = sys.argv[sys.argv.index("--") + 1:]
with open({told!r}, "a") as told:
    print(*words, file=told)
line = " ".join(words)
sys.exit(1 if any(each in line for each in {refuses!r}) else 0)
"""


def host(folder: Path, *refuses: str) -> tuple[int, list[str]]:
    """Run the program on a host that refuses what holds one of these words."""
    told, fake = folder / "told", folder / "nsenter"
    fake.write_text(HOST.format(python=sys.executable, told=str(told), refuses=refuses))
    fake.chmod(0o755)
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}
    command = [sys.executable, "-I", "-c", host_timer.PROGRAM, "mark", "120"]
    done = subprocess.run(command, capture_output=True, timeout=120, env=environment, check=False)
    return done.returncode, told.read_text().splitlines()


def test_the_timer_that_heals_stands_before_the_one_that_harms(tmp_path: Path) -> None:
    code, told = host(tmp_path)
    assert code == 0
    timers = [line for line in told if line.startswith("systemd-run")]
    assert [line.rpartition("systemctl ")[2] for line in timers] == [
        "start kubelet",
        "stop kubelet",
    ]
    assert "--on-active=120s" in timers[0]
    assert f"--on-active={host_timer.NOTICE}s" in timers[1]


def test_a_kubelet_that_would_not_come_back_is_not_stopped(tmp_path: Path) -> None:
    code, told = host(tmp_path, "systemctl start")
    assert code == host_timer.NO_TIMER
    assert not any("stop" in line for line in told)


@pytest.mark.parametrize(
    ("refuses", "code"),
    [("--version", host_timer.NO_SYSTEMD), ("is-active", host_timer.NO_UNIT),
     ("systemctl stop", host_timer.NOT_STOPPED)],
)  # fmt: skip
def test_a_host_that_cannot_is_told_apart(tmp_path: Path, refuses: str, code: int) -> None:
    assert host(tmp_path, refuses)[0] == code


def test_the_agent_of_a_small_distribution_is_found(tmp_path: Path) -> None:
    code, told = host(tmp_path, "is-active kubelet")
    assert code == 0
    assert told[-1].endswith("stop k3s-agent")


class Host:
    """A node of the in-memory cluster: takes the helper, falls silent, comes back by its timer."""

    def __init__(self, here: World, code: int = 0, back: bool = True) -> None:
        self._here, self._code, self._back = here, code, back
        self.power = Power(here)
        self.helpers: list[Object] = []
        here.cluster.hooks.append(self._changed)

    def _changed(self, resource: Resource, kind: str, obj: Object) -> None:
        ours = resource == PODS and objects.name(obj).startswith("resilience-silence")
        if ours and kind == "ADDED":
            self.helpers.append(obj)
            self._here.clock.after(1.0, lambda: self._end(objects.name(obj)))

    def _end(self, helper: str) -> None:
        status = {"phase": "Failed" if self._code else "Succeeded", "containerStatuses": [
            {"state": {"terminated": {"exitCode": self._code}}}]}  # fmt: skip
        self._here.cluster.change(PODS, "shop", helper, lambda obj: obj.update(status=status))
        if self._code:
            return
        self._here.clock.after(50.0, lambda: self.power.write("node-1", "Unknown", "boot-1"))
        if self._back:
            self._here.clock.after(90.0, lambda: self.power.write("node-1", "True", "boot-1"))


@pytest.fixture
def here() -> World:
    made = world()
    for name, zone in (("node-1", "a"), ("node-2", "b")):
        made.cluster.put(NODES, node(name, zone))
        Power(made).write(name, "True", "boot-1")
    made.deploy()
    by_node(made)
    made.cluster.as_real(Means(privileged=True))
    return made


def wanted(*, lasting: bool = True) -> list[Step]:
    return [step(NODE_DOWN, Phase.WHEN, node="node-1", only="kubelet", lasting=lasting,
                 duration=Duration.of(90), within=120.0)]  # fmt: skip


def test_the_node_falls_silent_and_comes_back_by_itself(here: World) -> None:
    host = Host(here)
    record = here.run(when=wanted())
    assert record.outcome is Outcome.PASSED, record.message
    [helper] = host.helpers
    assert helper["spec"]["nodeName"] == "node-1"
    assert helper["spec"]["containers"][0]["command"][-1] == "90"
    assert host.power.orders == []  # nobody but the host's own timer
    assert not [pod for pod in here.pods() if objects.is_ours(pod)]
    assert any("wait until node-1 is Ready" in entry.text for entry in record.timeline)


def test_without_the_word_for_it_nothing_is_sent(here: World) -> None:
    host = Host(here)
    record = here.run(when=wanted(lasting=False))
    assert record.outcome is Outcome.REFUSED
    assert "write `lasting: true` next to `node_down`" in record.message
    assert host.helpers == []


def test_a_host_that_refuses_its_timer_is_an_error_with_the_reason(here: World) -> None:
    Host(here, code=host_timer.NO_SYSTEMD)
    record = here.run(when=wanted())
    assert record.outcome is Outcome.NOT_MEASURED
    assert "the kubelet of node-1 was not stopped: its host has no systemd" in record.message


def test_a_node_that_stays_silent_is_told_as_not_undone(here: World) -> None:
    Host(here, back=False)
    record = here.run(when=wanted(), undo_within=60.0)
    assert record.outcome is Outcome.UNDO_INCOMPLETE
    assert "node-1 has not come back by itself: Ready is Unknown" in record.message


@pytest.mark.parametrize("seconds", [59, 181])
def test_the_timer_is_neither_too_short_to_be_noticed_nor_too_long_to_wait_for(
    seconds: int,
) -> None:
    asked = NODE_DOWN.parameters(node="n1", only="kubelet", duration=Duration.of(seconds))
    [complaint] = NODE_DOWN.check(asked)
    assert "from 1m to 3m" in complaint.expected
