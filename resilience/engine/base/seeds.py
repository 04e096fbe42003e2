"""Repeatable randomness, and the names of runs.

Every step has its own stream, so that a step added before it does not change its choices. No global
state.
"""

from __future__ import annotations

import hashlib
from random import Random, SystemRandom

from resilience.model.values import RunId


def stream(seed: int, path: str) -> Random:
    """The random stream of the step at `path` ("when[2].repeat[0]") in a run of `seed`."""
    digest = hashlib.sha256(f"{seed}:{path}".encode()).digest()
    return Random(int.from_bytes(digest[:8], "big"))


def fresh() -> int:
    """A new seed, short enough to be read aloud and typed again."""
    return SystemRandom().randrange(1, 1_000_000)


def new_id(wall: float, random: SystemRandom | None = None) -> RunId:
    """A name for a run: sortable by time, unique enough for a label and a file."""
    source = random or SystemRandom()
    return RunId(f"{int(wall):x}-{source.randrange(16**6):06x}")
