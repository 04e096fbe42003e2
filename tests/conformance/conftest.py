"""Which cluster is asked, and a namespace of its own for every test.

Without `--resilience-context` the sandbox is started as anybody would start it, and ends with the
run. What a cluster lacks is skipped with the reason.
"""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conformance.objects import is_ready, pod
from tests.conformance.wire import Cluster, Obj, connect

SCALE = 20
"""Seconds of the sandbox's clock that pass in one real second, where rules take minutes."""


def pytest_configure(config: pytest.Config) -> None:
    """Marks of this suite."""
    config.addinivalue_line("markers", "disruptive: cordons or taints a node for a moment")
    config.addinivalue_line("markers", "minutes: waits for minutes of the cluster's own time")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A real cluster's clock cannot be hurried: what takes minutes runs there when asked for."""
    if context_of(config) is None or "minutes" in (config.getoption("markexpr", default="") or ""):
        return
    for item in items:
        if item.get_closest_marker("minutes"):
            item.add_marker(pytest.mark.skip(reason="takes minutes here; ask with -m minutes"))


def context_of(config: pytest.Config) -> str | None:
    """The named context, from the command line or the project's own setting."""
    for name in ("resilience_context", "context", "--resilience-context"):
        value = config.getoption(name, default=None)
        if value:
            return str(value)
    return None


@pytest.fixture(scope="session")
def real(request: pytest.FixtureRequest) -> bool:
    """Whether a real cluster was named."""
    return context_of(request.config) is not None


@pytest.fixture(scope="session")
def connection(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The cluster under test."""
    context = context_of(request.config)
    if context is not None:
        yield connect(None, context)
        return
    with sandbox("--nodes", "3") as found:
        yield found


@contextmanager
def sandbox(*options: str) -> Iterator[Cluster]:
    """A sandbox as anybody would start it, ended with the block."""
    command = [sys.executable, "-m", "resilience.sandbox", "up", "--owner-stdin", *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdin is not None
        line = owner.stdout.readline()
        if not line:
            pytest.fail("the sandbox did not start; its reason is on standard error")
        yield connect(json.loads(line)["kubeconfig"], None)
        owner.stdin.close()


@pytest.fixture(scope="session")
def patient_connection(request: pytest.FixtureRequest, real: bool) -> Iterator[Cluster]:
    """The cluster for rules that take minutes: the sandbox's clock runs SCALE times as fast."""
    if real:
        yield request.getfixturevalue("connection")
        return
    with sandbox("--nodes", "2", "--time-scale", str(SCALE)) as found:
        yield found


@pytest.fixture
def patient(patient_connection: Cluster) -> Iterator[Cluster]:
    """`patient_connection` with a new namespace."""
    yield from namespace_of(patient_connection)


@pytest.fixture
def cluster(connection: Cluster) -> Iterator[Cluster]:
    """The cluster, with a new namespace that goes after the test."""
    yield from namespace_of(connection)


def namespace_of(connection: Cluster) -> Iterator[Cluster]:
    """A namespace that goes at the end."""
    name = f"conformance-{uuid.uuid4().hex[:10]}"
    connection.create("namespaces", {"metadata": {"name": name}})
    here = connection.within(name)
    here.until("serviceaccounts", lambda found: "default" in found)
    yield here
    connection.delete("namespaces", name)


@pytest.fixture(scope="session")
def runs_pods(connection: Cluster) -> None:
    """Skips where no kubelet runs Pods, as on a bare control plane."""
    name = f"conformance-probe-{uuid.uuid4().hex[:10]}"
    connection.until("serviceaccounts", lambda found: "default" in found)
    connection.create("pods", pod(name))
    try:
        connection.until_one("pods", name, is_ready, within=60)
    except AssertionError:
        pytest.skip("no Pod becomes ready on this cluster within a minute")
    finally:
        connection.delete("pods", name, gracePeriodSeconds=0)


def takes_pods(node: Obj) -> bool:
    """Ready, not cordoned, not tainted."""
    spec = node["spec"]
    return is_ready(node) and not spec.get("unschedulable") and not spec.get("taints")


@pytest.fixture
def nodes(connection: Cluster) -> list[str]:
    """Names of schedulable Ready nodes; skips below two."""
    found = [node["metadata"]["name"] for node in connection.list("nodes") if takes_pods(node)]
    if len(found) < 2:
        pytest.skip("needs two schedulable nodes")
    return sorted(found)
