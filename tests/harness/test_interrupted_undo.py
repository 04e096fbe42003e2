"""Ctrl-C pressed again and again while the undo waits: the last line says what is true, and how to
finish names the cluster of that run."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.interface import CONFIGMAPS
from resilience.cluster.transport import HttpCluster
from tests.harness.sandboxed import DEADLINE, MANIFEST, Inner, named

SCENARIO = """\
scenario: it changes something that is slow to go
namespace: default
settle: 10ms
given: [{apply: mark.yaml}]
when: [{sleep: 60s}]
then: [{ready: all}]
"""


@pytest.fixture
def held(pytester: pytest.Pytester, on_sandbox: None, cluster: HttpCluster) -> Iterator[Inner]:
    """A run whose ConfigMap somebody's finalizer holds, so that the undo has to wait."""
    text = MANIFEST.replace("name: mark", 'name: mark, finalizers: ["example.com/hold"]')
    (pytester.path / "mark.yaml").write_text(text)
    (pytester.path / "a.scenario.yaml").write_text(SCENARIO)
    with Inner(pytester.path) as inner:
        yield inner
    cluster.patch(CONFIGMAPS, "mark", {"metadata": {"finalizers": None}}, "default")


def test_an_abandoned_undo_is_not_called_finished(
    held: Inner, cluster: HttpCluster, embedded: Embedded
) -> None:
    held.wait_changed(cluster)
    held.send(signal.SIGINT)
    with cluster.view(CONFIGMAPS, "default") as view:
        assert view.wait(lambda found: any(_is_going(each) for each in found), DEADLINE)
    held.press(signal.SIGINT, times=3)
    assert held.end() == 20, held.output
    last = [line for line in held.output.splitlines() if "Interrupted" in line][-1]
    assert "not everything was undone" in last
    assert "after the undo" not in held.output
    assert f"resilience recover --kubeconfig {embedded.kubeconfig}" in held.output


def _is_going(obj: dict[str, dict[str, str]]) -> bool:
    return named(obj) and "deletionTimestamp" in obj["metadata"]
