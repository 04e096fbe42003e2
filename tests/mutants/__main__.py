"""`python -m tests.mutants`: how many small wrong changes the tests notice.

Prints each survivor, and at the end the share of those that were noticed. With `--seconds` a random
sample, the same for the same `--seed`, is tried for so long. Exit code 1 below `--least` per cent.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.mutants import forks, mutations, targets
from tests.mutants.forks import HUNG, KILLED, SURVIVED, Key, Session
from tests.mutants.mutations import Mutation

ROOT = Path(__file__).parents[2]
_POLL = 0.02
_PATIENCE = 15.0
"""Seconds beyond ten times the usual that a mutated function gets before it counts as hung."""


def wanted(only: str) -> list[Mutation]:
    """Every mutation of the targets whose text contains `only`."""
    found: list[Mutation] = []
    for target in targets.TARGETS:
        path, _, function = target.partition("::")
        place = ROOT / path
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        for file in files:
            found += mutations.of_file(ROOT, str(file.relative_to(ROOT)), function)
    return [mutation for mutation in found if only in str(mutation)]


@dataclass(slots=True)
class Trial:
    """A plugin that tries mutations instead of running tests."""

    options: argparse.Namespace
    todo: list[Mutation]
    killed: int = 0
    survivors: list[str] = field(default_factory=list)
    _running: dict[int, tuple[Mutation, float]] = field(default_factory=dict)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Called once everything is collected."""
        from hypothesis import settings

        settings.register_profile("mutants", deadline=None, derandomize=True, database=None)
        settings.load_profile("mutants")
        trial = Session(session, ROOT)
        files = {mutation.file for mutation in self.todo}
        entered = trial.baseline(files, targets.LONGEST)
        tests = {test for each in entered.values() for test, _ in each}
        print(f"{len(self.todo)} mutations, {len(tests)} tests enter what is mutated", flush=True)
        until = time.monotonic() + self.options.seconds
        queue = list(self.todo)
        while (queue and time.monotonic() < until) or self._running:
            if queue and time.monotonic() < until and len(self._running) < self.options.workers:
                self._begin(trial, queue.pop(), entered)
            else:
                self._reap()
                time.sleep(_POLL)
        return True

    def _begin(
        self, trial: Session, mutation: Mutation, entered: dict[Key, list[tuple[str, float]]]
    ) -> None:
        tests = entered.get((mutation.file, mutation.first_line), [])
        if not tests:
            self._survived(mutation, "no test enters it")
            return
        usual = sum(seconds for _, seconds in tests)
        pid = trial.start(mutation, [test for test, _ in tests])
        self._running[pid] = (mutation, time.monotonic() + 10 * usual + _PATIENCE)

    def _reap(self) -> None:
        for pid, (mutation, deadline) in tuple(self._running.items()):
            code = forks.ended(pid, deadline)
            if code is None:
                continue
            del self._running[pid]
            if code not in (KILLED, SURVIVED, HUNG):
                raise RuntimeError(f"the driver failed ({code}) for {mutation}")
            if code == SURVIVED:
                self._survived(mutation, "")
            else:
                self.killed += 1
                if self.options.verbose:
                    print(f"{'hung' if code == HUNG else 'killed'} {mutation}", flush=True)

    def _survived(self, mutation: Mutation, why: str) -> None:
        text = f"{mutation}" + (f" ({why})" if why else "")
        self.survivors.append(text)
        print(f"survived {text}", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Try them and sum up."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--seconds", type=float, default=1800.0, help="how long to try")
    parser.add_argument("--seed", type=int, default=1, help="which sample comes first")
    parser.add_argument("--workers", type=int, default=2, help="mutations at a time")
    parser.add_argument("--least", type=float, default=90.0, help="per cent that must be noticed")
    parser.add_argument("--only", default="", help="only mutations whose text contains this")
    parser.add_argument("--verbose", action="store_true", help="print those that were noticed, too")
    options = parser.parse_args(arguments)
    todo = wanted(options.only)
    random.Random(options.seed).shuffle(todo)
    trial = Trial(options, todo)
    plugins: list[Any] = [trial]
    # Quiet, but with the terminal's plugin: plugins of others read its options.
    quiet = ["-qq", "--no-header", "--no-summary"]
    command = [*quiet, "-p", "no:cacheprovider", "-s", "-p", "no:xdist"]
    code = pytest.main([*command, *(str(ROOT / test) for test in targets.TESTS)], plugins)
    tried = trial.killed + len(trial.survivors)
    if not tried:
        print(f"nothing was tried (pytest ended with {code!r})")
        return 2
    share = 100 * trial.killed / tried
    print(f"{trial.killed} of {tried} noticed ({share:.1f} %); there are {len(todo)} mutations")
    return 0 if share >= options.least else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
