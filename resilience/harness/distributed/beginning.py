"""Runs on the controller before a worker begins, in every run of pytest-xdist, so it imports
nothing that would delay unrelated tests."""

from __future__ import annotations

from random import SystemRandom
from typing import Any

import pytest

from resilience.harness import COMMON_SEED, REFUSAL, SEED, SETTINGS, refusals


def prepare(node: Any) -> None:
    """Pass the seed to the worker, and the reason why it may not change anything ("" if it may)."""
    config: pytest.Config = node.config
    if COMMON_SEED not in config.stash:
        config.stash[COMMON_SEED] = SystemRandom().randrange(2**32)
        config.pluginmanager.register(Receiver(config), "resilience-receiver")
    node.workerinput[SEED] = config.stash[COMMON_SEED]
    given = config.stash.get(SETTINGS, None)
    if not (given and given.dry_run):
        reasons = (f"resilience: {reason}" for reason in refusals.reasons(config))
        node.workerinput[REFUSAL] = "\n".join(reasons)


class Receiver:
    """Takes the data of a worker's session from its reports."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        if hasattr(report, "resilience_parcel"):
            from resilience.harness.distributed import controller

            controller.receive(self._config, report)
