"""What the interpreters that tests start inherit: bytecode, ears for signals, few plugins."""

from __future__ import annotations

import os
import signal
import sys

LEFT_OUT = "-p no:hypothesispytest -p no:anyio"
"""Plugins that a pytest started by a test does without: they import all of Hypothesis and of anyio,
two thirds of what a short run takes."""


def keep_bytecode() -> None:
    """Tests start thousands of interpreters. Images of CI forbid bytecode, and each would compile
    us anew."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def hear_signals() -> None:
    """A shell lets what it runs in the background ignore Ctrl-C. What tests start and interrupt
    would inherit that, and run to its deadline."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGQUIT) is signal.SIG_IGN:
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
