"""How a shell leaves constructs: `return`, `break`, a signal while it waits; and exit codes."""

from __future__ import annotations

import os

from resilience.sandbox.inside import awake

NOT_FOUND = 127


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
    """A trapped signal arrived while `wait` waited."""

    def __init__(self, number: int) -> None:
        self.number = number


def wait_for(child: int) -> int:
    """The exit code of a child; 128 plus the signal if one ended it."""
    try:
        code = os.waitstatus_to_exitcode(awake.wait_for_end(child))
    except ChildProcessError:
        return NOT_FOUND
    return code if code >= 0 else 128 - code


def exit_code(leaving: SystemExit) -> int:
    """The argument of `sys.exit` as a number."""
    if isinstance(leaving.code, int):
        return leaving.code
    return int(leaving.code is not None)
