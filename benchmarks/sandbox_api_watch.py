"""The sandbox's API server under writes at a rate, with many watchers of them, five of them slow.

Server, writer and watchers are processes of their own, as on a real machine. Both ends of the
measurement are cheap on purpose: bytes are counted, never decoded. Latency counts from the moment a
write was due, so that a writer who falls behind cannot hide it. The CPU time that one write costs
the server, its fan-out included, hardly changes with what else the machine does: compare that.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

from benchmarks import Row, milliseconds, percentile
from benchmarks._watchers import Watching
from benchmarks._writer import Writing
from tests.sandbox.apiserver.live import Live, server
from tests.sandbox.apiserver.wire import Wire

WATCHERS, SLOW = 50, 5
RATE, SECONDS = 1000, 30
MAPS = "/api/v1/namespaces/default/configmaps"
_PATIENCE = 20.0
_TICKS = os.sysconf("SC_CLK_TCK")


def measure() -> Iterator[Row]:
    """A server without watchers first: what the fan-out costs is the difference."""
    with server() as live:
        yield from _pressed(live, 0)
    with server() as live:
        yield from _pressed(live, WATCHERS)


def _pressed(live: Live, watchers: int) -> Iterator[Row]:
    """Writes at the rate, watched by so many."""
    with Wire.to(live) as wire:
        version = int(wire("GET", MAPS).json["metadata"]["resourceVersion"])
    path, total = str(live.config.api_socket), RATE * SECONDS
    reader, follow = _process(_follow, path, version, watchers, total)
    assert follow.recv() == "watching"
    before = _cpu(live.pid)
    writer, write = _process(_write, path, RATE, total)
    written = write.recv()
    follow.send("written")
    found = follow.recv()
    spent = (_cpu(live.pid) - before) / total
    reader.join()
    writer.join()
    yield Row(
        what=f"{watchers} watchers: writes of {RATE:,}/s wanted for {SECONDS} s",
        measured=f"{written['rate']:,.0f}/s",
        reach=f"{RATE:,}/s",
        beside=f"answered in {milliseconds(written['p50'])} (p99 {milliseconds(written['p99'])});"
        f" {spent * 1e6:,.0f} us of the server's CPU per write",
    )
    if watchers:
        yield Row(
            what=f"  p99 from due to heard, {SLOW} of them slow",
            measured=milliseconds(percentile(found["delays"], 99)),
            reach="50 ms",
            beside=f"lost {found['lost']}, out of order {found['disorder']} of {found['events']:,}"
            f" events to those that keep up; the slow got {found['slow']:,}, in order"
            f" {found['slow_in_order']}",
        )


def _process(target: Any, *arguments: Any) -> tuple[Any, Connection]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=target, args=(*arguments, there))
    process.start()
    return process, here


def _cpu(pid: int) -> float:
    """CPU seconds a process has used so far."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _write(path: str, rate: int, total: int, pipe: Connection) -> None:
    pipe.send(Writing(path, f"{MAPS}/w", rate, total).run())


def _follow(path: str, version: int, watchers: int, total: int, pipe: Connection) -> None:
    watching = Watching(path, f"{MAPS}?watch=1&resourceVersion={version}", watchers, SLOW)
    pipe.send("watching")
    watching.follow(total, pipe, _PATIENCE)
    pipe.send(watching.found(total))
