"""`resilience sandbox ...`: the sandbox's own command takes this process over.

Its room imports nothing of ours and is imported by nothing: we only know how it is called.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from resilience.cluster.access.embedded import command, environment


def hand_over(arguments: Sequence[str]) -> int:
    """Does not return: signals, output and exit code are the sandbox's own from here on."""
    program = command(*arguments)
    os.execve(program[0], program, environment())
