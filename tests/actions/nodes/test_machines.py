"""Machines that stop and start: by the sandbox's fault, or by the command of a target."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from resilience.actions.nodes.node_down import VERB as NODE_DOWN
from resilience.actions.nodes.reboot import VERB as REBOOT
from resilience.checks.recovered import VERB as RECOVERED
from resilience.cluster.capabilities.machines import FAULT
from resilience.cluster.interface import DAEMONSETS, NODES, PODS, Means, Object
from resilience.cluster.requests.request import Request
from resilience.kube import objects, readiness
from resilience.machines.command import Command
from resilience.machines.driven import DrivenMachines
from resilience.model.timeline import What
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome, Result
from tests.actions.nodes.test_zone import by_node, node
from tests.engine.helpers import World, step, world


class Power:
    """The sandbox's machines: a dead one is not Ready after 50 s, a started one is at once."""

    def __init__(self, here: World) -> None:
        self._here = here
        self.orders: list[str] = []
        here.cluster.send = self.send  # type: ignore[method-assign]

    def send(self, request: Request) -> Object:
        assert (request.method, request.path) == ("POST", FAULT)
        self.order(request.body["state"], request.body["name"])
        return {}

    def order(self, state: str, name: str) -> None:
        self.orders.append(f"{state} {name}")
        if state == "running":
            self.write(name, "True", "boot-2")
            for pod in self._here.pods():
                self._here.cluster.change(PODS, "shop", objects.name(pod), restarted)
        else:
            self._here.clock.after(50.0, lambda: self.silent(name))

    def silent(self, name: str) -> None:
        if self.orders[-1].startswith(("dead", "down", "kubelet")):
            self.write(name, "Unknown", "boot-1")

    def write(self, name: str, ready: str, boot: str) -> None:
        status = {"conditions": [{"type": "Ready", "status": ready}], "nodeInfo": {"bootID": boot}}
        self._here.cluster.change(NODES, "", name, lambda obj: obj["status"].update(status))


def restarted(pod: Object) -> None:
    pod["status"]["containerStatuses"][0]["restartCount"] += 1


def two_zones() -> World:
    """The service is on node-1; node-2 has nothing yet."""
    made = world()
    for name, zone in (("node-1", "a"), ("node-2", "b")):
        made.cluster.put(NODES, node(name, zone))
    made.deploy()
    by_node(made)
    return made


@pytest.fixture
def here() -> World:
    return two_zones()


@pytest.fixture
def power(here: World) -> Power:
    made = Power(here)
    for name in ("node-1", "node-2"):
        made.write(name, "True", "boot-1")
    return made


def test_a_stopped_node_is_noticed_then_started_again(here: World, power: Power) -> None:
    record = here.run(when=[step(NODE_DOWN, Phase.WHEN, node="node-1", within=120.0)])
    assert record.outcome is Outcome.PASSED, record.message
    [done] = record.steps
    assert done.ended is not None
    assert done.ended - done.started == pytest.approx(50.0, abs=1)
    assert len([entry for entry in record.timeline if entry.what is What.VICTIM]) == 3
    assert power.orders == ["dead node-1", "running node-1"]
    assert all(readiness.is_ready(each) for each in here.cluster.find(NODES))


def agents(here: World) -> None:
    """A DaemonSet with a Pod on each node."""
    owner = {"kind": "DaemonSet", "name": "agent", "uid": "ds", "controller": True}
    for name in ("node-1", "node-2"):
        here.cluster.put(PODS, {
            "metadata": {"name": f"agent-{name}", "namespace": "shop", "ownerReferences": [owner]},
            "spec": {"nodeName": name, "containers": []},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
                       "containerStatuses": [{"restartCount": 0}]},
        })  # fmt: skip
    here.cluster.put(DAEMONSETS, {
        "metadata": {"name": "agent", "namespace": "shop", "uid": "ds"}, "spec": {},
        "status": {"desiredNumberScheduled": 2},
    })  # fmt: skip


def silence(here: World, node: str) -> None:
    """What the control plane does to the Pods of a silent node."""

    def unready(pod: Object) -> None:
        pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]

    here.cluster.change(PODS, "shop", f"agent-{node}", unready)


@pytest.mark.parametrize(
    ("silent", "result"),
    [(("node-1",), Result.PASSED), (("node-1", "node-2"), Result.FAILED)],
)
def test_a_daemon_set_need_not_run_on_the_node_that_was_stopped(
    here: World, power: Power, silent: tuple[str, ...], result: Result
) -> None:
    agents(here)
    here.controllers.ready_after = 1e6
    for name in silent:
        here.clock.after(51.0, partial(silence, here, name))
    down = step(NODE_DOWN, Phase.WHEN, node="node-1", within=120.0)
    record = here.run(when=[down], then=[step(RECOVERED, Phase.THEN, within=300.0)])
    [found] = [each for each in record.findings if each.subject == "daemonset/agent"]
    assert found.result is result, found.measured
    assert result is Result.FAILED or "1 Pod of a node that is down" in found.measured


def test_a_node_that_does_not_stop_is_no_proof(here: World, power: Power) -> None:
    record = here.run(when=[step(NODE_DOWN, Phase.WHEN, node="node-1", within=20.0)])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "node-1 was stopped, but is still Ready after 20s" in record.message
    assert power.orders[-1] == "running node-1"


def test_only_the_kubelet_may_fall_silent(here: World, power: Power) -> None:
    asked = step(NODE_DOWN, Phase.WHEN, node="node-1", only="kubelet", within=120.0)
    assert here.run(when=[asked]).outcome is Outcome.PASSED
    assert power.orders[0] == "kubelet-stopped node-1"


def test_a_reboot_is_proven_by_another_boot(here: World, power: Power) -> None:
    record = here.run(when=[step(REBOOT, Phase.WHEN, node="node-1", within=60.0)])
    assert record.outcome is Outcome.PASSED, record.message
    assert power.orders[:2] == ["dead node-1", "running node-1"]
    assert any("node-1 has rebooted" in entry.text for entry in record.timeline)


def test_without_a_new_boot_nothing_was_rebooted(here: World, power: Power) -> None:
    power.order = lambda state, name: power.orders.append(state)  # type: ignore[method-assign]
    record = here.run(when=[step(REBOOT, Phase.WHEN, node="node-1", within=60.0)])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "node-1 did not finish rebooting within 1m" in record.message


@pytest.mark.parametrize("verb", [NODE_DOWN, REBOOT], ids=["node_down", "reboot"])
def test_on_a_real_cluster_without_a_driver_it_is_refused(
    here: World, power: Power, verb: Any
) -> None:
    here.cluster.as_real()
    record = here.run(when=[step(verb, Phase.WHEN, node="node-1")])
    assert record.outcome is Outcome.REFUSED
    assert 'driver = ["./power.sh"]' in record.message
    assert power.orders == []


DRIVER = """
import pathlib, sys
path = pathlib.Path(sys.argv[1])
path.write_text(path.read_text() + " ".join(sys.argv[2:]) + "\\n")
sys.stderr.write("no such machine")
sys.exit(int(sys.argv[3] == "node-2"))
"""


def driven(here: World, folder: Path) -> Path:
    """A real cluster whose target names a command; what it was told stands in a file."""
    (folder / "driver.py").write_text(DRIVER)
    told = folder / "told"
    told.touch()
    command = (sys.executable, str(folder / "driver.py"), str(told))
    power = DrivenMachines(Command(command, "staging"), by_name=True)
    here.cluster.as_real(Means(machines=power))
    return told


def test_a_targets_driver_is_told_what_to_do(here: World, power: Power, tmp_path: Path) -> None:
    told = driven(here, tmp_path)
    here.clock.after(50.0, lambda: power.write("node-1", "Unknown", "boot-1"))
    here.on_entry = lambda entry: (
        power.write("node-1", "True", "boot-2") if entry.text == "settled" else None
    )
    record = here.run(when=[step(NODE_DOWN, Phase.WHEN, node="node-1", within=120.0)])
    assert record.outcome is Outcome.PASSED, record.message
    assert told.read_text() == "down node-1\nup node-1\n"


def test_a_driver_that_fails_is_told_in_its_own_words(
    here: World, power: Power, tmp_path: Path
) -> None:
    driven(here, tmp_path)
    record = here.run(when=[step(NODE_DOWN, Phase.WHEN, node="node-2", within=120.0)])
    assert record.outcome is Outcome.UNDO_INCOMPLETE  # it can not start what it does not know
    assert "ended with exit code 1: no such machine" in record.message


def test_a_machine_that_stays_away_is_told_as_not_undone(here: World, power: Power) -> None:
    order = power.order

    def broken(state: str, name: str) -> None:
        if state != "running":
            order(state, name)

    power.order = broken  # type: ignore[method-assign]
    record = here.run(
        when=[step(NODE_DOWN, Phase.WHEN, node="node-1", within=120.0)], undo_within=30.0
    )
    assert record.outcome is Outcome.UNDO_INCOMPLETE
    assert "node-1 was started, but is not Ready: Ready is Unknown" in record.message


def test_what_the_driver_cordoned_is_let_in_again(here: World, power: Power) -> None:
    order = power.order

    def cordons_too(state: str, name: str) -> None:
        order(state, name)
        if state == "dead":
            cordon(here)

    power.order = cordons_too  # type: ignore[method-assign]
    here.run(when=[step(NODE_DOWN, Phase.WHEN, node="node-1", within=120.0)])
    assert not any(each["spec"].get("unschedulable") for each in here.cluster.find(NODES))


def test_what_somebody_cordoned_since_stays_cordoned(here: World, power: Power) -> None:
    here.on_entry = lambda entry: cordon(here) if entry.text == "settled" else None
    record = here.run(when=[step(NODE_DOWN, Phase.WHEN, node="node-1", within=120.0)])
    assert record.outcome is Outcome.UNDO_INCOMPLETE
    assert "node-1 was cordoned by someone else since; it stays cordoned" in record.message
    assert readiness.is_ready(here.cluster.find(NODES)[0])
    assert here.cluster.find(NODES)[0]["spec"]["unschedulable"] is True


def cordon(here: World) -> None:
    here.cluster.change(NODES, "", "node-1", lambda obj: obj["spec"].update(unschedulable=True))
