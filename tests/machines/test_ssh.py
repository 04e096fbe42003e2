"""Nodes reached by SSH: the machine's id decides, the alarm is set before the power is cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.cluster.capabilities.machine_driver import NodeIdentity, Power
from resilience.cluster.capabilities.machines import MachineFailed
from resilience.machines.ssh import OPTIONS, Ssh
from resilience.verbs.context import Refused
from tests.machines.fakes import Program

ID = "9f2b5a1c0d3e4f5a6b7c8d9e0f1a2b3c"
NODE = NodeIdentity(name="worker-1", machine_id=ID, addresses=("10.0.0.7",))


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program("ssh", tmp_path, monkeypatch)
    made.answers("cat /etc/machine-id", f"{ID}\n")
    made.answers("sudo -n")
    made.answers("-- 10.0.0.7 true")
    return made


def remote(ssh: Program) -> list[str]:
    return [call.partition(" -- ")[2].partition(" ")[2] for call in ssh.calls]


def test_a_reboot_goes_by_a_timer_of_the_host(ssh: Program) -> None:
    assert Ssh().send("reboot", NODE, 10) == "host 10.0.0.7"
    assert remote(ssh)[-1].endswith("systemctl reboot --force --force")
    assert "--on-active=2s" in remote(ssh)[-1]


def test_the_alarm_is_set_before_the_power_is_cut(ssh: Program) -> None:
    Ssh(wake_after=90).send("down", NODE, 10)
    alarm, off = remote(ssh)[-2:]
    assert alarm == "sudo -n rtcwake --mode no --seconds 90"
    assert off.endswith("systemctl poweroff --force --force")


def test_without_an_alarm_nothing_is_cut(ssh: Program) -> None:
    ssh.answers("rtcwake --mode no", code=1, errors="no usable alarm")
    with pytest.raises(MachineFailed, match="no usable alarm"):
        Ssh(wake_after=90).send("down", NODE, 10)
    assert not any("poweroff" in call for call in ssh.calls)


@pytest.mark.parametrize("call", ["rehearse", "send"])
def test_a_node_that_nothing_would_start_again_is_not_stopped(ssh: Program, call: str) -> None:
    with pytest.raises(Refused, match="set `wake_after`"):
        getattr(Ssh(), call)("down", NODE, 10)
    assert not any("poweroff" in each for each in ssh.calls)


@pytest.mark.parametrize("found", ["0" * 32, ""])
def test_a_host_with_another_machine_id_is_left_alone(ssh: Program, found: str) -> None:
    ssh.answers("cat /etc/machine-id", found)
    with pytest.raises(Refused, match=r'hosts = \{worker-1 = "HOST"\}'):
        Ssh().send("reboot", NODE, 10)
    assert remote(ssh) == ["cat /etc/machine-id"]


def test_a_node_without_machine_id_is_never_taken_for_a_host_without_one(ssh: Program) -> None:
    ssh.answers("cat /etc/machine-id", "")
    nameless = NodeIdentity(name="worker-1", addresses=("10.0.0.7",))
    with pytest.raises(Refused):
        Ssh().send("reboot", nameless, 10)


def test_the_connection_asks_nobody_and_trusts_no_unknown_host(ssh: Program) -> None:
    Ssh(user="ops", port=2222, identity_file="/k").rehearse("reboot", NODE, 10)
    for call in ssh.calls:
        assert all(f"-o {option}" in call for option in OPTIONS)
        assert "-p 2222 -l ops -i /k -- 10.0.0.7 " in call


def test_a_host_that_is_away_is_neither_on_nor_off(ssh: Program) -> None:
    driver = Ssh()
    assert driver.power(NODE, 10) is Power.ON
    ssh.answers("-- 10.0.0.7 true", code=255, errors="connection timed out")
    assert driver.power(NODE, 10) is None


def test_a_host_that_cannot_be_reached_is_named(ssh: Program) -> None:
    ssh.answers("cat /etc/machine-id", code=255, errors="Host key verification failed.")
    with pytest.raises(MachineFailed, match=r"ssh to 10\.0\.0\.7: could not be reached: Host key"):
        Ssh().rehearse("reboot", NODE, 10)


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "", "a b", "host;reboot"])
def test_a_host_that_ssh_could_misread_is_refused(ssh: Program, host: str) -> None:
    with pytest.raises(Refused, match="name its host"):
        Ssh().send("reboot", NodeIdentity(name="n", machine_id=ID, addresses=(host,)), 10)
    assert ssh.calls == []
    if host:
        with pytest.raises(ValueError, match="neither a name nor an address"):
            Ssh(hosts={"n": host})


@pytest.mark.parametrize("seconds", [59, 181, -1])
def test_an_alarm_outside_of_what_an_undo_waits_for_is_an_error(seconds: int) -> None:
    with pytest.raises(ValueError, match="expected 60 to 180"):
        Ssh(wake_after=seconds)
