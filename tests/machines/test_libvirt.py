"""Nodes that are libvirt domains: the UUID decides, not the name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resilience.cluster.capabilities.machine_driver import NodeIdentity, Power
from resilience.cluster.capabilities.machines import MachineFailed
from resilience.machines.libvirt import Libvirt
from resilience.verbs.context import Refused
from tests.machines.fakes import Program

UUID = "4c4c4544-0047-4410-8036-b7c04f4e3032"
NODE = NodeIdentity(name="worker-1", system_uuid=UUID.upper())


@pytest.fixture
def virsh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program("virsh", tmp_path, monkeypatch)
    made.answers("domuuid worker-1", f"{UUID}\n\n")
    made.answers("domstate", "running\n\n")
    for word in ("destroy", "start", "reset"):
        made.answers(f"{word} worker-1")
    return made


def orders(virsh: Program) -> list[str]:
    return [call.split()[-2] for call in virsh.calls if "dom" not in call.split()[-2]]


def test_each_order_is_one_command(virsh: Program) -> None:
    driver = Libvirt()
    for order in ("down", "reboot"):
        assert driver.send(order, NODE, 10) == "domain worker-1"
    virsh.answers("domstate", "shut off\n")
    driver.send("up", NODE, 10)
    assert orders(virsh) == ["destroy", "reset", "start"]
    assert all(call.startswith("--quiet --connect qemu:///system ") for call in virsh.calls)


@pytest.mark.parametrize(("order", "state"), [("down", "shut off"), ("up", "running")])
def test_an_order_that_is_carried_out_already_is_not_sent(
    virsh: Program, order: Any, state: str
) -> None:
    virsh.answers("domstate", state)
    Libvirt().send(order, NODE, 10)
    assert orders(virsh) == []


@pytest.mark.parametrize(
    ("state", "power"),
    [("running", Power.ON), ("shut off", Power.OFF), ("in shutdown", Power.BETWEEN)],
)
def test_the_power_of_a_node_is_the_state_of_its_domain(
    virsh: Program, state: str, power: Power
) -> None:
    virsh.answers("domstate", state)
    assert Libvirt().power(NODE, 10) is power


@pytest.mark.parametrize("uuid", ["8a1c0000-0000-4000-8000-000000000000", "", "not a UUID"])
def test_a_domain_with_another_uuid_is_left_alone(virsh: Program, uuid: str) -> None:
    virsh.answers("domuuid worker-1", uuid)
    with pytest.raises(Refused, match=r'domains = \{worker-1 = "DOMAIN"\}'):
        Libvirt().send("down", NODE, 10)
    assert orders(virsh) == []


def test_a_domain_of_another_name_is_named_in_the_target(virsh: Program) -> None:
    virsh.answers("domuuid k8s_1", UUID)
    assert Libvirt(domains={"worker-1": "k8s_1"}).rehearse("down", NODE, 10) == "domain k8s_1"
    assert orders(virsh) == []


def test_what_virsh_says_is_shown(virsh: Program) -> None:
    virsh.answers("domuuid worker-1", code=1, errors="error: failed to get domain 'worker-1'")
    with pytest.raises(MachineFailed, match="failed to get domain 'worker-1'"):
        Libvirt().rehearse("down", NODE, 10)
