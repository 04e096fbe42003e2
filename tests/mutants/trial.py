"""The plugin that tries mutations instead of running tests."""

from __future__ import annotations

import argparse
import gc
import importlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.mutants import forks, targets
from tests.mutants.forks import HUNG, KILLED, SURVIVED, Key, Session, Test
from tests.mutants.mutations import Mutation
from tests.mutants.score import Score
from tests.mutants.targets import Room

_POLL = 0.02
_PATIENCE = 10.0
"""Seconds beyond ten times the usual that a mutated function gets before it counts as hung."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Todo:
    """A mutation, the room whose tests try it, and whether it is listed as equivalent."""

    mutation: Mutation
    room: Room
    equivalent: bool


@dataclass(slots=True)
class Trial:
    """Tries all of `todo` or as many as the time allows."""

    options: argparse.Namespace
    todo: Sequence[Todo]
    root: Path
    score: Score = field(default_factory=Score)
    untried: int = 0
    _running: dict[int, tuple[Todo, float]] = field(default_factory=dict)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Called once everything is collected."""
        from hypothesis import settings

        settings.register_profile("mutants", deadline=None, derandomize=True, database=None)
        settings.load_profile("mutants")
        files = {each.mutation.file for each in self.todo}
        for file in files:
            importlib.import_module(file.removesuffix(".py").replace("/", "."))
        forked = Session(session, self.root, targets.SLOW)
        entered = forked.baseline(files, targets.LONGEST)
        names = {test.name for tests in entered.values() for test in tests}
        print(f"{len(self.todo)} mutations, {len(names)} tests enter what is mutated", flush=True)
        gc.freeze()  # the children share what the collector does not touch
        self._try_all(forked, entered)
        return True

    def _try_all(self, forked: Session, entered: Mapping[Key, Sequence[Test]]) -> None:
        until = time.monotonic() + self.options.seconds
        queue = list(self.todo)
        while (queue and time.monotonic() < until) or self._running:
            if queue and time.monotonic() < until and len(self._running) < self.options.workers:
                self._begin(forked, queue.pop(), entered)
            else:
                self._reap()
                time.sleep(_POLL)
        self.untried = len(queue)

    def _begin(self, forked: Session, todo: Todo, entered: Mapping[Key, Sequence[Test]]) -> None:
        mutation = todo.mutation
        tests = chosen(todo, entered.get((mutation.file, mutation.first_line), ()))
        if not tests:
            self._survived(todo, "no quick test enters it")
            return
        pid = forked.start(mutation, tests)
        usual = sum(test.seconds for test in tests)
        self._running[pid] = (todo, time.monotonic() + 10 * usual + _PATIENCE)

    def _reap(self) -> None:
        for pid, (todo, deadline) in tuple(self._running.items()):
            code = forks.ended(pid, deadline)
            if code is None:
                continue
            del self._running[pid]
            if code not in (KILLED, SURVIVED, HUNG):
                raise RuntimeError(f"the driver failed ({code}) for {todo.mutation}")
            if code == SURVIVED:
                self._survived(todo, "")
            else:
                self._noticed(todo, "hung" if code == HUNG else "killed")

    def _noticed(self, todo: Todo, how: str) -> None:
        if todo.equivalent:
            self.score.false.append(todo.mutation)
            return
        self.score.noticed[todo.room.name] += 1
        self.score.hung += how == "hung"
        if self.options.verbose:
            print(f"{how} {todo.mutation}", flush=True)

    def _survived(self, todo: Todo, why: str) -> None:
        if todo.equivalent:
            return
        self.score.survived[todo.room.name] += 1
        print(f"survived {todo.mutation}" + (f" ({why})" if why else ""), flush=True)


def chosen(todo: Todo, tests: Sequence[Test]) -> list[Test]:
    """Those of the room that may be tried: the mirrored file first, then the quickest."""
    module = Path(todo.mutation.file).stem
    near = [test for test in tests if _in_room(test, todo.room)]
    near.sort(key=lambda test: (f"/test_{module}" not in test.name, test.seconds))
    found: list[Test] = []
    for test in near:
        if sum(each.seconds for each in found) < targets.ENOUGH:
            found.append(test)
    return found


def _in_room(test: Test, room: Room) -> bool:
    file = test.name.partition("::")[0]
    return any(file == place or file.startswith(f"{place}/") for place in room.tests)
