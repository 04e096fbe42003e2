"""`resilience run`: pytest for people who do not know it. It adds nothing to what pytest does."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.metadata import entry_points

from resilience.config.settings import OPTIONS

PLUGIN = "resilience.plugin"
KNOWN = "ignore:Module already imported so cannot be rewritten; resilience"
"""pytest's warning that this package was imported before its plugin. It is true, harmless, and an
error in a project whose warnings are errors."""


def run(options: argparse.Namespace) -> int:
    """Run pytest here; returns its exit code."""
    import pytest

    if options.library:
        from resilience.commands import library, settings

        options.paths.append(
            str(library.copied(options.library, options.service or "", settings(options)))
        )
    try:
        return int(pytest.main(arguments(options)))
    except BrokenPipeError:
        # The reader left (`| head`) before the end: scenarios that have not run must not count as
        # passed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(pytest.ExitCode.TESTS_FAILED)


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
