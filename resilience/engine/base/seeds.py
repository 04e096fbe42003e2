"""Randomness that can be repeated. Every step has a stream of its own, so that a step added before
it does not change what it chooses. No global state.
"""

from __future__ import annotations

import hashlib
from random import Random, SystemRandom


def stream(seed: int, path: str) -> Random:
    """The random stream of the step at `path` ("when[2].repeat[0]") in a run of `seed`."""
    digest = hashlib.sha256(f"{seed}:{path}".encode()).digest()
    return Random(int.from_bytes(digest[:8], "big"))


def fresh() -> int:
    """A new seed, short enough to be read aloud and typed again."""
    return SystemRandom().randrange(1, 1_000_000)
