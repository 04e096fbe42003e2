"""`resilience sandbox ...`: replaces this process with the sandbox's own command.

The sandbox imports nothing of the product, and this module only knows its command line. The sandbox
does not know the project, so the files that may map the user's own images are passed to it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from resilience.cluster.access.embedded import command, environment
from resilience.config.root import project_files, project_root

WITH_IMAGES = frozenset({"up", "images"})


def hand_over(arguments: Sequence[str]) -> int:
    """Does not return: from here on signals, output and exit code are the sandbox's own."""
    program = command(*_with_images(arguments))
    os.execve(program[0], program, environment())


def _with_images(arguments: Sequence[str]) -> list[str]:
    first, *rest = arguments or [""]
    if first not in WITH_IMAGES or any(word.startswith("--images") for word in rest):
        return list(arguments)
    files = project_files(project_root(Path.cwd()))
    return [first, *(f"--images={path}" for path in files), *rest]
