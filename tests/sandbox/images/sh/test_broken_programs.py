"""A program that ends with an exception of its own says where, also in a child of the shell."""

from __future__ import annotations

import os
import subprocess
import sys

BROKEN = """
import sys
from resilience.sandbox.images import toolbox
toolbox.true_ = lambda argv: 1 // 0
sys.exit(toolbox.sh_(["sh", "-c", "true | true; echo $?"]))
"""


def test_a_program_that_breaks_in_a_child_says_where() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BROKEN], capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "RESILIENCE_IMAGE": "busybox"},
    )  # fmt: skip
    assert done.stdout == "1\n"
    assert done.stderr.count("ZeroDivisionError") == 2
