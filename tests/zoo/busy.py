"""Processes that never sleep, next to what is measured."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

BUSY = "import os\nwho = os.getppid()\nwhile os.getppid() == who:\n    sum(range(1000))\n"
"""Ends with its parent, also after `kill -9` of that."""


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many of them, on the two processors that this process and its children share meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:2])
    try:
        with ExitStack() as stack:
            for _ in range(count):
                child = stack.enter_context(subprocess.Popen([sys.executable, "-c", BUSY]))
                stack.callback(child.kill)
            yield
    finally:
        os.sched_setaffinity(0, before)
