"""A dry run says who would be harmed, and cannot harm anybody."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from resilience.cluster import connect, dry
from resilience.cluster.access.embedded import Embedded
from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import CONFIGMAPS, PODS
from resilience.cluster.requests.request import Request
from resilience.cluster.transport import HttpCluster
from resilience.engine.base.real_clock import RealClock
from resilience.engine.base.run_options import Options
from resilience.engine.run.dry_run import Rehearsed, rehearse
from resilience.language import load
from resilience.model.scenario import Scenario
from resilience.verbs.catalogue import catalogue
from tests.real_cluster import ROOT, applied, scenarios
from tests.spaces import serving
from tests.wanted import wanted

BUDGET = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: checkout, namespace: shop}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: checkout}}}
"""

WHEN = """\
scenario: {title}
namespace: shop
seed: {seed}
settle: 10ms
when:
  - {step}
then:
  - ready: deployment/checkout
"""


@pytest.fixture(scope="module")
def made(admin: HttpCluster) -> None:
    """Six Pods under a budget of one."""
    text = (
        (ROOT / "scenarios/manifests/checkout.yaml")
        .read_text()
        .replace("replicas: 3", "replicas: 6")
    )
    admin.create(admin.resource("v1", "Namespace"), {"metadata": {"name": "shop"}})
    lines = [f"---\n{part}" for part in text.split("---\n")]
    applied(admin, _in_shop("".join(lines)) + "---\n" + BUDGET)


@pytest.fixture
def shop(admin: HttpCluster, made: None) -> None:
    """All of them serve, and no victim of a real run is left."""
    serving(admin, "shop", 6, "app=checkout")
    resource = admin.resource("policy/v1", "PodDisruptionBudget")
    with admin.view(resource, "shop") as budgets:
        assert budgets.wait(
            lambda found: found[0].get("status", {}).get("disruptionsAllowed") == 1, 60
        )


def _in_shop(text: str) -> str:
    import yaml

    objects = [each for each in yaml.safe_load_all(text) if each]
    for each in objects:
        each["metadata"]["namespace"] = "shop"
    return yaml.safe_dump_all(objects)


def _scenario(folder: Path, step: str, seed: int = 7) -> Scenario:
    path = folder / "dry.scenario.yaml"
    path.write_text(WHEN.format(title="dry", step=step, seed=seed))
    loaded = load(path, None, catalogue(), {})
    assert not loaded.problems, loaded.problems
    return loaded.scenarios[0]


def _rehearsed(embedded: Embedded, scenario: Scenario) -> Rehearsed:
    with connect(embedded.access, gate=dry.gate) as cluster:
        found = rehearse(scenario, cluster, Options(), RealClock())
    return found[0]


@pytest.mark.parametrize(
    "step",
    [
        "kill: {pods: app=checkout, count: 2}",
        "kill: {pods: app=checkout, count: 1, grace: 0s}",
        "evict: {pods: app=checkout, count: 1}",
        "crash: {pods: app=checkout, count: 2}",
        "quarantine: {pods: app=checkout, count: 1}",
        "scale: {workload: deployment/checkout, replicas: 2}",
        "restart: deployment/checkout",
        "set_image: {workload: deployment/checkout, image: broken}",
        "cordon: {node: {running: app=checkout}}",
        "taint: {node: {running: app=checkout}, taint: a=b:NoExecute}",
        "drain: {node: {running: app=checkout}}",
        "{delete: [deployment/checkout], lasting: true}",
        "{exec: {pods: app=checkout, count: 1, command: [true]}, lasting: true}",
        "repeat: {steps: [{kill: {pods: app=checkout}}], times: 3, every: 30s}",
        "parallel: [{kill: {pods: app=checkout}}, {cordon: {node: biggest}}]",
        "refused: {evict: {pods: app=checkout, count: all}}",
        "sleep: 1h",
    ],
)
def test_rehearsing_any_action_changes_nothing(
    step: str, folder: Path, embedded: Embedded, admin: HttpCluster, shop: None
) -> None:
    before = wanted(admin)
    found = _rehearsed(embedded, _scenario(folder, step))
    assert wanted(admin) == before
    assert "this is a dry run" not in found.trouble


def test_the_rehearsed_victims_are_those_of_the_real_run(
    folder: Path, embedded: Embedded, shop: None
) -> None:
    scenario = _scenario(folder, "kill: {pods: app=checkout, count: 2}", seed=4711)
    expected = _rehearsed(embedded, scenario).victims
    assert len(expected) == 2
    run = scenarios(folder, embedded.kubeconfig, "--resilience-report=out", "dry.scenario.yaml")
    report = json.loads((folder / "out/report.json").read_text())
    assert run.returncode == 0, run.stdout
    harmed = re.findall(r'"text": "shop/([\w-]+): kill', json.dumps(report))
    assert sorted(set(harmed)) == sorted(name for _, name in expected)


def test_what_lacks_its_namespace_cannot_be_asked_and_is_no_refusal(
    embedded: Embedded, tmp_path: Path
) -> None:
    (tmp_path / "settings.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"
    )
    path = tmp_path / "made.scenario.yaml"
    path.write_text(
        "scenario: made\nnamespace: not-there-yet\ngiven:\n  - apply: settings.yaml\n"
        "when:\n  - {exec: {pods: app=x, count: 1, command: [true]}, lasting: true}\n"
        "then:\n  - ready: deployment/checkout\n"
    )
    loaded = load(path, None, catalogue(), {})
    assert not loaded.problems, loaded.problems
    found = _rehearsed(embedded, loaded.scenarios[0])
    assert found.trouble == ""
    assert "cannot be checked before namespace not-there-yet exists" in found.lines


def test_headroom_is_computed_though_each_eviction_alone_would_be_granted(
    folder: Path, embedded: Embedded, shop: None
) -> None:
    found = _rehearsed(embedded, _scenario(folder, "evict: {pods: app=checkout, count: 3}"))
    granted = [line for line in found.lines if line.startswith("the API server would accept POST")]
    assert len(granted) == 3
    expected = "budget shop/checkout allows 1 now, this step needs 3; more than it allows at once"
    assert expected in found.lines


def test_a_drain_lists_the_namespaces_that_it_evicts_from(
    folder: Path, embedded: Embedded, shop: None
) -> None:
    found = _rehearsed(embedded, _scenario(folder, "drain: {node: {running: app=checkout}}"))
    assert "Pods of these namespaces are evicted: shop" in found.lines
    assert found.victims


def test_a_verb_that_writes_past_us_is_held_back_on_the_wire(
    folder: Path, embedded: Embedded, admin: HttpCluster, shop: None
) -> None:
    def careless(parameters: Any, context: Any) -> None:
        # Not even through the cluster that it was handed.
        pod = context.view(PODS, "shop").objects()[0]["metadata"]["name"]
        context.cluster._wire.send(Request("DELETE", PODS.path("shop", pod)))

    scenario = _scenario(folder, "kill: {pods: app=checkout}")
    verb = dataclasses.replace(scenario.when[0].verb, rehearse=careless)
    step = dataclasses.replace(scenario.when[0], verb=verb)
    before = wanted(admin)
    found = _rehearsed(embedded, dataclasses.replace(scenario, when=(step,)))
    assert "not sent, because this is a dry run" in found.trouble
    assert wanted(admin) == before


def test_a_verb_that_cannot_be_rehearsed_is_only_described(
    folder: Path, embedded: Embedded, shop: None
) -> None:
    scenario = _scenario(folder, "kill: {pods: app=checkout}")
    verb = dataclasses.replace(scenario.when[0].verb, rehearse=None)
    step = dataclasses.replace(scenario.when[0], verb=verb)
    found = _rehearsed(embedded, dataclasses.replace(scenario, when=(step,)))
    assert found.lines == ["only described: a dry run of this step is not possible"]


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "passes"),
    [
        ("GET", "/api/v1/pods", {"watch": "true"}, None, True),
        ("POST", sorted(dry.REVIEWS)[0], {}, {}, True),
        ("POST", "/api/v1/namespaces/a/pods", {"dryRun": "All"}, {}, True),
        ("POST", "/api/v1/namespaces/a/pods", {}, {}, False),
        ("DELETE", "/api/v1/namespaces/a/pods/p", {"dryRun": "All"}, {}, False),
        ("DELETE", "/api/v1/namespaces/a/pods/p", {}, {"dryRun": ["All"]}, True),
        ("DELETE", "/api/v1/namespaces/a/pods/p", {"dryRun": "All"}, None, True),
        ("PATCH", "/api/v1/namespaces/a/pods/p", {"dryRun": "all"}, {}, False),
        ("POST", "/sandbox/v1/faults/crash", {"dryRun": "All"}, {}, False),
        ("POST", "/api/v1/namespaces/a/services/s/proxy/x", {"dryRun": "All"}, {}, False),
        ("GET", "/api/v1/namespaces/a/services/s/proxy/delete", {}, None, False),
        ("GET", "/api/v1/namespaces/a/pods/p/exec", {}, None, False),
        ("CONNECT", "/api/v1/namespaces/a/pods/p/exec", {"dryRun": "All"}, None, False),
    ],
)
def test_a_dry_run_sends_only_harmless_requests(
    method: str, path: str, query: dict[str, str], body: Any, passes: bool
) -> None:
    assert dry.is_harmless(method, path, query, body) is passes


def test_a_stream_into_a_container_is_held_back(embedded: Embedded, shop: None) -> None:
    with connect(embedded.access, gate=dry.gate) as cluster:
        pod = cluster.list(PODS, "shop")[0]["metadata"]["name"]
        with pytest.raises(ClusterError, match="this is a dry run"):
            cluster.websocket(
                f"{PODS.path('shop', pod, 'exec')}?command=true", ["v4.channel.k8s.io"]
            )


def test_the_command_line_stops_after_the_preflight(
    folder: Path, embedded: Embedded, admin: HttpCluster, shop: None
) -> None:
    before = wanted(admin)
    run = scenarios(folder, embedded.kubeconfig, "--resilience-dry-run", "kill.scenario.yaml")
    assert run.returncode == 0, run.stdout
    assert "1 skipped" in run.stdout
    assert re.search(r"victim shop/checkout-\S+ on node-\d \(deployment/checkout\)", run.stdout)
    assert wanted(admin) == before
    assert not [obj for obj in admin.list(CONFIGMAPS, "shop") if "run" in obj["metadata"]["name"]]
