"""The sandbox's API server: big lists without a stall, many watchers, slow ones among them."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

from benchmarks import Row, median_of, milliseconds, percentile
from tests.sandbox.apiserver.live import ADMIN, Live, server
from tests.sandbox.apiserver.wire import Wire, config_map, pod

OBJECTS = 10_000
WATCHERS, SLOW = 50, 5
RATE, SECONDS = 1000, 30
_VERSION = re.compile(rb'"resourceVersion":"(\d+)"')
_SENT = re.compile(rb'"sent":"([\d.]+)"')
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
MAPS = "/api/v1/namespaces/default/configmaps"


def measure() -> Iterator[Row]:
    """One server for the lists, another for the watches."""
    longest = multiprocessing.Value("d", 0.0, lock=False)
    with server(inside=lambda: _time_callbacks(longest)) as live:
        yield from _lists(live, longest)
    with server() as live:
        yield from _watches(live)


def _time_callbacks(longest: Any) -> None:
    """In the server's process: how long one turn of its loop lasts at most, in CPU seconds, which
    a busy machine does not stretch."""
    name = "_run"
    plain = getattr(asyncio.Handle, name)

    def timed(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        plain(handle)
        longest.value = max(longest.value, time.thread_time() - began)

    setattr(asyncio.Handle, name, timed)


def _lists(live: Live, longest: Any) -> Iterator[Row]:
    with Wire.to(live) as wire:
        began = time.perf_counter()
        for number in range(OBJECTS):
            wire("POST", MAPS, config_map(f"m{number}", text="x" * 1300))
        created = OBJECTS / (time.perf_counter() - began)
        yield Row(what="creates on one connection", measured=f"{created:,.0f}/s")
        pods = "/api/v1/namespaces/default/pods"
        for number in range(OBJECTS):
            wire("POST", pods, pod(f"p{number}", nodeName=f"n{number % 1000}"))
        wanted = (
            ("list of 10,000 ConfigMaps", MAPS, "", "300 ms"),
            ("list of 10,000 Pods", pods, "", "500 ms"),
            ("the same as a Table", pods, TABLE, ""),
            ("by spec.nodeName", pods + "?fieldSelector=spec.nodeName=n7", "", "10 ms"),
        )
        for what, path, accept, reach in wanted:
            longest.value = 0.0
            yield _list(live, wire, what, path, accept, reach)
            yield Row(
                what="  longest turn of the server's loop meanwhile",
                measured=milliseconds(longest.value),
                reach="50 ms",
            )


def _list(live: Live, wire: Wire, what: str, path: str, accept: str, reach: str) -> Row:
    """One kind of list, while another connection feels for stalls of the server's loop."""
    delays: list[float] = []
    stop = threading.Event()

    def feel() -> None:
        with Wire.to(live) as other:
            while not stop.wait(0.001):
                began = time.perf_counter()
                other("GET", "/healthz")
                delays.append(time.perf_counter() - began)

    thread = threading.Thread(target=feel)
    thread.start()
    headers = {"Accept": accept} if accept else {}

    def once() -> float:
        began = time.perf_counter()
        wire("GET", path, **headers)
        return time.perf_counter() - began

    took = median_of(5, once)
    stop.set()
    thread.join()
    beside = f"another request meanwhile at most {milliseconds(max(delays, default=0.0))}"
    return Row(what=what, measured=milliseconds(took), reach=reach, beside=beside)


def _watches(live: Live) -> Iterator[Row]:
    """Real writes at a rate, watchers in a process of their own, as clients are."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    path = str(live.config.api_socket)
    reader = context.Process(target=_watch_all, args=(path, there))
    reader.start()
    assert here.recv() == "watching"
    began, late = time.monotonic(), 0
    with Wire.to(live) as wire:
        for number in range(RATE * SECONDS):
            due = began + number / RATE
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            late += wait < -0.1
            body = {"data": {"sent": repr(time.monotonic()), "number": str(number)}}
            wire(
                "PUT", f"{MAPS}/w{number % 100}", {"metadata": {"name": f"w{number % 100}"}, **body}
            ) if number >= 100 else wire(
                "POST", MAPS, {"metadata": {"name": f"w{number % 100}"}, **body}
            )
    rate = RATE * SECONDS / (time.monotonic() - began)
    here.send("written")
    found = here.recv()
    reader.join()
    yield Row(
        what=f"{WATCHERS} watchers ({SLOW} slow), {rate:,.0f} writes/s for {SECONDS} s: p99",
        measured=milliseconds(found["p99"]),
        reach="50 ms",
        beside=f"lost {found['lost']}, out of order {found['disorder']} of"
        f" {found['events']:,} events to those that keep up",
    )


def _watch_all(path: str, pipe: Connection) -> None:
    pipe.send(asyncio.run(_follow(path, pipe)))


async def _follow(path: str, pipe: Connection) -> dict[str, Any]:
    delays: list[float] = []
    counts = [0] * WATCHERS
    disorder = [0] * WATCHERS
    streams = [await _open(path, number) for number in range(WATCHERS)]
    pipe.send("watching")
    tasks = [
        asyncio.create_task(_read(number, stream[0], delays, counts, disorder))
        for number, stream in enumerate(streams)
    ]
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, pipe.recv)
    total = RATE * SECONDS
    deadline = loop.time() + 20
    while loop.time() < deadline and min(counts[SLOW:]) < total:
        await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    broken = [error for error in ended if not isinstance(error, asyncio.CancelledError | None)]
    if broken:
        raise RuntimeError(f"{len(broken)} watchers broke, the first by {broken[0]!r}")
    quick = counts[SLOW:]
    return {
        "p99": percentile(delays, 99),
        "events": sum(quick),
        "disorder": sum(disorder[SLOW:]),
        "lost": sum(total - count for count in quick),
    }


async def _open(path: str, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Both ends: a connection closes with its writer."""
    reader, writer = await asyncio.open_unix_connection(path, limit=1 << 22)
    accept = TABLE if number % 2 else "application/json"
    writer.write(
        f"GET {MAPS}?watch=1&resourceVersion=1&includeObject=Object HTTP/1.1\r\nHost: x\r\n"
        f"Accept: {accept}\r\nAuthorization: Bearer {ADMIN}\r\n\r\n".encode()
    )
    while (await reader.readline()) != b"\r\n":
        pass
    return reader, writer


async def _read(
    number: int,
    reader: asyncio.StreamReader,
    delays: list[float],
    counts: list[int],
    disorder: list[int],
) -> None:
    """Count events, check their order; the slow ones rest between reads, as a busy client would."""
    last, rest = 0, b""
    while True:
        size = int((await reader.readline()).strip() or b"0", 16)
        if not size:
            return
        rest += (await reader.readexactly(size + 2))[:-2]
        *lines, rest = rest.split(b"\n")
        now = time.monotonic()
        for line in lines:
            match = _VERSION.search(line)
            if match is None or b'"name":"w' not in line:
                continue
            version = int(match[1])
            disorder[number] += version <= last
            last = version
            counts[number] += 1
            if SLOW <= number < SLOW + 4:
                sent = _SENT.search(line)
                delays.append(now - float(sent[1]) if sent else 0.0)
        if number < SLOW:
            await asyncio.sleep(0.5)
