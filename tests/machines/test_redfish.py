"""Physical machines by Redfish, against a small BMC that this file serves on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from resilience.cluster.capabilities.machine_driver import NodeIdentity, Power
from resilience.cluster.capabilities.machines import MachineFailed
from resilience.machines.redfish import Redfish
from resilience.model.masks import MASKS
from resilience.verbs.context import Refused
from tests.loopback import Answering, serving

UUID = "4c4c4544-0047-4410-8036-b7c04f4e3032"
NODE = NodeIdentity(name="worker-1", system_uuid=UUID)
RESET = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"


class Bmc:
    """What it shows, and what it was asked for."""

    def __init__(self) -> None:
        self.system: dict[str, Any] = {
            "UUID": UUID,
            "PowerState": "On",
            "Actions": {
                "#ComputerSystem.Reset": {
                    "target": RESET,
                    "ResetType@Redfish.AllowableValues": ["On", "ForceOff", "ForceRestart"],
                }
            },
        }
        self.answer: tuple[int, dict[str, str], bytes] | None = None
        self.posted: list[tuple[str, str]] = []
        self.seen: list[str] = []
        self.url = ""


@contextmanager
def served(bmc: Bmc) -> Iterator[Bmc]:
    class Handler(Answering):
        def do_GET(self) -> None:
            bmc.seen.append(self.headers.get("Authorization", ""))
            status, headers, body = bmc.answer or (200, {}, json.dumps(bmc.system).encode())
            self.answer(status, body, headers)

        def do_POST(self) -> None:
            bmc.posted.append((self.path, json.loads(self.sent_body())["ResetType"]))
            self.answer(204)

    with serving(Handler) as url:
        bmc.url = f"{url}/redfish/v1/Systems/1"
        yield bmc


@pytest.fixture
def bmc(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bmc]:
    monkeypatch.setenv("REDFISH_USER", "operator")
    monkeypatch.setenv("REDFISH_PASSWORD", "hunter2hunter2")
    with served(Bmc()) as made:
        yield made


@pytest.mark.parametrize(
    ("order", "state", "reset"),
    [("down", "On", "ForceOff"), ("up", "Off", "On"), ("reboot", "On", "ForceRestart")],
)
def test_each_order_is_a_reset(bmc: Bmc, order: Any, state: str, reset: str) -> None:
    bmc.system["PowerState"] = state
    Redfish(system=bmc.url).send(order, NODE, 10)
    assert bmc.posted == [(RESET, reset)]


@pytest.mark.parametrize(("order", "state"), [("down", "Off"), ("up", "On")])
def test_an_order_that_is_carried_out_already_is_not_sent(bmc: Bmc, order: Any, state: str) -> None:
    bmc.system["PowerState"] = state
    Redfish(system=bmc.url).send(order, NODE, 10)
    assert bmc.posted == []


@pytest.mark.parametrize(
    ("state", "power"), [("On", Power.ON), ("Off", Power.OFF), ("PoweringOff", Power.BETWEEN)]
)
def test_the_power_of_a_node_is_the_power_state_of_its_bmc(
    bmc: Bmc, state: str, power: Power
) -> None:
    bmc.system["PowerState"] = state
    assert Redfish(system=bmc.url).power(NODE, 10) is power


@pytest.mark.parametrize("uuid", ["8a1c0000-0000-4000-8000-000000000000", "", None])
def test_another_system_is_left_alone(bmc: Bmc, uuid: str | None) -> None:
    bmc.system["UUID"] = uuid
    with pytest.raises(Refused, match="name the node's own system"):
        Redfish(system=bmc.url).send("down", NODE, 10)
    assert bmc.posted == []


def test_a_rehearsal_posts_nothing_and_knows_what_is_possible(bmc: Bmc) -> None:
    Redfish(system=bmc.url).rehearse("down", NODE, 10)
    reset = bmc.system["Actions"]["#ComputerSystem.Reset"]
    reset["ResetType@Redfish.AllowableValues"] = ["On", "GracefulShutdown"]
    with pytest.raises(Refused, match="cannot do ForceOff; it offers On, GracefulShutdown"):
        Redfish(system=bmc.url).rehearse("down", NODE, 10)
    assert bmc.posted == []


def test_a_system_without_a_forced_restart_is_power_cycled(bmc: Bmc) -> None:
    reset = bmc.system["Actions"]["#ComputerSystem.Reset"]
    reset["ResetType@Redfish.AllowableValues"] = ["On", "ForceOff", "PowerCycle"]
    Redfish(system=bmc.url).send("reboot", NODE, 10)
    assert bmc.posted == [(RESET, "PowerCycle")]
    reset["ResetType@Redfish.AllowableValues"] = ["On", "ForceOff", "GracefulRestart"]
    with pytest.raises(Refused, match="cannot do ForceRestart or PowerCycle"):
        Redfish(system=bmc.url).rehearse("reboot", NODE, 10)


def test_an_empty_answer_is_no_other_system(bmc: Bmc) -> None:
    bmc.answer = (200, {}, b"")
    with pytest.raises(MachineFailed, match="the answer is empty"):
        Redfish(system=bmc.url).power(NODE, 10)


def test_the_extended_words_of_a_bmc_are_shown(bmc: Bmc) -> None:
    info = [{"Message": "The value ForceOff is not in the list."}]
    error = {"error": {"message": "See ExtendedInfo", "@Message.ExtendedInfo": info}}
    bmc.answer = (400, {}, json.dumps(error).encode())
    with pytest.raises(MachineFailed, match=r"HTTP 400 The value ForceOff is not in the list\."):
        Redfish(system=bmc.url).power(NODE, 10)


@pytest.mark.parametrize("target", ["http://evil.example.com/x", "//evil.example.com/x", "", None])
def test_credentials_are_sent_to_no_other_host(bmc: Bmc, target: str | None) -> None:
    bmc.system["Actions"]["#ComputerSystem.Reset"]["target"] = target
    with pytest.raises(MachineFailed, match="no action to reset it on its own host"):
        Redfish(system=bmc.url).send("down", NODE, 10)


def test_a_redirect_is_not_followed(bmc: Bmc) -> None:
    with served(Bmc()) as other:
        bmc.answer = (307, {"Location": other.url}, b"")
        with pytest.raises(MachineFailed, match="HTTP 307"):
            Redfish(system=bmc.url).power(NODE, 10)
        assert other.seen == []


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b'{"error": {"message": "bad password"}}', "HTTP 401 bad password"),
        (503, b"<html>", "HTTP 503"),
        (200, b"<html>", "is not JSON"),
        (200, b"[]", "is not a JSON object"),
    ],
)
def test_answers_that_are_not_redfish_fail_in_words(
    bmc: Bmc, status: int, body: bytes, words: str
) -> None:
    bmc.answer = (status, {}, body)
    with pytest.raises(MachineFailed, match=words):
        Redfish(system=bmc.url).power(NODE, 10)


def test_the_password_comes_from_the_environment_and_is_masked(
    bmc: Bmc, monkeypatch: pytest.MonkeyPatch
) -> None:
    Redfish(system=bmc.url).power(NODE, 10)
    assert "hunter2" not in MASKS.over("the password is hunter2hunter2")
    monkeypatch.delenv("REDFISH_PASSWORD")
    with pytest.raises(Refused, match="REDFISH_PASSWORD is not set"):
        Redfish(system=bmc.url).power(NODE, 10)


@pytest.mark.parametrize(
    "url", ["http://bmc.example.com/redfish/v1/Systems/1", "https://root:calvin@bmc/x", "ftp://x"]
)
def test_a_url_that_would_show_the_password_is_an_error(url: str) -> None:
    with pytest.raises(ValueError, match="system"):
        Redfish(system=url)


def test_each_node_has_its_own_system(bmc: Bmc) -> None:
    driver = Redfish(system="https://bmc-{node}.invalid/x", systems={"worker-1": bmc.url})
    assert driver.rehearse("up", NODE, 10) == f"system {bmc.url}"
    with pytest.raises(MachineFailed, match=r"bmc-worker-2\.invalid"):
        driver.power(NodeIdentity(name="worker-2", system_uuid=UUID), 2)
