"""End to end, on a sandbox that is reached as a real cluster is: what a killed run left, what a
team did since, what someone forged, and an API server that goes away, as the next command meets
them.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.errors import Conflict
from resilience.cluster.interface import CONFIGMAPS, DEPLOYMENTS, LEASES, NAMESPACES, NODES, PODS
from resilience.cluster.requests.request import Request
from resilience.cluster.transport import HttpCluster
from resilience.engine.guard.identity import identity
from resilience.kube import readiness
from tests.harness.sandboxed import DEADLINE, POD, Inner
from tests.real_cluster import resilience, scenarios

JOURNAL = "resilience-journal"
FAULTS = "/sandbox/v1/faults/apiserver"

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "registry.k8s.io/pause:3.10"}]}
"""
LATE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: late
        image: busybox
        command: [sh, -c, "sleep 2; touch /tmp/up; sleep 600"]
        readinessProbe: {exec: {command: [cat, /tmp/up]}, periodSeconds: 1}
"""
"""Takes seconds to come back, so that it does while the API server is away."""

SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: blue}\n"
CHANGES = """
scenario: it changes what a team works on
namespace: shop
settle: 0s
when:
  - apply: settings.yaml
  - scale: {workload: deployment/web, replicas: 2}
  - cordon: {node: node-1}
  - sleep: 60s
then:
  - ready: all
"""
UNRELATED = """
scenario: nobody knows of the other
namespace: default
settle: 0s
when:
  - sleep: 100ms
then:
  - ready: all
"""


@pytest.fixture
def project(folder: Path, admin: HttpCluster) -> Iterator[Path]:
    (folder / "kill.scenario.yaml").unlink()
    (folder / "settings.yaml").write_text(SETTINGS)
    (folder / "changes.scenario.yaml").write_text(CHANGES)
    for name in ("shop", JOURNAL):
        _created(admin, NAMESPACES, {"metadata": {"name": name}})
    _created(admin, PODS, POD, "default")
    _created(admin, DEPLOYMENTS, yaml.safe_load(WEB), "shop")
    settings = {"metadata": {"name": "settings"}, "data": {"colour": "red"}}
    _created(admin, CONFIGMAPS, settings, "shop")
    yield folder
    admin.delete(DEPLOYMENTS, "web", "shop")
    admin.delete(CONFIGMAPS, "settings", "shop")
    admin.send(Request("DELETE", FAULTS))
    for resource in (LEASES, CONFIGMAPS):
        for each in admin.list(resource, JOURNAL):
            if each["metadata"]["name"] != "kube-root-ca.crt":
                admin.delete(resource, each["metadata"]["name"], JOURNAL)


def _created(admin: HttpCluster, resource: Any, body: Any, namespace: str = "") -> None:
    try:
        admin.create(resource, body, namespace)
    except Conflict:
        return


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another machine: no local journal."""
    made = tmp_path_factory.mktemp("elsewhere")
    (made / "next.scenario.yaml").write_text(UNRELATED)
    return made


def killed(project: Path, embedded: Embedded, admin: HttpCluster) -> str:
    """The run dies once everything is changed; its id. Its locks run out after a second, so that no
    test need wait for thirty."""
    with Inner(project, f"--resilience-kubeconfig={embedded.kubeconfig}", "-p", "no:cacheprovider",
               "changes.scenario.yaml") as inner:  # fmt: skip
        with admin.view(NODES) as nodes:
            if not nodes.wait(
                lambda found: any(each["spec"].get("unschedulable") for each in found), DEADLINE / 2
            ):
                inner.send(signal.SIGINT)
                pytest.fail(f"{inner.end()}: {inner.output}")  # fmt: skip
        [file] = (project / ".resilience/journal").glob("*.jsonl")
        with admin.view(CONFIGMAPS, JOURNAL, labels="resilience/run") as journals:
            assert journals.wait(lambda found: bool(found) and _amended(found[0]), DEADLINE)
        inner.send(signal.SIGKILL)
        inner.end()
    for lease in admin.list(LEASES, JOURNAL):
        short = {"spec": {"leaseDurationSeconds": 1}}
        admin.patch(LEASES, lease["metadata"]["name"], short, JOURNAL)
    return file.stem


def _amended(journal: Any) -> bool:
    """The last change is recorded with what came of it."""
    lines = [json.loads(text) for _, text in sorted(journal["data"].items())]
    undo = [line["id"] for line in lines if line["op"] == "undo" and line["verb"] == "cordon"]
    return bool(undo)


def state(admin: HttpCluster) -> tuple[Any, Any, Any]:
    node = admin.get(NODES, "node-1")["spec"].get("unschedulable", False)
    web = admin.get(DEPLOYMENTS, "web", "shop")["spec"]["replicas"]
    return node, web, admin.get(CONFIGMAPS, "settings", "shop")["data"]


def test_the_next_run_on_any_machine_in_any_namespace_takes_over(
    project: Path, elsewhere: Path, embedded: Embedded, admin: HttpCluster
) -> None:
    killed(project, embedded, admin)
    assert state(admin) == (True, 2, {"colour": "blue"})
    run = scenarios(elsewhere, embedded.kubeconfig, "next.scenario.yaml")
    assert run.returncode == 0, run.stdout
    assert "watching for up to 1 s whether it is still alive" in run.stdout
    assert "uncordon node-1: done" in run.stdout
    assert state(admin) == (False, 1, {"colour": "red"})
    assert admin.list(CONFIGMAPS, JOURNAL, labels="resilience/run") == []
    again = resilience(project, "recover", "--kubeconfig", str(embedded.kubeconfig))
    assert (again.returncode, "done" in again.stdout) == (0, False)


def test_what_a_team_released_since_survives_recover_until_it_is_forced(
    project: Path, embedded: Embedded, admin: HttpCluster
) -> None:
    run = killed(project, embedded, admin)
    admin.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 6}}, "shop")
    theirs = {"colour": "green", "release": "2.50"}
    admin.patch(CONFIGMAPS, "settings", {"data": theirs}, "shop")
    done = resilience(project, "recover", "--kubeconfig", str(embedded.kubeconfig))
    assert done.returncode == 20, done.stdout
    assert state(admin) == (False, 6, theirs)
    assert "spec.replicas is 6, and this run set 2 (before: 1)" in done.stdout
    assert 'data.colour is "green", and this run set "blue" (before: "red")' in done.stdout
    assert f"resilience recover {run} --force" in done.stdout
    forced = resilience(project, "recover", run, "--force", "--kubeconfig",
                        str(embedded.kubeconfig))  # fmt: skip
    assert forced.returncode == 0, forced.stdout
    assert state(admin) == (False, 1, {"colour": "red", "release": "2.50"})


def test_a_forged_journal_changes_nothing_and_stops_nobody(
    project: Path, elsewhere: Path, embedded: Embedded, admin: HttpCluster
) -> None:
    critical = admin.create(CONFIGMAPS, {"metadata": {"name": "critical"}}, "kube-system")
    created = {"kind": "created", "run": "x-1", "namespace": "kube-system", "name": "critical",
               "uid": critical["metadata"]["uid"], "resource": {
                   "group": "", "version": "v1", "plural": "configmaps", "kind": "ConfigMap",
                   "namespaced": True}}  # fmt: skip
    undo = {"op": "undo", "id": "u1", "verb": "apply", "path": "", "text": "tidy up",
            "data": created}  # fmt: skip
    begin = {"op": "begin", "run": "x-1", "cluster": identity(admin)}
    for number, first in enumerate((
        begin | {"locks": []}, begin | {"locks": 7}, [1], begin | {"locks": ["namespace-shop"]},
    )):  # fmt: skip
        lines = {"000001.json": json.dumps(first), "000002.json": json.dumps(undo)}
        meta = {"name": f"x-{number}", "labels": {"resilience/run": "x-1"}}
        admin.create(CONFIGMAPS, {"metadata": meta, "data": lines}, JOURNAL)
        run = scenarios(elsewhere, embedded.kubeconfig, "next.scenario.yaml")
        assert "run x-1" in run.stdout
        assert "1 passed" in run.stdout, run.stdout
        assert "Traceback" not in run.stdout
        assert admin.get(CONFIGMAPS, "critical", "kube-system")
        admin.delete(CONFIGMAPS, f"x-{number}", JOURNAL)
    admin.delete(CONFIGMAPS, "critical", "kube-system")


def test_an_api_server_that_is_away_for_seconds_is_waited_for(
    project: Path, embedded: Embedded, admin: HttpCluster
) -> None:
    labelled = {**POD, "metadata": {"name": "victim", "labels": {"app": "quiet"}}}
    _created(admin, PODS, labelled, "default")
    (project / "kill.scenario.yaml").write_text(
        "scenario: it kills while nobody answers\nnamespace: default\nsettle: 0s\nwhen:\n"
        "  - apply: settings.yaml\n  - sleep: 1s\n"
        "  - kill: {pods: app=quiet, count: 1, bare: true}\nthen:\n  - ready: all\n"
    )
    with Inner(project, f"--resilience-kubeconfig={embedded.kubeconfig}", "-p", "no:cacheprovider",
               "kill.scenario.yaml") as inner:  # fmt: skip
        with admin.view(CONFIGMAPS, "default") as found:
            assert found.wait(lambda there: any(
                each["metadata"]["name"] == "settings" for each in there), DEADLINE)  # fmt: skip
        admin.send(Request("POST", FAULTS, body={"kind": "stop", "seconds": 5}))
        assert inner.end() == 0, inner.output
    assert "the API server does not answer; waiting up to 45 s" in inner.output


@pytest.mark.parametrize(
    ("away", "within", "code"), [(12, "5s", 21), (7, "40s", 0)], ids=["unseen", "seen in time"]
)
def test_an_api_server_that_is_away_over_the_deadline_is_not_the_services_failure(
    project: Path, embedded: Embedded, admin: HttpCluster, away: int, within: str, code: int
) -> None:
    name = f"late-{away}"
    _created(admin, DEPLOYMENTS, yaml.safe_load(LATE.replace("NAME", name)), "shop")
    (project / "kill.scenario.yaml").write_text(
        "scenario: it is away while the Pod comes back\nnamespace: shop\nsettle: 0s\ngiven:\n"
        f"  - ready: deployment/{name}\nwhen:\n"
        f"  - kill: {{pods: app={name}, count: 1, grace: 0s}}\nthen:\n"
        f"  - recovered: {{}}\n    within: {within}\n"
    )
    with Inner(project, f"--resilience-kubeconfig={embedded.kubeconfig}", "-p", "no:cacheprovider",
               "kill.scenario.yaml") as inner:  # fmt: skip
        with admin.view(PODS, "shop", labels=f"app={name}") as pods:
            assert pods.wait(lambda there: any(map(readiness.is_ready, there)), DEADLINE)
            before = {each["metadata"]["uid"] for each in pods.objects()}
            assert pods.wait(lambda there: not any(
                each["metadata"]["uid"] in before for each in there), DEADLINE)  # fmt: skip
            admin.send(Request("POST", FAULTS, body={"kind": "stop", "seconds": away}))
        assert inner.end() == code, inner.output
    admin.delete(DEPLOYMENTS, name, "shop")
    assert not code or "the API server" in inner.output
    assert "service failed" not in inner.output
