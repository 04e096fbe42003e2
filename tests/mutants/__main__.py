"""`python -m tests.mutants`: how many small wrong changes the tests notice.

Prints each survivor, and at the end the share that was noticed, by room. With `--seconds` a random
sample, the same for the same `--seed`, is tried for this long. Exit code 1 below `--least` per
cent, or if a mutation that is listed as equivalent was noticed.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.mutants import equivalents, mutations, targets
from tests.mutants.mutations import Mutation
from tests.mutants.targets import Room
from tests.mutants.trial import Todo, Trial

ROOT = Path(__file__).parents[2]


def of_room(room: Room, only: str = "") -> list[Mutation]:
    """Every mutation of a room whose text contains `only`."""
    found: list[Mutation] = []
    for target in room.mutated:
        path, _, function = target.partition("::")
        place = ROOT / path
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        for file in files:
            found += mutations.of_file(ROOT, str(file.relative_to(ROOT)), function)
    return [mutation for mutation in found if only in str(mutation)]


def todo(rooms: Sequence[Room], only: str, seed: int) -> list[Todo]:
    """What is to be tried, in a random order."""
    entries = equivalents.listed()
    found: list[Todo] = []
    for room in rooms:
        wanted, equal = equivalents.parted(of_room(room, only), entries)
        found += [Todo(mutation=each, room=room, equivalent=False) for each in wanted]
        found += [Todo(mutation=each, room=room, equivalent=True) for each in equal]
    random.Random(seed).shuffle(found)
    return found


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The options."""
    names = [room.name for room in targets.ROOMS]
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--seconds", type=float, default=1800.0, help="how long to try")
    parser.add_argument("--seed", type=int, default=1, help="which sample comes first")
    parser.add_argument("--workers", type=int, default=2, help="mutations at a time")
    parser.add_argument("--least", type=float, default=90.0, help="per cent that must be noticed")
    parser.add_argument("--room", action="append", choices=names, help="only these rooms")
    parser.add_argument("--only", default="", help="only mutations whose text contains this")
    parser.add_argument("--verbose", action="store_true", help="print those that were noticed, too")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Try them and sum up."""
    options = parsed(arguments)
    rooms = [room for room in targets.ROOMS if not options.room or room.name in options.room]
    trial = Trial(options, todo(rooms, options.only, options.seed), ROOT)
    plugins: list[Any] = [trial]
    # Quiet, but with the terminal's plugin: plugins of others read its options.
    quiet = ["-qq", "--no-header", "--no-summary"]
    command = [*quiet, "-p", "no:cacheprovider", "-s", "-p", "no:xdist"]
    code = pytest.main(
        [*command, *(str(ROOT / test) for room in rooms for test in room.tests)], plugins
    )
    score = trial.score
    if code == pytest.ExitCode.INTERNAL_ERROR or not score.tried:
        print(f"no figure: {score.tried} were tried, and pytest ended with {code!r}")
        return 2
    print(score.table())
    for each in score.false:
        print(f"listed as equivalent, but noticed: {each}")
    load = os.getloadavg()[0]
    print(f"{len(trial.todo)} mutations in all, {trial.untried} not tried, {score.hung} ended by"
          f" hanging; load {load:.1f}")  # fmt: skip
    return 0 if score.share >= options.least and not score.false else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
