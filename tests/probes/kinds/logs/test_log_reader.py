"""One container instance, read to its end or not: streams that break, end early, rotate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from resilience.cluster.errors import ClusterError, Forbidden, NotFound, Unreachable
from resilience.probes.kinds.logs.log_reader import ROTATED, Instance, Reader

ONE = Instance(uid="u", pod="web-1", namespace="shop", container="web", number=0)
Shown = tuple[int, bool] | None


def line(second: int, text: str) -> bytes:
    return f"2026-03-01T10:00:{second:02}.5Z {text}".encode()


class Cluster:
    """Plays the kubelet: each request gets the next script; an Event is waited for."""

    def __init__(self, *scripts: list[Any], after: Shown = (0, False)) -> None:
        self.scripts, self.after = list(scripts), after
        self.now: Shown = (0, True)
        self.queries: list[Mapping[str, str]] = []

    @contextmanager
    def logs(self, pod: str, namespace: str, query: Mapping[str, str]) -> Iterator[Iterator[bytes]]:
        self.queries.append(query)
        script = self.scripts.pop(0) if self.scripts else [NotFound(404, "gone")]
        yield self._play(script)

    def _play(self, script: list[Any]) -> Iterator[bytes]:
        for piece in script:
            if isinstance(piece, ClusterError):
                raise piece
            if isinstance(piece, Event):
                assert piece.wait(60)
            else:
                yield piece
        if not self.scripts:
            self.now = self.after


def read(
    cluster: Any, until: Callable[[Reader], bool] | None = None, *, begun: bool = False
) -> tuple[Reader, list[str]]:
    heard: list[str] = []
    reader = Reader(
        ONE, cluster, lambda pod, text, at: heard.append(text), lambda: cluster.now, begun=begun
    )
    end = time.monotonic() + 60
    while not (until or (lambda each: each.whole or not each._thread.is_alive()))(reader):
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)
    return reader, heard


def test_an_instance_that_has_ended_is_whole_with_the_end_of_its_stream() -> None:
    reader, heard = read(Cluster([line(1, "a"), line(2, "b")]))
    assert (reader.whole, heard) == (True, ["a", "b"])


def test_a_stream_that_breaks_is_opened_again_where_it_stopped() -> None:
    cluster = Cluster(
        [line(1, "a"), Unreachable("broken")], [line(1, "a"), line(1, "b"), line(2, "c")]
    )
    reader, heard = read(cluster)
    assert (reader.whole, heard) == (True, ["a", "b", "c"])
    assert cluster.queries[1]["sinceTime"] == "2026-03-01T10:00:01Z"


def test_the_end_of_a_stream_is_not_that_of_a_container_that_goes_on() -> None:
    """The kubelet has rotated the file."""
    reader, heard = read(Cluster([line(1, "a")], [line(1, "a"), line(2, "b")]))
    assert (reader.whole, heard) == (True, ["a", "b"])


def test_a_run_that_ended_before_it_could_be_read_is_read_as_the_previous_one() -> None:
    cluster = Cluster([line(1, "a")])
    cluster.now = (1, True)
    reader, heard = read(cluster)
    assert (reader.whole, heard) == (True, ["a"])
    assert cluster.queries[0]["previous"] == "true"


def test_what_is_gone_unread_is_never_whole() -> None:
    for now in (None, (2, True)):
        cluster = Cluster()
        cluster.now = now
        reader, _ = read(cluster)
        assert not reader.whole
        assert "gone before its log could be read" in reader.trouble


def test_a_pod_that_goes_while_its_stream_is_broken_is_not_whole() -> None:
    cluster = Cluster([line(1, "a"), Unreachable("broken")], after=None)
    cluster.scripts[0][1:1] = []

    def gone(reader: Reader) -> bool:
        cluster.now = None if reader.count else cluster.now
        return not reader._thread.is_alive()

    reader, heard = read(cluster, gone)
    assert (reader.whole, heard) == (False, ["a"])


def test_a_running_container_is_whole_once_its_rest_is_read() -> None:
    more = Event()
    cluster = Cluster([line(1, "a"), more, line(2, "b")], [line(1, "a"), line(3, "c")])
    reader, heard = read(cluster, lambda each: each.count == 1)
    reader.finish(5.0)
    assert (reader.whole, heard) == (True, ["a", "c"])
    assert "follow" not in cluster.queries[1]
    more.set()


@pytest.mark.parametrize("end", [[], [Unreachable("broken")]])
def test_an_open_stream_that_ends_after_the_rest_was_read_takes_nothing_back(
    end: list[Any],
) -> None:
    """The undo may delete the Pod before the probe is judged."""
    more = Event()
    cluster = Cluster([line(1, "a"), more, *end], [line(1, "a")], after=(0, True))
    reader, _ = read(cluster, lambda each: each.count == 1)
    reader.finish(5.0)
    more.set()
    reader._thread.join(60)
    assert (reader.whole, reader._thread.is_alive()) == (True, False)


def test_one_whose_rest_cannot_be_read_is_not_whole() -> None:
    more = Event()
    cluster = Cluster([line(1, "a"), more], [Unreachable("timed out")])
    reader, _ = read(cluster, lambda each: each.count == 1)
    reader.finish(5.0)
    assert (reader.whole, reader.trouble) == (False, "timed out")
    more.set()


def test_a_missing_right_ends_the_tries() -> None:
    cluster = Cluster([Forbidden(403, "may not read logs")])
    reader, _ = read(cluster)
    assert (reader.whole, reader.trouble, len(cluster.queries)) == (False, "may not read logs", 1)


@pytest.mark.parametrize("again", [[line(9, "z")], []])
def test_lines_that_were_rotated_away_while_nobody_read_are_missing_for_good(
    again: list[bytes],
) -> None:
    """As where a stream falls silent with the rotation, and only the new file can be read."""
    cluster = Cluster([line(1, "a"), Unreachable("silent")], again)
    reader, heard = read(cluster, lambda each: not cluster.scripts and bool(each.trouble))
    reader.finish(5.0)
    assert heard == ["a"] + ["z"] * bool(again)
    assert (reader.whole, reader.trouble) == (False, ROTATED)


def test_a_silent_stream_is_made_up_for_at_the_end_where_the_file_still_has_it() -> None:
    silent = Event()
    cluster = Cluster([line(1, "a"), silent], [line(1, "a"), line(5, "panic")])
    reader, heard = read(cluster, lambda each: each.count == 1)
    reader.finish(5.0)
    assert (reader.whole, heard) == (True, ["a", "panic"])
    silent.set()


def test_a_silent_stream_whose_file_is_gone_is_not_whole() -> None:
    silent = Event()
    cluster = Cluster([line(1, "a"), silent], [line(7, "x")])
    reader, _ = read(cluster, lambda each: each.count == 1)
    reader.finish(5.0)
    assert (reader.whole, reader.trouble) == (False, ROTATED)
    silent.set()


def test_what_was_there_already_is_read_first_and_its_end_is_not_that_of_the_instance() -> None:
    """It writes on, and ends, between the two requests."""
    cluster = Cluster([line(1, "a")], [line(1, "a"), line(2, "b")])
    cluster.scripts.insert(0, [Unreachable("not yet")])
    play = cluster._play

    def ends(script: list[Any]) -> Iterator[bytes]:
        yield from play(script)
        cluster.now = (0, False)

    cluster._play = ends  # type: ignore[method-assign]
    reader, heard = read(cluster, begun=True)
    assert (reader.whole, heard) == (True, ["a", "b"])
    assert ["follow" in query for query in cluster.queries] == [False, False, True]
