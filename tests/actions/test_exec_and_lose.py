"""What cannot be undone: a command inside of Pods, objects that are deleted; and our own Pods."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from resilience.actions.objects.apply import VERB as APPLY
from resilience.actions.objects.delete import VERB as LOSE
from resilience.actions.pods.exec import VERB as EXEC
from resilience.actions.pods.kill import VERB as KILL
from resilience.checks.ready import VERB as READY
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import CONFIGMAPS, PODS, Resource
from resilience.cluster.requests.command import Command, Result
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.language import load
from resilience.model.timeline import What
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from resilience.verbs.catalogue import catalogue
from resilience.verbs.context import Refused
from tests.engine.helpers import World, step, world


@pytest.fixture
def here() -> World:
    made = world()
    made.deploy()
    made.cluster.put(CONFIGMAPS, {"metadata": {"name": "settings", "namespace": "shop"}})
    return made


def lose(*names: str, within: float | None = None) -> Any:
    return step(LOSE, Phase.WHEN, objects=names, lasting=True, within=within)


def settings(here: World) -> list[str]:
    return [objects.name(each) for each in here.cluster.find(CONFIGMAPS, "shop")]


@pytest.mark.parametrize("kind", ["configmap", "configmaps", "cm", "ConfigMap"])
def test_what_is_lost_is_gone_and_stays_so(here: World, kind: str) -> None:
    record = here.run(when=[lose(f"{kind}/settings")])
    assert record.outcome is Outcome.PASSED, record.message
    assert settings(here) == []
    assert any("ConfigMap shop/settings is gone" in entry.text for entry in record.timeline)


def test_nothing_is_lost_when_one_of_several_does_not_exist(here: World) -> None:
    record = here.run(when=[lose("cm/settings", "cm/other")])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "cm/other does not exist in namespace shop; there are: settings" in record.message
    assert settings(here) == ["settings"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("node/n1", "is cluster-scoped"), ("dragon/d", "does not serve kind dragon")],
)
def test_only_what_is_served_and_namespaced_can_be_lost(here: World, name: str, text: str) -> None:
    assert text in here.run(when=[lose(name)]).message


def served(here: World, *groups: str, kind: str = "Backup") -> None:
    for group in groups:
        resource = Resource(group, "v1", f"{kind.lower()}s", kind)
        here.cluster.serve(resource)
        here.cluster.put(resource, {"metadata": {"name": "settings", "namespace": "shop"}})


def test_a_kind_of_several_groups_is_lost_only_by_its_group(here: World) -> None:
    served(here, "k8up.io", "velero.io")
    message = here.run(when=[lose("backup/settings")]).message
    assert "backup means several kinds: backups.k8up.io, backups.velero.io. Write one" in message
    assert (
        "does not serve kind backup.x.io" in here.run(when=[lose("backup.x.io/settings")]).message
    )
    assert here.run(when=[lose("Backup.velero.io/settings")]).outcome is Outcome.PASSED
    assert len(here.cluster.find(Resource("k8up.io", "v1", "backups", "Backup"), "shop")) == 1


def test_a_name_of_kubernetes_own_kinds_means_those(here: World) -> None:
    served(here, "metrics.k8s.io", "bus.example.com", kind="ConfigMap")
    record = here.run(when=[lose("configmap/settings")])
    assert record.outcome is Outcome.PASSED, record.message
    assert settings(here) == []


def test_what_a_finalizer_holds_is_told_as_still_there(here: World) -> None:
    here.cluster.change(CONFIGMAPS, "shop", "settings",
                        lambda obj: obj["metadata"].update(finalizers=["held"]))  # fmt: skip
    record = here.run(when=[lose("cm/settings", within=5.0)])
    told = "ConfigMap shop/settings was deleted, but still exists after 5s: its finalizer held is"
    assert told in record.message


def test_a_loss_without_a_name_is_told_at_load() -> None:
    assert LOSE.check(LOSE.parameters(objects=("configmap",)))
    assert not LOSE.check(LOSE.parameters(objects=("configmap/x",)))


@pytest.mark.parametrize("name", ["node/n1", "pv/x", "clusterroles.rbac.authorization.k8s.io/x"])
def test_the_loss_of_a_cluster_scoped_object_is_told_at_load(name: str) -> None:
    [told] = LOSE.check(LOSE.parameters(objects=("configmap/x", name)))
    assert told.message == f"{name} is cluster-scoped; only namespaced objects can be deleted"


def test_a_cluster_scoped_kind_that_only_the_cluster_knows_is_refused_before_any_loss(
    here: World,
) -> None:
    here.cluster.serve(Resource("example.com", "v1", "dragons", "Dragon", namespaced=False))
    record = here.run(when=[lose("cm/settings", "dragon/d")])
    assert "dragon/d is cluster-scoped; only namespaced objects can be deleted" in record.message
    assert record.outcome is Outcome.REFUSED
    assert settings(here) == ["settings"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("dragon/d", "dragon/d is cluster-scoped; only namespaced objects can be deleted$"),
        ("dragons.example.com/d", "dragons.example.com/d is cluster-scoped"),
        ("backup/b", "backup means several kinds: backups.k8up.io, backups.velero.io. Write one"),
        ("backup.velero.io/b", ""),
        ("unicorn/u", ""),
        ("dragon.other.com/d", ""),
        ("cm/settings", ""),
    ],
)
def test_what_no_step_can_make_possible_is_refused_before_the_run(
    here: World, name: str, told: str
) -> None:
    here.cluster.serve(Resource("example.com", "v1", "dragons", "Dragon", namespaced=False))
    served(here, "k8up.io", "velero.io")
    with pytest.raises(Refused, match=told) if told else nullcontext():
        LOSE.possible(LOSE.parameters(objects=("cm/settings", name)), here.cluster)


CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: dragons.example.com}
spec: {group: example.com, scope: %s, names: {plural: dragons, kind: Dragon}}
"""


@pytest.mark.parametrize(
    ("name", "scope", "refused"),
    [
        ("dragon/d", "Cluster", True),
        ("Dragons/d", "Cluster", True),
        ("dragon.example.com/d", "Cluster", True),
        ("dragon.example.org/d", "Cluster", False),
        ("dragon/d", "Namespaced", False),
        ("cm/settings", "Cluster", False),
    ],
)
def test_a_cluster_scoped_kind_of_the_scenarios_own_manifest_is_told_at_load(
    tmp_path: Path, name: str, scope: str, refused: bool
) -> None:
    (tmp_path / "crd.yaml").write_text("---\n" + CRD % scope)
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "spec": "text"}
    (tmp_path / "other.yaml").write_text(json.dumps(other))
    others = [APPLY.parameters(file=Path(each)) for each in ("none.yaml", "other.yaml", "crd.yaml")]
    found = LOSE.among(LOSE.parameters(objects=("cm/x", name)), others, tmp_path)
    told = "is cluster-scoped; only namespaced objects can be deleted"
    place = f"{tmp_path}/crd.yaml:2:1"
    said = [f"{name} {told} ({place} defines its kind)"]
    assert [each.message for each in found] == (said if refused else [])


def test_each_step_is_checked_beside_the_others_when_the_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "crd.yaml").write_text(CRD % "Cluster")
    file = tmp_path / "x.scenario.yaml"
    file.write_text(
        "scenario: x\ngiven:\n  - apply: crd.yaml\nwhen:\n"
        "  - parallel: [{delete: [dragon/d], lasting: true}, {sleep: 1s}]\nthen:\n  - ready: all\n"
    )
    loaded = load(file, None, catalogue(), {})
    assert not loaded.scenarios
    [problem] = loaded.problems
    assert "dragon/d is cluster-scoped" in problem.message
    assert problem.place.line == 5


def helper(here: World, name: str, ready: bool = False) -> None:
    here.cluster.put(
        PODS,
        {
            "metadata": {
                "name": name,
                "namespace": "shop",
                "labels": {"app": "web", objects.MANAGED_BY: objects.OURS},
            },
            "spec": {"nodeName": "node-1", "schedulingGates": [{"name": "never"}]},
            "status": {
                "phase": "Pending",
                "conditions": [{"type": "Ready", "status": str(ready)}],
            },
        },
    )


def test_our_own_pods_are_never_victims_and_never_counted(here: World) -> None:
    helper(here, "resilience-probe-1")
    app = Selector.parse("app=web")
    here.run(when=[step(KILL, Phase.WHEN, pods=app, count="all", bare=True)])
    assert "resilience-probe-1" in [objects.name(pod) for pod in here.pods()]


def test_ready_does_not_wait_for_our_own_pods(here: World) -> None:
    here.controllers.ready_after = 1e6
    helper(here, "resilience-probe-1")
    record = here.run(
        given=[
            step(READY, Phase.GIVEN, 0, target="all", within=5.0),
            step(READY, Phase.GIVEN, 1, pods=Selector.parse("app=web"), within=5.0),
        ],
        when=[lose("cm/settings")],
    )
    assert record.outcome is Outcome.PASSED, record.message


POD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: python:3.13-slim
          command: [python, -c, "import time; time.sleep(3600)"]
"""

SCENARIO = """
scenario: a command inside of a Pod
namespace: shop
settle: 0s
given:
  - apply: shop.yaml
  - ready: all
when:
  - exec: {pods: app=shop, count: all, code: 3, command: [python, -c, "raise SystemExit(3)"]}
    lasting: true
  - exec: {pods: app=shop, command: [python, -c, "import sys; sys.exit('no cache')"]}
    lasting: true
then:
  - ready: all
"""


@pytest.mark.alone
def test_on_the_sandbox_a_commands_exit_code_decides(pytester: pytest.Pytester) -> None:
    """End to end, in real time: the first step passes, the second says what the command said."""
    Path(pytester.path, "shop.yaml").write_text(POD)
    Path(pytester.path, "a.scenario.yaml").write_text(SCENARIO)
    result = pytester.runpytest_subprocess("-p", "no:randomly")
    result.assert_outcomes(failed=1)
    output = result.stdout.str()
    assert output.count("ended with exit code 3") >= 2
    assert "ended with exit code 1, expected 0: no cache" in output


def test_an_exec_into_a_pod_that_is_gone_has_measured_nothing(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(command: Command, **_: Any) -> Result:
        raise NotFound(404, f"{command}: pods not found")

    monkeypatch.setattr(here.cluster, "exec", gone)
    asked = step(EXEC, Phase.WHEN, pods=Selector.parse("app=web"), command=("true",), lasting=True)
    record = here.run(when=[asked])
    assert record.outcome is Outcome.NOT_MEASURED
    assert [entry for entry in record.timeline if entry.what is What.VICTIM]
