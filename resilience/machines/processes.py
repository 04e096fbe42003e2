"""Programs that drivers run: no shell, no standard input, bounded time, the end of their output."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resilience.verbs.context import ActionFailed

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
        """What it wrote last, for messages."""
        return (self.errors or self.output).strip()[-SHOWN:] or "without output"


def run(command: Sequence[str], seconds: float, *, env: Mapping[str, str] | None = None) -> Done:
    """Run it to its end. ActionFailed when it cannot be started or does not end in time."""
    shown = " ".join(command)
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=max(seconds, 1.0),
            env={**os.environ, **(env or {})},
            check=False,
        )
    except FileNotFoundError as error:
        raise ActionFailed(f"`{command[0]}` is not on this machine's PATH: install it where pytest"
                           " runs, or name another driver in the target") from error  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ActionFailed(f"the driver's command `{shown}` failed: {error}") from error
    output, errors = (part.decode(errors="replace") for part in (done.stdout, done.stderr))
    return Done(done.returncode, output, errors)


def must(command: Sequence[str], seconds: float) -> str:
    """Its output; ActionFailed with its own words when it ends with another code than 0."""
    done = run(command, seconds)
    if done.code:
        raise ActionFailed(
            f"the driver's command `{' '.join(command)}` ended with exit code {done.code}:"
            f" {done.said}"
        )
    return done.output
