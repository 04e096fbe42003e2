"""Mutations that change nothing a test could see, each with its reason: `equivalents.toml`.

An entry covers the mutations of one function with one wording. It is checked from two sides: a test
holds that each entry still names a mutation, and a run fails if a test notices one after all.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.mutations import Mutation

LIST = Path(__file__).with_name("equivalents.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalent:
    """`what` is the mutation's own wording; `reason` says why nobody can tell the difference."""

    file: str
    function: str
    what: str
    reason: str

    def covers(self, mutation: Mutation) -> bool:
        """Whether the entry means this mutation."""
        known = (self.file, self.function, self.what)
        return known == (mutation.file, mutation.function, mutation.what)


def listed(path: Path = LIST) -> list[Equivalent]:
    """The entries; TypeError for one with other keys."""
    return [Equivalent(**each) for each in tomllib.loads(path.read_text()).get("equivalent", ())]


def parted(
    mutations: Iterable[Mutation], entries: Iterable[Equivalent]
) -> tuple[list[Mutation], list[Mutation]]:
    """Those that tests must notice, and those that are listed as equivalent."""
    known = {(each.file, each.function, each.what) for each in entries}
    wanted: list[Mutation] = []
    equal: list[Mutation] = []
    for each in mutations:
        (equal if (each.file, each.function, each.what) in known else wanted).append(each)
    return wanted, equal
