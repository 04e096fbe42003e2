"""A file of patches: read or refused by rule and key, applied where its conditions hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from resilience.backup.catalog.catalog import opened
from resilience.backup.format.errors import BadRequest
from resilience.backup.modify.modifier_file import rules, value
from resilience.backup.modify.modifiers import Modifiers
from resilience.backup.modify.shorthands import Registry, Replicas
from resilience.backup.objects.mapping import Targets
from resilience.backup.restore.outcome import RestoreReport
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.cluster.interface import Object
from tests.backup.fakes import FakeClock, FakeCluster, config_map, deployment
from tests.backup.restore.rehearsal.test_rehearsal_of_restore import kept


def written(folder: Path, *listed: Any) -> str:
    path = folder / "modifiers.yaml"
    path.write_text(yaml.safe_dump({"version": "v1", "resourceModifierRules": list(listed)}))
    return str(path)


def rule(kind: str = "deployments.apps", **more: Any) -> dict[str, Any]:
    where = {key: more.pop(key) for key in list(more) if key not in ("patches", "mergePatches")}
    patches = [{"operation": "add", "path": "/metadata/annotations", "value": {"done": "yes"}}]
    return {"conditions": {"groupResource": kind, **where}, "patches": patches, **more}


def done(folder: Path, *listed: Any, modify: Modifiers | None = None) -> tuple[list[str], Any]:
    """The names of what was changed, and the target."""
    target = FakeCluster()
    web = deployment("web")
    web["metadata"]["labels"] = {"app": "web"}
    store = kept(web, deployment("other"), config_map("settings", a="1"))
    modify = modify or Modifiers(rules(written(folder, *listed)))
    report: RestoreReport = restore(
        RestoreRequest(name="back", workers=1, modify=modify,
                       targets=Targets(namespaces={"shop": "copy"})),
        opened(store, "one"), target, clock=FakeClock(),
    )  # fmt: skip
    assert report.complete
    changed = [
        item.name
        for item in report.items
        if any(each.startswith("changed by rule") for each in item.rewrites)
    ]
    return sorted(changed), target


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ({}, ["other", "web"]),
        ({"kind": "*"}, ["other", "settings", "shop", "web"]),
        ({"kind": "*.apps"}, ["other", "web"]),
        ({"resourceNameRegex": "^w"}, ["web"]),
        ({"namespaces": ["shop"]}, ["other", "web"]),
        ({"namespaces": ["copy"]}, []),
        ({"labelSelector": {"matchLabels": {"app": "web"}}}, ["web"]),
        ({"labelSelector": {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}},
         ["other"]),
        ({"matches": [{"path": "/metadata/labels/app", "value": "web"}]}, ["web"]),
        ({"matches": [{"path": "/spec/replicas", "value": "1"}]}, ["other", "web"]),
        ({"matches": [{"path": "/spec/replicas", "value": "2"}]}, []),
    ],
)  # fmt: skip
def test_conditions_choose_and_namespaces_are_the_snapshot_s(
    tmp_path: Path, where: dict[str, Any], names: list[str]
) -> None:
    changed, _ = done(tmp_path, rule(**where))
    assert [name for name in changed if name != "copy"] == [n for n in names if n != "shop"]


def test_patches_apply_in_order_and_reach_the_cluster(tmp_path: Path) -> None:
    patches = [
        {"operation": "test", "path": "/spec/replicas", "value": "1"},
        {"operation": "replace", "path": "/spec/replicas", "value": "4"},
        {"operation": "copy", "from": "/metadata/name", "path": "/spec/paused"},
        {"operation": "add", "path": "/metadata/annotations", "value": '{"n": "5"}'},
    ]
    merge = [{"patchData": "spec: {paused: null, template: {metadata: {labels: {team: x}}}}"}]
    _, target = done(tmp_path, rule(patches=patches, mergePatches=merge))
    live = target.objects["deployments.apps", "copy", "web"]
    assert live["spec"]["replicas"] == 4
    assert "paused" not in live["spec"]
    assert live["spec"]["template"]["metadata"]["labels"] == {"app": "web", "team": "x"}
    assert live["metadata"]["annotations"]["n"] == "5"


def test_what_changes_nothing_is_named(tmp_path: Path) -> None:
    modify = Modifiers([*rules(written(tmp_path, rule(), rule(resourceNameRegex="none"))),
                        Replicas(1), Registry("docker.io", "m.example.com")])  # fmt: skip
    done(tmp_path, modify=modify)
    own, replicas, registry = modify.idle()
    assert own.startswith("rule 2 of ")
    assert own.endswith(" changed no object: no deployments.apps has its names, namespaces, labels "
                        "and matches, or would differ")  # fmt: skip
    assert replicas == "--replicas 1 changed nothing: no workload of the snapshot had another"
    assert registry == (
        "--set-image-registry docker.io=m.example.com matches nothing in what is restored; "
        "its registries: registry.k8s.io"
    )
    other = Modifiers(rules(written(tmp_path, rule("widgets.example.com"))))
    assert other.idle()[0].endswith("the snapshot holds no widgets.example.com")


@pytest.mark.parametrize(
    ("path", "new"),
    [("/metadata/name", "x"), ("/metadata/namespace", "kube-system"), ("/kind", "Job"),
     ("/apiVersion", "apps/v2"), ("/metadata", {"name": "x"})],
)  # fmt: skip
def test_an_object_keeps_what_it_is(tmp_path: Path, path: str, new: object) -> None:
    with pytest.raises(BadRequest, match="changes its kind, name, namespace or uid"):
        done(tmp_path, rule(patches=[{"operation": "replace", "path": path, "value": new}]))


def test_permissions_are_restored_as_recorded(tmp_path: Path) -> None:
    modify = Modifiers(rules(written(tmp_path, rule("*"))))
    binding: Object = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                       "metadata": {"name": "b", "namespace": "shop"}}  # fmt: skip
    assert not modify("rolebindings.rbac.authorization.k8s.io", binding)
    assert "annotations" not in binding["metadata"]


def test_a_patch_that_does_not_fit_is_told_before_anything_is_created(tmp_path: Path) -> None:
    patches = [{"operation": "remove", "path": "/spec/none"}]
    with pytest.raises(BadRequest, match=r"rule 1 of .*: Deployment other: remove /spec/none"):
        done(tmp_path, rule(patches=patches))


@pytest.mark.parametrize(
    ("test", "changed"),
    [
        ({"path": "/metadata/labels/app", "value": "web"}, ["web"]),
        ({"path": "/metadata/labels/app", "value": "other"}, []),
        ({"path": "/spec/none/there", "value": "1"}, []),
        ({"path": "/spec/replicas", "value": "1"}, ["other", "web"]),
    ],
)
def test_a_patch_whose_own_test_fails_is_meant_for_other_objects(
    tmp_path: Path, test: dict[str, str], changed: list[str]
) -> None:
    patches = [
        {"operation": "test", **test},
        {"operation": "replace", "path": "/spec/replicas", "value": "4"},
    ]
    found, target = done(tmp_path, rule(patches=patches))
    assert found == changed
    for name in ("other", "web"):
        live = target.objects["deployments.apps", "copy", name]
        assert live["spec"]["replicas"] == (4 if name in changed else 1)


def test_a_label_is_added_beside_the_others(tmp_path: Path) -> None:
    patches = [{"operation": "add", "path": "/metadata/labels/team", "value": "x"}]
    _, target = done(tmp_path, rule(resourceNameRegex="^web$", patches=patches))
    live = target.objects["deployments.apps", "copy", "web"]
    assert live["metadata"]["labels"] == {"app": "web", "team": "x"}


def test_a_recorded_status_can_be_copied_from_and_is_not_restored(tmp_path: Path) -> None:
    web = deployment("web")
    web["status"] = {"observedGeneration": 7}
    patches = [
        {"operation": "copy", "from": "/status/observedGeneration", "path": "/spec/minReadySeconds"}
    ]
    modify = Modifiers(rules(written(tmp_path, rule(patches=patches))))
    target = FakeCluster()
    report = restore(
        RestoreRequest(name="back", workers=1, modify=modify), opened(kept(web), "one"), target,
        clock=FakeClock(),
    )  # fmt: skip
    assert report.complete
    live = target.objects["deployments.apps", "shop", "web"]
    assert live["spec"]["minReadySeconds"] == 7
    assert "status" not in live


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ("x", "rule 1 of .*: 'x'; expected a mapping"),
        ({"patches": []}, "conditions: None; expected a mapping"),
        (rule(kind=""), "groupResource: ''; expected a kind"),
        (rule(names=["x"]), "unknown key 'names'; did you mean `namespaces`"),
        (rule(patches=[]), "it has neither patches, mergePatches nor strategicPatches"),
        (rule(patches=[{"operation": "set", "path": "/a"}]), "operation 'set'; expected one of"),
        (rule(patches=[{"operation": "add", "path": "/a"}]), "add /a has no value"),
        (rule(patches=[{"operation": "add", "path": "a", "value": 1}]), "expected a JSON pointer"),
        (rule(patches=[{"operation": "move", "path": "/a"}]), "path None; expected a JSON pointer"),
        (rule(mergePatches=[{"patchData": "x"}]), "patchData 'x'; expected a JSON or YAML object"),
        (rule(resourceNameRegex="("), "resourceNameRegex"),
        (rule(namespaces="shop"), "expected a list"),
        ({**rule(), "strategicPatches": [{}]}, "strategicPatches: patchData|patchData None"),
    ],
)
def test_a_mistake_in_a_file_is_one_sentence_with_its_rule(
    tmp_path: Path, listed: Any, told: str
) -> None:
    with pytest.raises(BadRequest, match=told):
        rules(written(tmp_path, listed))


@pytest.mark.parametrize("text", ["", "[]", "version: v1", "a: [", "version: v2\nresource", "\x00"])
def test_what_is_no_file_of_patches_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "modifiers.yaml"
    path.write_text(text)
    with pytest.raises(BadRequest, match=r"modifiers\.yaml") as told:
        rules(str(path))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("2", 2), ("-1.5", -1.5), ("true", True), ("null", None), ('"2"', "2"), ("[1]", [1]),
     ('{"a": 1}', {"a": 1}), ("premium", "premium"), ("01", "01"), ("[1", "[1"), (7, 7),
     ("10Gi", "10Gi"), ({"a": 1}, {"a": 1}), ("", "")],
)  # fmt: skip
def test_values_are_read_as_velero_reads_them(text: object, meant: object) -> None:
    assert value(text) == meant
    assert type(value(text)) is type(meant)
