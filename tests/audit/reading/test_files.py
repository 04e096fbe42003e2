"""Manifests of others: several documents, Lists, helm's output, and what is no manifest."""

from __future__ import annotations

import json
from pathlib import Path

from resilience.audit.reading import files

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: [{name: a, image: b}]}\n"


def names(found: files.Files) -> list[str]:
    return [each["metadata"]["name"] for each in found.objects]


def test_documents_lists_and_json_are_read(tmp_path: Path) -> None:
    (tmp_path / "many.yaml").write_text(
        "---\n" + POD % "one" + "---\n# nothing\n---\n" + POD % "two"
    )
    item = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "three"}}
    items = {"apiVersion": "v1", "kind": "List", "items": [item]}
    (tmp_path / "list.json").write_text(json.dumps(items))
    found = files.read([str(tmp_path / "many.yaml"), str(tmp_path / "list.json")], "shop")
    assert names(found) == ["one", "two", "three"]
    assert found.unread == []
    assert found.places["Pod", "shop", "two"].line == 9


def test_of_an_object_that_is_written_twice_the_last_counts() -> None:
    again = (POD % "one").replace("image: b", "image: last")
    found = files.read(["-"], "shop", "---\n".join((POD % "one", POD % "two", again)))
    assert names(found) == ["one", "two"]
    assert found.objects[0]["spec"]["containers"][0]["image"] == "last"
    assert found.places["Pod", "shop", "one"].line > found.places["Pod", "shop", "two"].line


def test_objects_without_a_namespace_get_the_one_that_was_said() -> None:
    role = "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: c}\n"
    found = files.read(["-"], "shop", POD % "one" + role)
    assert [each["metadata"].get("namespace", "") for each in found.objects] == ["shop", ""]


def test_a_template_left_in_a_document_is_told_and_the_rest_is_read() -> None:
    broken = "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Values.name }}\n"
    found = files.read(["-"], "shop", POD % "one" + broken + "---\n" + POD % "two")
    assert names(found) == ["one", "two"]
    assert len(found.unread) == 1
    assert found.unread[0].startswith("stdin:")
    assert "helm template" in found.unread[0]


def test_what_is_no_object_is_told_with_its_place() -> None:
    found = files.read(["-"], "shop", POD % "one" + "---\nreplicas: 3\n")
    assert names(found) == ["one"]
    assert found.unread == [
        "stdin:6:1: not a Kubernetes object; expected apiVersion, kind, metadata"
    ]


def test_a_folder_is_searched_and_values_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "pod.yml").write_text(POD % "one")
    (tmp_path / "values.yaml").write_text("image: {tag: 1}\n")
    found = files.read([str(tmp_path)], "shop")
    assert names(found) == ["one"]
    assert found.unread == []


def test_a_file_that_is_not_there_and_an_empty_one_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    given = [str(tmp_path / name) for name in ("none.yaml", "empty.yaml", "bytes.yaml")]
    found = files.read(given, "shop")
    assert [each.removeprefix(str(tmp_path)) for each in found.unread][:2] == [
        "/none.yaml cannot be read: No such file or directory",
        "/empty.yaml holds no object",
    ]
    assert "bytes.yaml cannot be read" in found.unread[2]


def test_a_kind_of_another_group_with_a_known_name_is_another_kind() -> None:
    from tests.audit.objects import inventory, named, service

    knative = named("Service", "web", "serving.knative.dev/v1", spec={"template": {}})
    assert len(inventory(knative, service()).of("Service")) == 1


def test_no_value_of_a_secret_or_configmap_is_kept() -> None:
    from tests.audit.objects import inventory, named

    data = {"password": "c2VjcmV0", "tls.crt": "eA=="}
    secret = named("Secret", "s", data=data, stringData={"a": "secret"})
    settings = named("ConfigMap", "c", data={"key": "value"})
    held = repr(inventory(secret, settings).objects)
    assert "c2VjcmV0" not in held
    assert "secret'" not in held
    assert "value" not in held


def test_a_kustomization_and_its_patches_are_told_and_not_read(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "pod.yaml").write_text(POD % "one")
    (overlay / "part.yaml").write_text(POD % "two")
    (overlay / "old.yaml").write_text(POD % "three")
    (overlay / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        "resources: [pod.yaml]\npatches:\n- path: part.yaml\n- patch: |-\n    - op: add\n"
        "patchesStrategicMerge: [old.yaml]\n"
    )
    found = files.read([str(tmp_path)], "shop")
    assert names(found) == ["one"]
    assert found.unread == []
    assert len(found.notes) == 1
    assert f"kubectl kustomize {overlay}" in found.notes[0]


def test_a_folder_of_kustomize_alone_is_told(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("kind: Kustomization\nresources: [x.yaml]\n")
    found = files.read([str(tmp_path)], "shop")
    assert found.unread == [f"{tmp_path} holds no manifest (.yaml, .yml, .json)"]
    assert found.notes


def test_an_object_whose_name_the_api_server_makes_is_read() -> None:
    found = files.read(["-"], "shop", (POD % "one").replace("name: one", "generateName: tidy-"))
    assert names(found) == ["tidy-*"]
    assert found.unread == []
