"""On the controller, before a worker begins: in every run of pytest-xdist, so nothing is imported
that unrelated tests would have to wait for."""

from __future__ import annotations

from random import SystemRandom
from typing import Any

import pytest

from resilience.harness import COMMON_SEED, REFUSAL, SEED, SETTINGS, refusals


def prepare(node: Any) -> None:
    """Tell the worker the seed, and why it may not change anything, "" if it may."""
    config: pytest.Config = node.config
    if COMMON_SEED not in config.stash:
        config.stash[COMMON_SEED] = SystemRandom().randrange(2**32)
        config.pluginmanager.register(Receiver(config), "resilience-receiver")
    node.workerinput[SEED] = config.stash[COMMON_SEED]
    if not config.stash[SETTINGS].dry_run:
        reasons = (f"resilience: {reason}" for reason in refusals.reasons(config))
        node.workerinput[REFUSAL] = "\n".join(reasons)


class Receiver:
    """Takes from reports what a worker's session adds to them."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        if hasattr(report, "resilience_parcel"):
            from resilience.harness.distributed import controller

            controller.receive(self._config, report)
