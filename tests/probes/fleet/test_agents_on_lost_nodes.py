"""Several agents on nodes that are drained or stopped, as a user runs them: those that stay judge
the service, and those that are lost are told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from resilience.cluster import connect
from resilience.cluster.access import embedded
from resilience.cluster.interface import NODES
from tests.harness.conftest import Run, _alone, run  # noqa: F401
from tests.probes.fleet.test_fleet_in_sandbox import _on_three_nodes, probe  # noqa: F401
from tests.probes.kinds.trial import found, runs, scenario, web

pytestmark = pytest.mark.alone  # outages of these services are held to a clock

ZONE = "topology.kubernetes.io/zone"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[embedded.Embedded]:
    with (
        embedded.sandbox(nodes=3) as running,
        connect(running.access) as cluster,
    ):
        for name, zone in (("node-1", "a"), ("node-2", "b"), ("node-3", "b")):
            cluster.patch(NODES, name, {"metadata": {"labels": {ZONE: zone}}})
        yield running


def lost_rows(findings: dict[str, Any]) -> dict[str, Any]:
    """The rows of agents that did not see everything."""
    return {name: each for name, each in findings.items() if name.startswith("probe.agent_")}


def test_a_drained_agent_is_told_and_replaced_and_the_others_judge(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    scenario(pytester.path, "drained", web(replicas=3), probe("{longest_outage: 4s}"),
             when="drain: {node: node-2, bare: true}", settle="15s")  # fmt: skip
    run("--resilience-report=report").assert_outcomes(passed=1)
    told = runs(pytester.path)["drained"]
    findings = found(told)
    assert findings["probe.agents"]["value"] == 2.0
    [row] = lost_rows(findings).values()
    assert row["result"] == "passed"
    assert "the agent on node-2 (zone b)" in row["measured"]
    assert "this run acted there: node-2 is cordoned" in row["measured"]
    assert "someone else" not in row["measured"]
    agents = told["probes"][0]["facts"]["prober"]["agents"]
    lost = [each["agent"] for each in agents if each["node"] == "node-2"]
    assert [each["agent"] for each in agents].count(lost[0]) == 2, agents
    assert told["leftovers"] == []


def test_a_zone_is_drained_of_its_agents_and_the_other_zone_judges(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    scenario(pytester.path, "zone", web(replicas=3), probe("{longest_outage: 4s}"),
             when="zone: {value: b, bare: true, overflow: true}", settle="5s")  # fmt: skip
    run("--resilience-report=report").assert_outcomes(passed=1)
    told = runs(pytester.path)["zone"]
    findings = found(told)
    assert findings["probe.agents"]["value"] == 1.0
    assert findings["probe.agents"]["measured"].endswith("on node-1 (zone a)")
    rows = lost_rows(findings)
    assert len(rows) == 2
    assert all(each["result"] == "passed" for each in rows.values())
    assert {each["promised"] for each in rows.values()} <= {
        f"the service as seen from {node} (zone b)" for node in ("node-2", "node-3")
    }
    assert told["leftovers"] == []


def test_a_zone_with_all_agents_is_refused_and_nothing_is_touched(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    scenario(pytester.path, "all", web(replicas=2), probe("{longest_outage: 4s}"),
             when="drain: {node: {labels: kubernetes.io/hostname, count: all}, bare: true}",
             )  # fmt: skip
    run("--resilience-report=report").assert_outcomes(failed=1)
    told = runs(pytester.path)["all"]
    assert told["outcome"] == "refused by guard"
    assert "no other agent of the same prober is ready elsewhere" in told["message"]


def test_agents_of_a_node_that_is_down_are_told_and_the_others_judge(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    leave = [{"key": f"node.kubernetes.io/{trouble}", "operator": "Exists", "effect": "NoExecute",
              "tolerationSeconds": 1} for trouble in ("not-ready", "unreachable")]  # fmt: skip
    deployment, service = yaml.safe_load_all(web(replicas=3))
    deployment["spec"]["template"]["spec"]["tolerations"] = leave
    manifest = yaml.safe_dump_all([deployment, service])
    scenario(pytester.path, "down", manifest, probe("{availability: 30%}"),
             when="node_down: node-2", settle="2s")  # fmt: skip
    run("--resilience-report=report").assert_outcomes(passed=1)
    told = runs(pytester.path)["down"]
    findings = found(told)
    assert findings["probe.agents"]["value"] == 2.0
    [row] = lost_rows(findings).values()
    assert row["result"] == "passed"
    assert row["measured"].startswith("the agent on node-2 (zone b), then node-")
    assert "this run acted there: stop node node-2: node-2" in row["measured"]
    assert told["leftovers"] == []


def test_a_service_that_only_agents_on_nodes_that_stay_see_failing_fails(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    late = {"tcpSocket": {"port": 8080}, "initialDelaySeconds": 3, "periodSeconds": 1}
    slow: dict[str, Any] = {"readinessProbe": late}
    scenario(pytester.path, "wrong", web(replicas=1, **slow), probe("{availability: 99.9%}"),
             when="drain: {node: {running: app=web}, bare: true}", settle="2s")  # fmt: skip
    run("--resilience-report=report").assert_outcomes(failed=1)
    told = runs(pytester.path)["wrong"]
    assert told["outcome"] == "service failed"
    findings = found(told)
    assert findings["probe.availability"]["result"] == "failed"
    assert findings["probe.agents"]["value"] == 2.0
