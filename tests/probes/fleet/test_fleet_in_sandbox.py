"""Several agents as a user runs them, on a sandbox with three nodes: spread over them, removed at
the end, and one that is cut off is about its node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from resilience.cluster.access import embedded
from tests.harness.conftest import Run, _alone, run  # noqa: F401
from tests.probes.kinds.servers_in_pods import ASKED, SERVERS
from tests.probes.kinds.trial import found, runs, scenario, web

pytestmark = pytest.mark.alone  # outages of these services are held to a clock

KILL = "kill: {pods: app=web, count: 1, grace: 0s}"


def probe(objective: str, agents: int = 3) -> str:
    return (f"{{http: {{service: web, port: http, path: /hostname, agents: {agents},"
            f" timeout: 2s}}, rate: 60/s, objective: {objective}}}")  # fmt: skip


@pytest.fixture(scope="module")
def sandbox() -> Iterator[embedded.Embedded]:
    with embedded.sandbox(nodes=3) as running:
        yield running


@pytest.fixture(autouse=True)
def _on_three_nodes(sandbox: embedded.Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESILIENCE_KUBECONFIG", str(sandbox.kubeconfig))


def test_agents_on_all_nodes_judge_as_one_and_leave_nothing(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    scenario(pytester.path, "right", web(replicas=3), probe("{longest_outage: 4s}"), when=KILL)
    run("--resilience-report=report").assert_outcomes(passed=1)
    told = runs(pytester.path)["right"]
    assert (told["outcome"], told["leftovers"]) == ("passed", [])
    row = found(told)["probe.agents"]
    assert (row["result"], row["value"]) == ("passed", 3.0)
    assert row["measured"].endswith("on node-1, node-2, node-3")
    [record] = told["probes"]
    assert (record["rate"], record["facts"]["agents"]) == (60.0, 3)
    assert len(record["facts"]["prober"]["agents"]) == 3


def test_a_service_that_fails_fails_for_all_agents(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    late = {"tcpSocket": {"port": 8080}, "initialDelaySeconds": 3, "periodSeconds": 1}
    slow: dict[str, Any] = {"readinessProbe": late}
    scenario(pytester.path, "wrong", web(replicas=1, **slow), probe("{availability: 99.9%}"),
             when=KILL)  # fmt: skip
    run("--resilience-report=report").assert_outcomes(failed=1)
    told = runs(pytester.path)["wrong"]
    assert told["outcome"] == "service failed"
    assert found(told)["probe.availability"]["result"] == "failed"


def wall(index: int) -> str:
    """A policy that cuts one agent off from everything."""
    labels = {"batch.kubernetes.io/job-completion-index": str(index)}
    policy: dict[str, Any] = {
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": "wall"},
        "spec": {"podSelector": {"matchLabels": labels}, "policyTypes": ["Egress"]},
    }  # fmt: skip
    return yaml.safe_dump(policy)


def test_an_agent_that_is_cut_off_is_about_its_node_and_fails_no_service(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    (pytester.path / "wall.yaml").write_text(wall(1))
    scenario(pytester.path, "cut", web(replicas=3), probe("{availability: 95%}"),
             when="apply: wall.yaml", settle="5s")  # fmt: skip
    run("--resilience-report=report").assert_outcomes(failed=1)
    told = runs(pytester.path)["cut"]
    findings = found(told)
    assert told["outcome"] == "not measured"
    assert findings["probe.availability"]["result"] == "passed"
    assert findings["probe.agents"]["value"] == 2.0
    row = findings["probe.agent_2"]
    assert (row["result"], row["reason"]) == ("not measured", "subject not observed")
    assert "was cut off for" in row["measured"]
    assert "look at the network of node-" in row["measured"]
    assert told["leftovers"] == []


def test_every_kind_that_asks_over_the_network_does_so_from_several_nodes(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    for kind, question in ASKED.items():
        server: dict[str, Any] = {}
        if kind in SERVERS:
            command = ["python", "-c", SERVERS[kind]]
            server = {"image": "python:3.12-slim", "command": command, "args": []}
        step = yaml.safe_load(f"{{{kind}: {question}, rate: 30/s}}")
        step[kind]["agents"], step["objective"] = 3, {"longest_outage": "4s"}
        scenario(pytester.path, kind, web(replicas=3, **server), yaml.safe_dump(step), when=KILL)
    run("--resilience-report=report").assert_outcomes(passed=len(ASKED))
    told = runs(pytester.path)
    for kind in ASKED:
        assert found(told[kind])["probe.agents"]["value"] == 3.0, kind
        [record] = told[kind]["probes"]
        assert len(record["facts"]["prober"]["agents"]) == 3
        assert told[kind]["leftovers"] == []
    assert found(told["journey"])["probe.log_in"]["measured"].startswith("`log in`: 0 of ")
