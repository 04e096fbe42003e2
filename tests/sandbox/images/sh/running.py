"""One shell of the images in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

RUN = """
import sys
from resilience.sandbox.images.toolbox import sh_
code = sh_([NAME, *sys.argv[1:]])
sys.stdout.flush()
sys.exit(code)
"""


def sh(
    *arguments: str, stdin: str = "", cwd: Path | None = None, name: str = "sh"
) -> tuple[str, int]:
    """Standard output and exit code."""
    done = subprocess.run(
        [sys.executable, "-c", RUN.replace("NAME", repr(name)), *arguments],
        input=stdin, capture_output=True, text=True, cwd=cwd, check=False, timeout=60,
        env={**os.environ, "RESILIENCE_IMAGE": "busybox"},
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout, done.returncode
