"""The one `Session` of a pytest session, created on first use."""

from __future__ import annotations

import pytest

from resilience.harness import SESSION, SETTINGS, output
from resilience.harness.session import Session
from resilience.harness.signals import exit_code


def session(config: pytest.Config) -> Session:
    """The one of this pytest session, created on first use."""
    found = config.stash.get(SESSION, None)
    if found is None:
        found = config.stash[SESSION] = Session(
            config.stash[SETTINGS],
            tell=lambda line: output.write(config, [line]),
            terminate=_terminate,
        )
    return found


def _terminate(signal: str) -> None:
    pytest.exit(signal, returncode=exit_code(signal))
