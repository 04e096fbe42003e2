"""A plugin for the pytest of a test: every reading shows Pods that waited all the time, while other
programs used the CPUs."""

from __future__ import annotations

import pytest

from resilience.cluster.access import cpu_watch
from resilience.cluster.access.cpu_watch import Reading
from resilience.model.cpu_waits import Waited


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    cpu_watch.between = _starved


def _starved(first: Reading, second: Reading) -> Waited:
    length = second.at - first.at
    return Waited(since=first.at, until=second.at, waited=length, others=length)
