"""What a cluster cannot do at all is refused before anything is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.cluster.interface import Means
from resilience.engine.guard import preflight
from resilience.language import load
from resilience.machines.command import Command
from resilience.machines.driven import DrivenMachines
from resilience.model.scenario import Scenario
from resilience.verbs.catalogue import catalogue
from resilience.verbs.context import Refused
from tests.engine.helpers import world


class Touched(Exception):
    """A request was sent."""


def scenario(folder: Path, step: str) -> Scenario:
    file = folder / "x.scenario.yaml"
    file.write_text(f"scenario: x\nnamespace: shop\nwhen:\n  - {step}\nthen:\n  - ready: all\n")
    [found] = load(file, None, catalogue(), {}).scenarios
    return found


def ask(folder: Path, step: str, means: Means) -> None:
    here = world()
    here.cluster.as_real(means)
    here.cluster.faults.append(lambda method, path: Touched(path))
    preflight.ask(here.cluster, scenario(folder, step), "shop", "resilience-journal")


POWER = DrivenMachines(Command(("./power.sh",), "x"), by_name=True)
BARE, ABLE = Means(), Means(machines=POWER, privileged=True)


@pytest.mark.parametrize(
    ("step", "why"),
    [("crash: {pods: app=web}", "privileged = true"),
     ("node_down: {node: n1}", "driver"),
     ("reboot: {node: n1}", "driver"),
     ("parallel: [{reboot: {node: n1}}, {sleep: 1s}]", "driver")],
)  # fmt: skip
def test_it_is_refused_before_a_request_is_sent(tmp_path: Path, step: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        ask(tmp_path, step, BARE)
    with pytest.raises(Touched):
        ask(tmp_path, step, ABLE)


def test_what_may_fail_is_not_refused_ahead(tmp_path: Path) -> None:
    with pytest.raises(Touched):
        ask(tmp_path, "{crash: {pods: app=web}, optional: true}", BARE)


def test_a_kubelet_alone_takes_a_privileged_pod_whatever_the_driver(tmp_path: Path) -> None:
    alone = "{node_down: {node: n1, only: kubelet}, lasting: true}"
    with pytest.raises(Refused, match="privileged = true"):
        ask(tmp_path, alone, Means(machines=POWER))
    with pytest.raises(Touched):
        ask(tmp_path, alone, Means(privileged=True))
