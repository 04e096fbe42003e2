"""A target's command: it gets the order, and its exit code and its own words count."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from resilience.cluster.capabilities.machines import MachineFailed
from resilience.cluster.requests.request import Request
from resilience.kube.objects import Object
from resilience.machines.command import Command
from resilience.machines.driven import DrivenMachines


class Untouched:
    """A cluster that nobody asks: the node's name is enough."""

    def send(self, request: Request) -> Object:
        raise AssertionError(f"{request} was sent")


def commanded(*words: str) -> DrivenMachines:
    return DrivenMachines(Command(words, "staging"), by_name=True)


def driver(folder: Path, program: str) -> DrivenMachines:
    path = folder / "power.py"
    path.write_text(program)
    return commanded(sys.executable, str(path))


def test_a_driver_gets_the_order_the_node_and_the_context(tmp_path: Path) -> None:
    said = tmp_path / "said"
    power = driver(
        tmp_path,
        "import os, pathlib, sys\n"
        f"with pathlib.Path({str(said)!r}).open('a') as file:\n"
        "    print(*sys.argv[1:], os.environ['RESILIENCE_CONTEXT'], file=file)\n",
    )
    power.down(Untouched(), "n1", 10.0)
    power.up(Untouched(), "n1", 10.0)
    power.reboot(Untouched(), ["n1", "n2"], lambda: 10.0, lambda seconds: None)
    assert said.read_text().splitlines() == [
        "down n1 staging", "up n1 staging", "reboot n1 staging", "reboot n2 staging",
    ]  # fmt: skip


def test_a_driver_that_fails_says_why_in_its_own_words(tmp_path: Path) -> None:
    power = driver(tmp_path, "import sys\nsys.exit('no such machine')\n")
    with pytest.raises(MachineFailed, match=r"down n1` ended with exit code 1: no such machine"):
        power.down(Untouched(), "n1", 10.0)


def test_a_driver_that_is_not_there_or_never_ends_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(MachineFailed, match="No such file"):
        commanded(str(tmp_path / "absent")).down(Untouched(), "n1", 1.0)
    power = driver(tmp_path, "import threading\nthreading.Event().wait()\n")
    with pytest.raises(MachineFailed, match=r"timed out after 1\.0 seconds"):
        power.down(Untouched(), "n1", 0.0)


def test_a_driver_leaves_kubelets_alone(tmp_path: Path) -> None:
    power = driver(tmp_path, "raise SystemExit(1)")
    assert not power.stops_kubelets
    with pytest.raises(MachineFailed, match="whole nodes"):
        power.silence(Untouched(), "n1", 1.0)
