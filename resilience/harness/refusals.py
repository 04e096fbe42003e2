"""Combinations of pytest options under which nothing may be changed, each with its reason.

Checked once items are known, and only if some of them change a cluster: the plugin is loaded in
every pytest run of an environment and must not disturb unrelated tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


def reasons(config: pytest.Config, *, distributed: bool = True) -> Iterator[str]:
    """Why mutating items may not run with these options; nothing when they may. `distributed`
    False ignores that there are several workers."""
    if distributed:
        yield from _xdist(config)
    yield from _reruns(config)
    yield from _timeout(config)
    yield from _faulthandler(config)


def _xdist(config: pytest.Config) -> Iterator[str]:
    if hasattr(config, "workerinput") or config.getoption("dist", "no") != "no":
        yield (
            "-n (pytest-xdist) would break one cluster from several workers at once, and"
            " xdist_group is no lock; run scenarios in a pytest run of their own, with -n0"
        )


def _reruns(config: pytest.Config) -> Iterator[str]:
    given = config.getoption("reruns", None)
    if given is None and config.pluginmanager.hasplugin("rerunfailures"):
        given = config.getini("reruns")
    if given and int(given) > 0:
        yield "--reruns would repeat faults and hide failures; run scenarios without it"


def _timeout(config: pytest.Config) -> Iterator[str]:
    if not config.pluginmanager.hasplugin("timeout"):
        return
    seconds = (
        config.getoption("timeout", None)
        or os.environ.get("PYTEST_TIMEOUT")
        or config.getini("timeout")
    )
    method = config.getoption("timeout_method", None) or config.getini("timeout_method")
    if seconds and float(seconds) > 0 and method == "thread":
        yield (
            "timeout_method=thread ends the process without any undo; use"
            " --timeout-method=signal, after which everything is undone"
        )


def _faulthandler(config: pytest.Config) -> Iterator[str]:
    if not config.pluginmanager.hasplugin("faulthandler"):
        return
    seconds = float(config.getini("faulthandler_timeout") or 0)
    if seconds > 0 and config.getini("faulthandler_exit_on_timeout"):
        yield (
            "faulthandler_exit_on_timeout ends the process without any undo; set it to false, and"
            " use --timeout with --timeout-method=signal, after which everything is undone"
        )
