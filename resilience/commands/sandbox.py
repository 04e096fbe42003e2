"""`resilience sandbox ...`: replaces this process with the sandbox's own command.

The sandbox imports nothing of the product, and this module only knows its command line.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from resilience.cluster.access.embedded import command, environment


def hand_over(arguments: Sequence[str]) -> int:
    """Does not return: from here on signals, output and exit code are the sandbox's own."""
    program = command(*arguments)
    os.execve(program[0], program, environment())
