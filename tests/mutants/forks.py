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
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any

import pytest

from tests.mutants import mutations
from tests.mutants.mutations import Mutation

Key = tuple[str, int]
"""File, relative to the root, and first line of a function."""
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
    """The collected tests."""

    def __init__(self, session: pytest.Session, root: Path) -> None:
        self._session = session
        self._root = root
        self._failures = Failures()
        session.config.pluginmanager.register(self._failures)
        self.items = {item.nodeid: item for item in session.items}

    # -- what each test enters -------------------------------------------------------------------

    def baseline(self, files: set[str], longest: float) -> dict[Key, list[tuple[str, float]]]:
        """Test and seconds by function, for tests that pass in at most `longest` seconds."""
        with tempfile.NamedTemporaryFile("r") as file:
            pid = self._fork(lambda: self._measure(files, Path(file.name), longest))
            os.waitpid(pid, 0)
            lines = [json.loads(line) for line in file]
        found: dict[Key, list[tuple[str, float]]] = {}
        for line in lines:
            if line["passed"] and line["seconds"] <= longest:
                for name, first in line["entered"]:
                    found.setdefault((name, first), []).append((line["test"], line["seconds"]))
        for tests in found.values():
            tests.sort(key=lambda test: test[1])
        return found

    def _measure(self, files: set[str], out: Path, longest: float) -> int:
        entered: set[Key] = set()
        names = {str(self._root / name): name for name in files}

        def called(frame: FrameType, event: str, argument: Any) -> None:
            code = frame.f_code
            name = names.get(code.co_filename)
            if name is not None:
                entered.add((name, code.co_firstlineno))

        slow: set[str] = set()
        with out.open("w") as file:
            for item in self.items.values():
                whole = item.nodeid.partition("::")[0]
                if whole in slow:
                    continue
                entered.clear()
                self._failures.failed = False
                began = time.monotonic()
                threading.settrace(called)
                sys.settrace(called)
                self._run([item])
                sys.settrace(None)
                threading.settrace(None)
                seconds = time.monotonic() - began
                if seconds > longest:
                    slow.add(whole)  # its tests start processes, and the next would take as long
                line = {
                    "test": item.nodeid, "passed": not self._failures.failed,
                    "seconds": seconds, "entered": sorted(entered),
                }  # fmt: skip
                file.write(json.dumps(line) + "\n")
                file.flush()
        return 0

    # -- one mutation ----------------------------------------------------------------------------

    def start(self, mutation: Mutation, tests: Sequence[str]) -> int:
        """A child that tries a mutation; its exit code is KILLED or SURVIVED."""
        return self._fork(lambda: self._try(mutation, tests))

    def _try(self, mutation: Mutation, tests: Sequence[str]) -> int:
        exchange(self._root, mutation)
        for test in tests:
            try:
                self._run([self.items[test]])
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


def exchange(root: Path, mutation: Mutation) -> None:
    """Put the mutated code into every function that has the original; LookupError if none has."""
    place = (str(root / mutation.file), mutation.first_line, mutation.function)
    found = [
        thing
        for thing in gc.get_objects()
        if isinstance(thing, FunctionType)
        and place == (thing.__code__.co_filename, thing.__code__.co_firstlineno,
                      thing.__code__.co_name)
    ]  # fmt: skip
    if not found:
        raise LookupError(f"no such function: {mutation}")
    code = mutations.code_with(root, mutation)
    for function in found:
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
