"""The one `Session` of a pytest session, created on first use."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.harness import COMMON_SEED, SEED, SESSION, output, run_settings
from resilience.harness.session import Session
from resilience.harness.signals import exit_code


def session(config: pytest.Config) -> Session:
    """The `Session` of this pytest session, created on first use."""
    found = config.stash.get(SESSION, None)
    if found is None:
        found = config.stash[SESSION] = Session(
            run_settings.settings(config),
            tell=lambda line: output.write(config, [line]),
            terminate=lambda signal: _terminate(config, signal),
            common_seed=_common_seed(config),
        )
    return found


def _common_seed(config: pytest.Config) -> int | None:
    """The seed that all processes of this run share, if pytest-xdist distributes it."""
    given: Any = getattr(config, "workerinput", {})
    return given.get(SEED, config.stash.get(COMMON_SEED, None))  # type: ignore[no-any-return]


def _terminate(config: pytest.Config, signal: str) -> None:
    """A worker of pytest-xdist reports why it stops, and the controller ends the session. The
    worker must not begin its next item: `shouldstop` is read between two items."""
    if hasattr(config, "workerinput"):
        session(config).signals.interrupted = signal
        running: Any = config.pluginmanager.getplugin("session")
        running.shouldstop = signal
        return
    pytest.exit(signal, returncode=exit_code(signal))
