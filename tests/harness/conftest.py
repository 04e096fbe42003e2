"""pytest inside pytest, with the plugin under test also where it is not installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from resilience.cluster import connect
from resilience.cluster.access.embedded import Embedded, sandbox
from resilience.cluster.interface import PODS
from resilience.cluster.transport import HttpCluster
from tests.harness.sandboxed import DEADLINE, INSTALLED, POD, is_ready

SOURCE = Path(__file__).parent.parent.parent

Run = Callable[..., pytest.RunResult]

SLEEP = """\
scenario: {title}
namespace: default
settle: 10ms
when:
  - sleep: {sleep}
then:
  - ready: all
"""


def plain(title: str = "nothing is broken", sleep: str = "10ms", extra: str = "") -> str:
    """A scenario that needs a cluster and breaks nothing."""
    return SLEEP.format(title=title, sleep=sleep) + extra


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs these tests reaches the inner runs."""
    for name in ("KUBERNETES_SERVICE_HOST", "KUBECONFIG", "PYTEST_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """A pytest of its own in the test's folder; quiet about plugins that are not ours."""
    pytester.makeini(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    ours = [] if INSTALLED else ["-p", "resilience.plugin"]

    def run(*arguments: str, timeout: float = 300) -> pytest.RunResult:
        return pytester.runpytest_subprocess(*ours, *arguments, timeout=timeout)

    return run


@pytest.fixture(scope="module")
def embedded() -> Iterator[Embedded]:
    with sandbox(nodes=1) as running:
        with connect(running.access) as cluster, cluster.view(PODS, "default") as pods:
            cluster.create(PODS, POD, "default")  # so that `ready: all` has something to hold of
            assert pods.wait(lambda found: bool(found) and is_ready(found[0]), DEADLINE)
        yield running


@pytest.fixture
def cluster(embedded: Embedded) -> Iterator[HttpCluster]:
    with connect(embedded.access) as opened:
        yield opened


@pytest.fixture
def on_sandbox(embedded: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inner runs act on the module's sandbox."""
    monkeypatch.setenv("RESILIENCE_KUBECONFIG", str(embedded.kubeconfig))
