"""Runs the programs of drivers: without a shell and standard input, in bounded time; the end of the
output is kept."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resilience.cluster.capabilities.machines import MachineFailed
from resilience.model.masks import ending

SHOWN = 500
"""Characters of a failed program's output that a message shows: the last ones."""


@dataclass(frozen=True, slots=True)
class Done:
    """A program that ended by itself."""

    code: int
    output: str
    errors: str

    @property
    def said(self) -> str:
        """The end of its output, for messages."""
        return ending(self.errors or self.output, SHOWN) or "without output"


def run(command: Sequence[str], seconds: float, *, env: Mapping[str, str] | None = None) -> Done:
    """Run it to its end. MachineFailed when it cannot be started or does not end in time."""
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=max(seconds, 1.0),
            env={**os.environ, **(env or {})},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        hint = ""
        if isinstance(error, FileNotFoundError):
            hint = (
                f"; `{command[0]}` is not on this machine's PATH: install it where pytest runs, or"
                " name another driver in the target"
            )
        raise MachineFailed(
            f"the target's driver `{' '.join(command)}` failed: {error}{hint}"
        ) from error
    output, errors = (part.decode(errors="replace") for part in (done.stdout, done.stderr))
    return Done(done.returncode, output, errors)


def must(command: Sequence[str], seconds: float, *, env: Mapping[str, str] | None = None) -> str:
    """Run it and return its output; raise MachineFailed with its own message when it does not end
    with code 0."""
    done = run(command, seconds, env=env)
    if done.code:
        raise MachineFailed(
            f"the target's driver `{' '.join(command)}` ended with exit code {done.code}:"
            f" {done.said}"
        )
    return done.output
