"""Python programs that a container's program starts: they are in the same container.

A child begins as a fresh interpreter, which sees the machine's files and network. So the command
line is changed on its way: the child first takes the container's surroundings, then runs what it
was started for. This applies to `subprocess` and Python; other programs, and `python -I`, which
wants nothing of its surroundings, start as they are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from resilience.sandbox.inside.launch import Launch

VARIABLE = "RESILIENCE_SANDBOX_INSIDE"
ROOT = str(Path(__file__).parents[3])
BEGIN = (
    f"import sys; sys.path.insert(0, {ROOT!r});"
    " from resilience.sandbox.zygote import joining; joining.main()"
)


def install(launch: Launch) -> None:
    """From now on, Python children of this process join its container."""
    real = subprocess.Popen.__init__

    def begin(popen: Any, args: Any, *rest: Any, **named: Any) -> None:
        if rest or not _is_python(args, named):
            real(popen, args, *rest, **named)
            return
        told = described(launch, args, str(named.pop("cwd", None) or os.getcwd()))
        around = dict(named.pop("env", None) or os.environ)
        around[VARIABLE] = json.dumps(told.dump())
        real(popen, [sys.executable, "-c", BEGIN], env=around, **named)

    subprocess.Popen.__init__ = begin  # type: ignore[assignment,method-assign]


def described(launch: Launch, args: Sequence[str], cwd: str) -> Launch:
    """The child's launch; its environment comes as that of any process."""
    return replace(launch, argv=tuple(map(str, args)), cwd=cwd, environment={})


def taken(environment: Mapping[str, str]) -> Launch:
    """What `install` wrote."""
    return Launch.load(json.loads(environment[VARIABLE]))


def _is_python(args: Any, named: Mapping[str, Any]) -> bool:
    if not isinstance(args, list | tuple) or not args or named.get("shell"):
        return False
    isolated = any(str(each).startswith("-I") for each in args[1:2])
    return str(args[0]) == sys.executable and not named.get("executable") and not isolated
