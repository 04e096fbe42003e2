"""What is counted of the sandbox's processes, and what counts as the use of other programs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from resilience.cluster.access.cpu_watch import CpuWatch, Reading, between, pause, reading
from resilience.cluster.access.embedded import sandbox

TREE = """
import os, sys, threading

def named(name):
    with open("/proc/self/comm", "w") as file:
        file.write(name)

def tell(name):
    os.write(1, f"{name} {os.getpid()}\\n".encode())

def child(name, below=None):
    if os.fork() == 0:
        named(name)
        tell(name)
        if below:
            below()
        sys.stdin.read()
        os._exit(0)

def container():
    child("container", lambda: child("its-child"))
    if os.fork() == 0:
        for _ in range(2):
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        tell("threads")
        sys.stdin.read()
        os._exit(0)

tell("first")
child("rs-dataplane")
child("rs-apiserver")
child("rs-zygote", container)
sys.stdin.read()
"""
PROCESSES = 7


@contextmanager
def tree() -> Iterator[dict[str, int]]:
    """The process ids of a family like the sandbox's, by name; each ends with its stdin."""
    with subprocess.Popen(
        [sys.executable, "-c", TREE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        lines = [process.stdout.readline().split() for _ in range(PROCESSES)]
        try:
            yield {name: int(pid) for name, pid in lines}
        finally:
            process.stdin.close()


def test_threads_behind_requests_are_counted_and_all_processes_are_its_own() -> None:
    with tree() as pids:
        found = reading(pids["first"])
        threads = {int(name) for name in os.listdir(f"/proc/{pids['threads']}/task")}
    assert found is not None
    assert found.own.keys() == set(pids.values())
    assert len(threads) == 3
    behind = {pids["rs-dataplane"], pids["container"], pids["its-child"], *threads}
    assert found.waited.keys() == behind


def test_a_process_that_is_gone_gives_no_reading() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert reading(process.pid) is None


def at(moment: float, **more: object) -> Reading:
    given: dict[str, object] = {"waited": {}, "own": {}, "used": 0.0}
    return Reading(at=moment, **{**given, **more})  # type: ignore[arg-type]


def test_what_the_sandbox_used_is_not_the_use_of_others() -> None:
    first = at(1.0, own={10: 5.0, 11: 1.0}, used=100.0)
    second = at(2.0, own={10: 5.5, 12: 0.25}, used=102.0)
    assert between(first, second).others == pytest.approx(2.0 - 0.5 - 0.25)
    hungry = at(2.0, own={10: 9.0}, used=102.0)
    assert between(first, hungry).others == 0.0


def test_new_threads_count_from_their_beginning_and_ended_ones_no_more() -> None:
    first = at(1.0, waited={1: 0.5, 2: 0.125})
    second = at(2.0, waited={1: 0.75, 3: 0.5})
    found = between(first, second)
    assert (found.since, found.until, found.waited) == (1.0, 2.0, 0.25 + 0.5)


def test_a_reading_that_fails_makes_the_span_longer() -> None:
    numbers = count()
    enough = threading.Event()

    def read() -> Reading | None:
        number = next(numbers)
        if number >= 6:
            enough.set()
        return None if number % 2 else at(float(number))

    with CpuWatch(read, every=0.001) as watch:
        assert enough.wait(30)
        spans = watch.waits().spans
    assert {span.until - span.since for span in spans} == {2.0}


@pytest.mark.parametrize(("took", "rest"), [(0.002, 0.25), (0.05, 2.5)])
def test_reading_many_processes_is_done_less_often(took: float, rest: float) -> None:
    assert pause(0.25, took) == pytest.approx(rest)


def test_only_the_last_readings_are_kept() -> None:
    numbers = count()
    watch = CpuWatch(lambda: at(float(next(numbers))), most=3)
    for _ in range(5):
        spans = watch.waits().spans
    assert [(span.since, span.until) for span in spans] == [(2.0, 3.0), (3.0, 4.0)]


def test_a_sandbox_is_read_from_its_first_process() -> None:
    with sandbox(nodes=1) as running:
        found = reading(running.life.process)
        assert found is not None
        names = {}
        for pid in found.own:
            with open(f"/proc/{pid}/comm") as file:
                names[pid] = file.read().strip()
        assert {"rs-apiserver", "rs-kubelet", "rs-dataplane", "rs-zygote"} <= set(names.values())
        assert {names[task] for task in found.waited if task in names} == {"rs-dataplane"}
