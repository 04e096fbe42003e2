"""The sandbox's API server: many objects made one after another, big lists of them, no stall."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import Row, median_of, milliseconds
from tests.sandbox.apiserver.live import Live, server
from tests.sandbox.apiserver.wire import Wire, config_map, pod

OBJECTS = 10_000
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
MAPS = "/api/v1/namespaces/default/configmaps"


def measure() -> Iterator[Row]:
    """Fill a server, then list."""
    longest = multiprocessing.Value("d", 0.0, lock=False)
    with server(inside=lambda: _time_callbacks(longest)) as live:
        yield from _lists(live, longest)


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
