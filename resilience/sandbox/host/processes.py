"""Finds and ends processes with /proc, never by a name.

A sandbox's processes are known in two ways: as descendants of a known one, and, when that is gone,
by the marker `RESILIENCE_SANDBOX=ID` in the environment with which they were started. A process of
another user cannot be read and is left alone.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

MARKER = "RESILIENCE_SANDBOX"
"""Environment variable that every sandbox process, and what it starts, carries."""


def children(pid: int) -> list[int]:
    """Direct children of `pid`, of all its threads; empty when it is gone."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += [int(word) for word in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def descendants(pid: int) -> list[int]:
    """Children, their children and so on, parents first."""
    found: list[int] = []
    ahead = children(pid)
    while ahead:
        found += ahead
        ahead = [grandchild for child in ahead for grandchild in children(child)]
    return found


def all_pids() -> Iterator[int]:
    """Every process that /proc lists now."""
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def environment(pid: int) -> dict[str, str]:
    """The environment with which `pid` was started; empty when it is gone or someone else's."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            pairs = file.read().split(b"\0")
    except OSError:
        return {}
    split = (pair.partition(b"=") for pair in pairs if pair)
    return {os.fsdecode(key): os.fsdecode(value) for key, _, value in split}


def marked(sandbox: str) -> list[int]:
    """Processes started with the marker of that sandbox, without this one."""
    own = os.getpid()
    return [pid for pid in all_pids() if pid != own and environment(pid).get(MARKER) == sandbox]


def alive(pid: int) -> bool:
    """Whether `pid` runs: a zombie has ended and only waits to be collected."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal; a process that is already gone is fine."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def kill_all(find: Callable[[], list[int]], deadline: float) -> list[int]:
    """SIGKILL what `find` finds until it finds nothing alive; returns what outlived `deadline`.

    `find` is called again each round, because a process may fork between the look and the kill.
    """
    end = time.monotonic() + deadline
    while True:
        left = [pid for pid in find() if alive(pid)]
        if not left or time.monotonic() > end:
            return left
        for pid in left:
            kill(pid)
        collect_zombies()
        time.sleep(0.005)


def collect_zombies() -> None:
    """Collect every ended child, so that no zombie stays."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def describe_exit(status: int) -> str:
    """A wait status as text: "exited with code 1", "was killed by SIGKILL"."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exited with code {code}"
    return f"was killed by {signal.Signals(-code).name}"
