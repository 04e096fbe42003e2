"""How pytest and the engine meet. Everything here is imported on first use, except these keys.

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
"""Set if anything is set, and on first use; see `resilience.harness.run_settings`."""

SESSION: pytest.StashKey[Session] = pytest.StashKey()
"""Set once a scenario or plan was collected, or the fixture requested."""

NEXT: pytest.StashKey[pytest.Item | None] = pytest.StashKey()
"""The item after the one that runs."""

REFUSAL, SEED = "resilience_refusal", "resilience_seed"
"""Keys of the input of a pytest-xdist worker: why it may not change anything, and the seed of the
whole session."""

COMMON_SEED: pytest.StashKey[int] = pytest.StashKey()
"""Set on the controller of pytest-xdist."""

FIXTURE, FLEET = "resilience_cluster", "resilience_fleet"
"""The fixtures of every scenario and plan: one cluster, or those of a fleet."""

SUFFIXES = (".yaml", ".yml")
"""The files that may be scenarios or plans."""
