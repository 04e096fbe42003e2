"""The `log` probe on a Pod that has a history: only what is written in the window decides."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest

from resilience.kube.selectors import Selector
from resilience.model.verdict import Result, Window
from resilience.probes.kinds.logs.log import VERB, Log
from resilience.probes.kinds.logs.log_probe import LogProbe
from resilience.verbs.context import NotMet
from tests.probes.probing import PATIENCE, Clock, step

POD = {
    "metadata": {"name": "web-1", "namespace": "shop", "uid": "u", "labels": {"app": "web"}},
    "status": {"containerStatuses": [{"name": "web", "restartCount": 0, "state": {"running": {}}}]},
}
MESHED = {
    "metadata": POD["metadata"],
    "status": {
        "initContainerStatuses": [
            {"name": "mesh", "restartCount": 0, "state": {"running": {}}},
        ],
    },
}


def stamped(seconds_ago: float, text: str) -> bytes:
    return f"{datetime.fromtimestamp(time.time() - seconds_ago, UTC):%FT%T.%fZ} {text}".encode()


class Cluster:
    """A container with a history; it writes `live` once `written` is set. `held` delays history."""

    def __init__(self, history: Sequence[bytes]) -> None:
        self.history, self.live = list(history), list[bytes]()
        self.written, self.held, self.over = Event(), Event(), Event()
        self.held.set()

    @contextmanager
    def logs(self, pod: str, namespace: str, query: Mapping[str, str]) -> Iterator[Iterator[bytes]]:
        yield self._lines(query)

    def _lines(self, query: Mapping[str, str]) -> Iterator[bytes]:
        assert self.held.wait(PATIENCE)
        yield from self.history
        if "follow" in query:
            assert self.written.wait(PATIENCE)
        yield from self.live
        if "follow" in query:
            assert self.over.wait(PATIENCE)


class Context:
    """One Pod in view."""

    namespace = "shop"

    def __init__(self, cluster: Cluster, pod: Mapping[str, Any]) -> None:
        self.clock, self.cluster, self._pod = Clock(), cluster, pod

    def view(self, *_: Any) -> Any:
        return self

    def history(self, *_: Any) -> Sequence[Any]:
        return ()

    def objects(self) -> Sequence[Any]:
        return (self._pod,)

    def by_uid(self, uid: str) -> Any:
        return self._pod


def started(cluster: Cluster, pod: Any = POD, **looked_for: str) -> LogProbe:
    what = Log(pods=Selector.parse("app=web"), **looked_for)
    context: Any = Context(cluster, pod)
    return LogProbe(step(what, verb=VERB), context, what, "promised")


def judged(cluster: Cluster, live: int, **looked_for: str) -> tuple[Result, str]:
    """With so many errors written after it is steady."""
    probe = started(cluster, **looked_for)
    probe.wait_steady(time.monotonic() + PATIENCE)
    since = time.monotonic()
    cluster.live = [stamped(0, f"ERROR new {number}") for number in range(live)]
    cluster.written.set()
    whole = len(cluster.history) + live
    assert Clock().until(lambda: probe.progress()[0] == whole, since + PATIENCE)
    cluster.over.set()
    probe.stop()
    [finding] = probe.judge(Window(since=since, until=time.monotonic()))
    return finding.result, finding.measured


OLD = [stamped(4000 - number, f"ERROR old {number}") for number in range(1500)]


@pytest.mark.parametrize(
    ("live", "looked_for", "result", "says"),
    [
        (50, {"absent": "ERROR"}, Result.FAILED, "50 lines, the first of web-1: 'ERROR new 0'"),
        (50, {"present": "ERROR"}, Result.PASSED, "50 lines, the first of web-1: 'ERROR new 0'"),
        (0, {"absent": "ERROR"}, Result.PASSED, "none of 1,500 lines of 1 container"),
        (0, {"present": "ERROR"}, Result.FAILED, "none of 1,500 lines of 1 container"),
    ],
)
def test_only_lines_of_the_window_decide(
    live: int, looked_for: dict[str, str], result: Result, says: str
) -> None:
    assert judged(Cluster(OLD), live, **looked_for) == (result, says)


def test_a_sidecar_is_read_as_any_container() -> None:
    cluster = Cluster(OLD[:3])
    probe = started(cluster, MESHED, absent="ERROR", container="mesh")
    probe.wait_steady(time.monotonic() + PATIENCE)
    cluster.written.set()
    cluster.over.set()
    probe.stop()
    [finding] = probe.judge(Window(since=time.monotonic(), until=time.monotonic()))
    assert (finding.result, finding.measured) == (
        Result.PASSED,
        "none of 3 lines of 1 container",
    )


@pytest.mark.parametrize(
    ("container", "says"),
    [("wbe", "they have no container wbe; there are: web; did you mean `web`?$"),
     ("web", "no Pod with these labels runs$")],
)  # fmt: skip
def test_what_keeps_it_from_being_steady_is_told_apart(container: str, says: str) -> None:
    waits = [{"name": "web", "restartCount": 0, "state": {"waiting": {"reason": "x"}}}]
    pod = {**POD, "status": {"containerStatuses": waits}}
    probe = started(Cluster(()), pod, absent="ERROR", container=container)
    with pytest.raises(NotMet, match=says.replace("?$", r"\?$")):
        probe.wait_steady(time.monotonic())
    probe.stop()


def test_pods_that_had_finished_before_write_no_line() -> None:
    cluster = Cluster(OLD[:3])
    done = {**POD, "status": {"phase": "Succeeded", "containerStatuses": [
        {"name": "web", "restartCount": 0, "state": {"terminated": {"exitCode": 0}}}]}}  # fmt: skip
    cluster.written.set()
    cluster.over.set()
    probe = started(cluster, done, absent="panic")
    probe.wait_steady(time.monotonic() + PATIENCE)
    probe.stop()
    [finding] = probe.judge(Window(since=time.monotonic(), until=time.monotonic()))
    assert finding.result is Result.NOT_MEASURED
    assert finding.measured == "every Pod with app=web had finished before"


def test_it_is_not_steady_before_the_history_is_read() -> None:
    cluster = Cluster(OLD)
    cluster.held.clear()
    probe = started(cluster, absent="ERROR")
    with pytest.raises(NotMet):
        probe.wait_steady(time.monotonic() + 0.3)
    cluster.held.set()
    probe.wait_steady(time.monotonic() + PATIENCE)
    assert probe.progress()[0] == len(OLD)
    cluster.written.set()
    cluster.over.set()
    probe.stop()
