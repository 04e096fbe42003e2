"""`command`: whose fault each end is, and that silence of the API server is nobody's."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from resilience.cluster.errors import (
    ClusterError,
    Forbidden,
    NeverSent,
    NotFound,
    ServerTrouble,
    Throttled,
    Unreachable,
)
from resilience.cluster.interface import Object, Resource
from resilience.cluster.requests.command import Cancelled, Result
from resilience.cluster.requests.command import Command as Asked
from resilience.kube.selectors import Selector
from resilience.language import load
from resilience.model.samples import Answer
from resilience.model.values import Duration
from resilience.probes.kinds.command import VERB, Command
from resilience.probes.kinds.pod_commands import LONGEST, PodCommands
from resilience.probes.prober.asker import Never
from tests.language.real import REAL

PODS = Selector.parse("app=db")


def pod(name: str, *, ready: bool = True) -> Object:
    conditions = [{"type": "Ready", "status": str(ready)}]
    status = {"phase": "Running", "conditions": conditions}
    return {"metadata": {"name": name, "namespace": "shop"}, "status": status}


class Cluster:
    """Plays the API server: `ends` is what each exec comes to."""

    def __init__(self, *pods: Object, ends: Any = None) -> None:
        self.pods, self.ends = pods, ends if ends is not None else Result(0)
        self.away: ClusterError | None = None
        self.asked: list[Asked] = []

    def list(self, resource: Resource, namespace: str, *, labels: str = "") -> tuple[Object, ...]:
        if self.away:
            raise self.away
        return self.pods

    def exec(self, command: Asked, **ways: Callable[..., Any]) -> Result:
        self.asked.append(command)
        if isinstance(self.ends, Exception):
            raise self.ends
        if callable(self.ends):
            self.ends(**ways)
            raise Cancelled("stopped")
        ways["stdout"](self.ends.stdout)
        ways["stderr"](self.ends.stderr)
        return Result(self.ends.code)


def reply(cluster: Any, **given: Any) -> tuple[Answer, str]:
    what = Command(pods=PODS, **{"command": ("check",), **given})
    found = PodCommands(what, cluster, "shop").ask()
    return found.answer, found.text


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"matches": "("}, "matches"),
        ({"command": (" ",)}, "command"),
        ({"command": ("a", "b\0")}, "command"),
        ({"timeout": Duration.of(0)}, "timeout"),
    ],
)
def test_what_cannot_be_run_is_told_at_its_key(given: dict[str, Any], field: str) -> None:
    what = Command(pods=PODS, **{"command": ("check",), **given})
    assert [each.field for each in VERB.check(what)] == [field]


@pytest.mark.parametrize(
    ("ends", "given", "answer", "says"),
    [
        (Result(0), {}, Answer.GOOD, ""),
        (Result(0, b" PONG\n"), {"expect": "PONG"}, Answer.GOOD, ""),
        (Result(3), {"code": 3}, Answer.GOOD, ""),
        (Result(0, b"a 12 b"), {"matches": r"\d+", "contains": "b"}, Answer.GOOD, ""),
        (Result(1, b"", b"no\x1b[31m"), {}, Answer.WRONG, "db-0: exit code 1, expected 0: no"),
        (Result(0, b"PING"), {"expect": "PONG"}, Answer.WRONG, "db-0: printed 'PING'"),
        (Result(0, b"PONG!"), {"expect": "PONG"}, Answer.WRONG, "printed"),
        (Result(0, b"a"), {"contains": "b"}, Answer.WRONG, "printed"),
        (NotFound(404, "pods db-0 not found"), {}, Answer.UNREACHABLE, "db-0: pods db-0 not found"),
        (ServerTrouble(500, "container not found"), {}, Answer.UNREACHABLE, "container not found"),
        (Throttled(429, "later"), {}, Answer.UNSENT, "later"),
    ],
)
def test_each_end_has_its_own_name(
    ends: Any, given: dict[str, Any], answer: Answer, says: str
) -> None:
    found, text = reply(Cluster(pod("db-0"), ends=ends), **given)
    assert found is answer
    assert says in text
    assert "\x1b" not in text


def test_a_command_that_does_not_end_has_timed_out() -> None:
    def slow(**others: Any) -> None:
        time.sleep(0.06)
        raise Unreachable("not done after 0.05 s")

    answer, text = reply(Cluster(pod("db-0"), ends=slow), timeout=Duration.of(0.05))
    assert (answer, text) == (Answer.TIMEOUT, "db-0: not done after 0.05 s")


def test_a_broken_stream_accuses_nobody_while_its_pod_is_well() -> None:
    """As where a kubelet or an API server restarts: the command may have ended well."""
    broken = Unreachable("the stream ended without a status")
    answer, text = reply(Cluster(pod("db-0"), ends=broken))
    assert (answer, "the result of the command is unknown" in text) == (Answer.UNSENT, True)

    class Dies(Cluster):
        def exec(self, command: Asked, **ways: Any) -> Result:
            self.pods = (pod("db-0", ready=False),)
            raise broken

    assert reply(Dies(pod("db-0")))[0] is Answer.RESET


@pytest.mark.parametrize(
    ("message", "ready", "answer"),
    [
        ("error dialing backend: dial tcp 10.0.0.5:10250: connect: connection refused", True,
         Answer.UNSENT),
        ("error dialing backend: dial tcp 10.0.0.5:10250: connect: connection refused", False,
         Answer.UNREACHABLE),
        ("error dialing backend: dial tcp 10.0.0.5:10250: connect: no route to host", True,
         Answer.UNREACHABLE),
        ("exec: connection refused", True, Answer.UNREACHABLE),
    ],
)  # fmt: skip
def test_a_kubelet_that_is_restarted_accuses_nobody_while_the_pod_is_well(
    message: str, ready: bool, answer: Answer
) -> None:
    class Restarts(Cluster):
        def exec(self, command: Asked, **ways: Any) -> Result:
            self.pods = (pod("db-0", ready=ready),)
            raise ServerTrouble(500, message)

    assert reply(Restarts(pod("db-0"))) == (answer, f"db-0: {message}")


def test_without_a_ready_pod_the_service_cannot_be_reached() -> None:
    assert reply(Cluster(pod("db-0", ready=False)))[0] is Answer.UNREACHABLE
    assert reply(Cluster()) == (Answer.UNREACHABLE, "none of 0 Pods with app=db is ready")


def test_silence_of_the_api_server_says_nothing_about_the_service() -> None:
    gone = Cluster(pod("db-0"))
    gone.away = NeverSent("refused")
    assert reply(gone)[0] is Answer.UNSENT

    class Later(Cluster):
        def exec(self, command: Asked, **ways: Any) -> Result:
            self.away = Unreachable("timed out")
            raise Unreachable("broken pipe")

    assert reply(Later(pod("db-0")))[0] is Answer.UNSENT


def test_a_missing_right_ends_the_probe_with_its_reason() -> None:
    for cluster in (Cluster(pod("db-0"), ends=Forbidden(403, "may not exec")), Cluster()):
        cluster.away = None if cluster.pods else Forbidden(403, "may not list")
        with pytest.raises(Never, match="may not"):
            reply(cluster)


def test_only_ready_pods_run_the_command_and_take_turns() -> None:
    cluster: Any = Cluster(pod("b"), pod("a"), pod("c", ready=False))
    probe = PodCommands(Command(pods=PODS, command=("x",)), cluster, "shop")
    assert [probe.ask().by for _ in range(4)] == ["a", "b", "a", "b"]
    assert [each.pod for each in cluster.asked] == ["a", "b", "a", "b"]


def test_output_without_end_is_cut_off_and_wrong() -> None:
    taken = 0

    def pours(stdout: Any, cancelled: Callable[[], bool], **others: Any) -> None:
        nonlocal taken
        while not cancelled():
            stdout(b"x" * 65536)
            taken += 65536

    answer, text = reply(Cluster(pod("db-0"), ends=pours))
    assert (answer, "more than 1 MiB" in text) == (Answer.WRONG, True)
    assert taken <= LONGEST + 65536


def test_an_exec_under_while_is_pointed_to_this_probe(tmp_path: Path) -> None:
    path = tmp_path / "a.scenario.yaml"
    path.write_text("scenario: x\nwhile:\n  - exec: {pods: app=db, command: [x]}\n"
                    "when: [{sleep: 1s}]\nthen: [{ready: all}]\n")  # fmt: skip
    told = [str(each) for each in load(path, None, REAL, {}, namespace="default").problems]
    assert len(told) == 1
    assert "`exec` is not allowed under `while:`" in told[0]
    assert "expected `command`, or it under `when:`" in told[0]
