"""A scenario that is not due today is skipped: nothing failed, and nothing was touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from resilience.cluster.interface import DEPLOYMENTS, PODS
from resilience.cluster.transport import HttpCluster
from tests.harness.conftest import Run
from tests.spaces import serving

KILL = """
scenario: any that opted in
namespace: default
settle: 10ms
when:
  - kill: {KEYS}
then:
  - recovered: {}
    within: 60s
"""
WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": {"resilience.io/enabled": "true"}},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "c", "image": "registry.k8s.io/pause:3.10"}],
            },
        },
    },
}


@pytest.fixture
def web(cluster: HttpCluster) -> None:
    if not cluster.list(DEPLOYMENTS, "default"):
        cluster.create(DEPLOYMENTS, WEB, "default")
    serving(cluster, "default", 2, "app=web")


def uids(cluster: HttpCluster) -> set[str]:
    return {pod["metadata"]["uid"] for pod in cluster.list(PODS, "default")}


@pytest.mark.parametrize("keys", ["pods: app=web", "opted_in: true"])
def test_what_is_not_due_today_is_skipped_with_its_reason(
    keys: str, pytester: pytest.Pytester, run: Run, on_sandbox: None, web: None,
    cluster: HttpCluster,
) -> None:  # fmt: skip
    text = KILL.replace("KEYS", f"{keys}, mtbf: 30000d")
    (pytester.path / "a.scenario.yaml").write_text(text)
    before = uids(cluster)
    done = run("-rs", "--resilience-seed=7")
    done.assert_outcomes(skipped=1)
    assert done.ret == 0
    done.stdout.fnmatch_lines(["*due on 20*"])
    assert uids(cluster) == before


def test_fair_runs_of_later_sessions_spare_whom_the_last_report_names(
    pytester: pytest.Pytester, run: Run, on_sandbox: None, web: None, cluster: HttpCluster
) -> None:
    text = KILL.replace("KEYS", "opted_in: true, order: fair")
    (pytester.path / "a.scenario.yaml").write_text(text)
    struck: list[str] = []
    for _ in range(2):
        done = run("--resilience-report=file:reports", "--resilience-seed=7")
        assert done.ret == 0, done.stdout.str()
    for path in sorted(Path(pytester.path / "reports").glob("*/report.json")):
        [victim] = json.loads(path.read_text())["runs"][0]["victims"]
        struck.append(victim["facts"]["name"])
    assert len(set(struck)) == 2
