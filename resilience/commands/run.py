"""`resilience run`: pytest for people who do not know it. It adds nothing to what pytest does."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from resilience.commands.saying import warn
from resilience.config.options import OPTIONS
from resilience.model.nearest import asked, nearest

PLUGIN = "resilience.plugin"
KNOWN = "ignore:Module already imported so cannot be rewritten; resilience"
"""pytest's warning that this package was imported before its plugin. It is true, harmless, and an
error in a project whose warnings are errors."""

WORKERS = ("auto", "logical")
"""What pytest-xdist takes for `-n` beside a number."""


def run(options: argparse.Namespace) -> int:
    """Run pytest here; returns its exit code."""
    import pytest

    if options.library:
        from resilience.commands import library, settings

        options.paths.append(
            str(library.copied(options.library, options.service or "", settings(options)))
        )
    try:
        code = int(pytest.main(arguments(options)))
        if code == pytest.ExitCode.USAGE_ERROR:
            rest = options.rest
            if hint := misspelt(rest) or of_kubectl(rest):
                warn(f"error: {hint}; see `resilience run --help`")
        if code == pytest.ExitCode.NO_TESTS_COLLECTED:
            warn(f"error: {line}" for line in _nothing_there(options))
        return code
    except BrokenPipeError:
        # The reader closed the pipe (`| head`): scenarios that have not run must not count as
        # passed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(pytest.ExitCode.TESTS_FAILED)


def _nothing_there(options: argparse.Namespace) -> Iterator[str]:
    """The folders that hold nothing to run."""
    from resilience.commands import settings
    from resilience.harness import naming

    given, here = settings(options), Path.cwd()
    paths = [here / path for path in options.paths or ["."]]
    return naming.none_below(paths, (*given.scenarios, *given.plans), here)


def misspelt(rest: Sequence[str]) -> str:
    """The nearest option of this project for a misspelt short one; "" if there is none."""
    known = {
        option.name.replace("_", "-"): f"--{option.name.replace('_', '-')}" for option in OPTIONS
    }
    for word in rest:
        dashes, _, name = word.partition("=")[0].rpartition("--")
        close = nearest(name, known) if word.startswith("--") and not dashes else []
        if close:
            return f"unknown option '--{name}'{asked([known[close[0]]])}"
    return ""


def of_kubectl(rest: Sequence[str]) -> str:
    """For `-n NAMESPACE`: here, `-n` is the number of workers; "" if it was not used so."""
    for at, word in enumerate(rest):
        if word.startswith("-n"):
            value = word[2:] or "".join(rest[at + 1 : at + 2])
            if value and not value.isdigit() and value not in WORKERS:
                return f"`-n` is the number of workers; for a namespace, use `--namespace={value}`"
    return ""


def arguments(options: argparse.Namespace) -> list[str]:
    """pytest's command line for these arguments."""
    given = ["-W", KNOWN, *([] if _installed() else ["-p", PLUGIN])]
    for option in OPTIONS:
        value = getattr(options, option.key)
        if option.flag:
            given += [option.cli] if value else []
        else:
            values = value if option.many else [value]
            given += [f"{option.cli}={one}" for one in values or () if one is not None]
    return [*given, *options.rest, *options.paths]


def _installed() -> bool:
    """Whether pytest finds the plugin by itself; it does not in a source tree."""
    return any(point.value == PLUGIN for point in entry_points(group="pytest11"))
