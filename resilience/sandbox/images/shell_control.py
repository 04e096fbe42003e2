"""How a shell leaves what it runs: `return`, `break`, `continue`, and a signal while it waits."""

from __future__ import annotations


class Return(Exception):
    """`return CODE`: the function, or the sourced script, is over."""

    def __init__(self, code: int) -> None:
        self.code = code


class Jump(Exception):
    """`break LEVELS`, or with `again` `continue LEVELS`."""

    def __init__(self, levels: int, *, again: bool) -> None:
        self.levels = levels
        self.again = again


class Interrupted(Exception):
    """A trapped signal came while `wait` waited."""

    def __init__(self, number: int) -> None:
        self.number = number
