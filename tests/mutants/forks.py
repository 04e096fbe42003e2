"""Tests of one collected session, each set in a process forked for it, with a mutation in its code.

Everything is imported and collected once. For each mutation the process forks; the child exchanges
the code of one function and runs the tests that enter it, until one fails. A child that hangs is
ended. Tests see a process in which no test has run.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any

import pytest

from tests.mutants import mutations
from tests.mutants.mutations import Mutation

Key = tuple[str, int]
"""File, relative to the root, and first line of a function."""

Loaded = dict[tuple[str, int, str], list[FunctionType]]
"""The functions that share one code, by its file, first line and name."""

_SLOW = 2
"""Tests of one file that take too long before the rest of the file is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """`name` is pytest's id; `seconds` is how long it takes by itself."""

    __test__ = False
    name: str
    seconds: float


SURVIVED, KILLED, HUNG, BROKEN = 0, 10, 11, 12
"""How a child ended; BROKEN is a fault of the driver's own, never of a mutation."""


class Failures:
    """A plugin: what failed in this process."""

    def __init__(self) -> None:
        self.failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called for set-up, call and tear-down of each test."""
        self.failed = self.failed or report.failed


class Session:
    """The collected tests, but for those that use one of the fixtures `without`."""

    def __init__(
        self, session: pytest.Session, root: Path, without: Set[str] = frozenset()
    ) -> None:
        self._session = session
        self._root = root
        self._failures = Failures()
        session.config.pluginmanager.register(self._failures)
        self._functions = loaded(root)
        self.items = {
            item.nodeid: item
            for item in session.items
            if without.isdisjoint(getattr(item, "fixturenames", ()))
        }

    # -- what each test enters -------------------------------------------------------------------

    def baseline(self, files: set[str], longest: float) -> dict[Key, list[Test]]:
        """The tests that enter each function and pass in at most `longest` seconds."""
        with tempfile.NamedTemporaryFile("r") as file:
            pid = self._fork(lambda: self._measure(files, Path(file.name), longest))
            os.waitpid(pid, 0)
            lines = [json.loads(line) for line in file]
        found: dict[Key, list[Test]] = {}
        for line in lines:
            if line["passed"] and line["seconds"] <= longest:
                for name, first in line["entered"]:
                    test = Test(name=line["test"], seconds=line["seconds"])
                    found.setdefault((name, first), []).append(test)
        return found

    def _measure(self, files: set[str], out: Path, longest: float) -> int:
        entered: set[Key] = set()
        names = {str(self._root / name): name for name in files}

        def called(frame: FrameType, event: str, argument: Any) -> None:
            code = frame.f_code
            name = names.get(code.co_filename)
            if name is not None:
                entered.add((name, code.co_firstlineno))

        slow: Counter[str] = Counter()
        with out.open("w") as file:
            for item in self.items.values():
                whole = item.nodeid.partition("::")[0]
                if slow[whole] == _SLOW:
                    continue  # its tests start processes, and the next would take as long
                entered.clear()
                self._failures.failed = False
                began = time.monotonic()
                threading.settrace(called)
                sys.settrace(called)
                self._run([item])
                sys.settrace(None)
                threading.settrace(None)
                seconds = time.monotonic() - began
                slow[whole] += seconds > longest
                line = {
                    "test": item.nodeid, "passed": not self._failures.failed,
                    "seconds": seconds, "entered": sorted(entered),
                }  # fmt: skip
                file.write(json.dumps(line) + "\n")
                file.flush()
        return 0

    # -- one mutation ----------------------------------------------------------------------------

    def start(self, mutation: Mutation, tests: Sequence[Test]) -> int:
        """A child that tries a mutation; its exit code is KILLED or SURVIVED."""
        return self._fork(lambda: self._try(mutation, tests))

    def _try(self, mutation: Mutation, tests: Sequence[Test]) -> int:
        exchange(self._root, self._functions, mutation)
        for test in tests:
            try:
                self._run([self.items[test.name]])
            except (KeyboardInterrupt, SystemExit, pytest.exit.Exception):
                return KILLED
            if self._failures.failed:
                return KILLED
        return SURVIVED

    def _run(self, items: Sequence[pytest.Item]) -> None:
        for item in items:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)

    def _fork(self, work: Callable[[], int]) -> int:
        pid = os.fork()
        if pid:
            return pid
        code = BROKEN
        try:
            os.setsid()
            self._silence()
            code = work()
        finally:
            os._exit(code)

    def _silence(self) -> None:
        """What tests print is nobody's business here."""
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1):
            os.dup2(nothing, descriptor)


def loaded(root: Path) -> Loaded:
    """Every function of this process whose code is below `root`."""
    found: Loaded = {}
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType):
            code = thing.__code__
            if code.co_filename.startswith(str(root)):
                place = (code.co_filename, code.co_firstlineno, code.co_name)
                found.setdefault(place, []).append(thing)
    return found


def exchange(root: Path, functions: Loaded, mutation: Mutation) -> None:
    """Put the mutated code into every function that has the original; LookupError if none has."""
    place = (str(root / mutation.file), mutation.first_line, mutation.function)
    if place not in functions:
        raise LookupError(f"no such function: {mutation}")
    code = mutations.code_with(root, mutation)
    for function in functions[place]:
        function.__code__ = code


def ended(pid: int, deadline: float) -> int | None:
    """The exit code of a child, HUNG for one that is ended now, None while it runs."""
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        return os.waitstatus_to_exitcode(status)
    if time.monotonic() < deadline:
        return None
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return HUNG
