"""Combinations of pytest options under which nothing may be changed, each with its reason.

Checked once items are known, and only if some of them change a cluster: the plugin is loaded in
every pytest run of an environment and must not disturb unrelated tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec

import pytest


def reasons(config: pytest.Config) -> Iterator[str]:
    """Why mutating items may not run with these options; nothing when they may."""
    yield from distribution(config)
    yield from _reruns(config)
    yield from _timeout(config)
    yield from _faulthandler(config)


def distribution(config: pytest.Config) -> Iterator[str]:
    """Ways of distributing tests with which a fault would be repeated or lost."""
    if config.getoption("dist", "no") == "each":
        yield "--dist each would execute every scenario on each worker; remove it, or use -n0"
    if any(not text.startswith(("popen", "execmodel")) for text in _places(config)):
        yield (
            "--tx and --px hand tests to other interpreters or hosts, whose undo cannot be "
            "awaited here; use -n, which starts workers on this machine"
        )
    if config.getoption("dist", "no") != "no" and not find_spec("cattrs"):
        yield (
            "-n needs the package cattrs to bring the results of workers together; install"
            " pytest-resilience[parallel], or use -n0"
        )


def _places(config: pytest.Config) -> list[str]:
    specs = [*(config.getoption("tx", None) or ()), *(config.getoption("px", None) or ())]
    return [spec.partition("*")[2] if spec.partition("*")[0].isdigit() else spec for spec in specs]


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
            " --timeout-method=signal, which undoes everything"
        )


def _faulthandler(config: pytest.Config) -> Iterator[str]:
    if not config.pluginmanager.hasplugin("faulthandler"):
        return
    seconds = float(config.getini("faulthandler_timeout") or 0)
    if seconds > 0 and config.getini("faulthandler_exit_on_timeout"):
        yield (
            "faulthandler_exit_on_timeout ends the process without any undo; set it to false, and"
            " use --timeout with --timeout-method=signal, which undoes everything"
        )
