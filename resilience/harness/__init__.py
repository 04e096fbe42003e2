"""How pytest and the engine meet. Everything here is imported on first use, but for these keys.

`resilience.plugin` holds the hooks, this package what they do: collecting files, refusing unsafe
combinations, executing items under signals, reporting, exit codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from resilience.config.settings import Settings
    from resilience.harness.session import Session

SETTINGS: pytest.StashKey[Settings] = pytest.StashKey()

SESSION: pytest.StashKey[Session] = pytest.StashKey()
"""Set once a scenario or plan was collected, or the fixture requested."""

FIXTURE = "resilience_cluster"
"""The fixtures of every scenario and plan."""
