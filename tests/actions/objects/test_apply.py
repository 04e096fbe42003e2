"""`apply`: objects come about, what existed is put back, the server's words carry their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resilience.actions.objects.apply import VERB as APPLY
from resilience.actions.shared import manifests
from resilience.actions.undo.object_undo import content, differs
from resilience.cluster import errors
from resilience.cluster.interface import CONFIGMAPS, NAMESPACES, SECRETS, Object
from resilience.model.report import RunRecord
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from resilience.verbs.context import ActionFailed
from tests.engine.helpers import World, step, world


@pytest.fixture
def here(tmp_path: Path) -> World:
    made = world()
    made.directory = tmp_path
    return made


def applied(here: World, text: str, **more: Any) -> RunRecord:
    (here.directory / "x.yaml").write_text(text)
    return here.run(given=[step(APPLY, Phase.GIVEN, file=Path("x.yaml"), **more)])


def configmap(here: World, name: str = "a", **data: str) -> Object:
    return here.cluster.put(
        CONFIGMAPS, {"metadata": {"name": name, "namespace": "shop"}, "data": data}
    )


def test_what_existed_gets_its_prior_content_back(here: World) -> None:
    configmap(here, colour="red", size="9")
    during: list[Any] = []
    here.on_entry = lambda entry: during.extend(
        obj["data"]
        for obj in here.cluster.find(CONFIGMAPS, "shop")
        if entry.text.startswith("done: apply")
    )
    record = applied(
        here, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {colour: blue}\n"
    )
    assert record.outcome is Outcome.PASSED, record.message
    assert during == [{"colour": "blue", "size": "9"}]
    [after] = here.cluster.find(CONFIGMAPS, "shop")
    assert after["data"] == {"colour": "red", "size": "9"}
    assert "annotations" not in after["metadata"]


def test_what_is_as_written_already_is_not_touched(here: World) -> None:
    configmap(here, colour="red")
    applied(here, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {colour: red}\n")
    assert not [call for call in here.cluster.calls if call[0] not in ("GET",)]


def test_a_changed_object_that_was_replaced_meanwhile_is_left_as_it_is_and_told(
    here: World,
) -> None:
    configmap(here, colour="red")

    def replace(entry: Any) -> None:
        if entry.text.startswith("done: apply"):
            here.cluster.remove(CONFIGMAPS, "shop", "a")
            configmap(here, colour="someone else's")

    here.on_entry = replace
    record = applied(
        here, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {colour: blue}\n"
    )
    assert record.outcome is Outcome.UNDO_INCOMPLETE
    assert "was deleted and recreated since the run" in record.message
    [after] = here.cluster.find(CONFIGMAPS, "shop")
    assert after["data"] == {"colour": "someone else's"}


def test_only_the_very_object_that_was_created_is_deleted_not_a_copy_of_it(here: World) -> None:
    def replace(entry: Any) -> None:
        if entry.text.startswith("done: apply"):
            [copy] = here.cluster.find(CONFIGMAPS, "shop")
            here.cluster.remove(CONFIGMAPS, "shop", "a")
            del copy["metadata"]["uid"]
            here.cluster.put(CONFIGMAPS, copy)  # with our mark still on it

    here.on_entry = replace
    record = applied(here, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    assert record.outcome is Outcome.PASSED
    assert len(here.cluster.find(CONFIGMAPS, "shop")) == 1


def test_the_undo_of_a_refused_creation_is_forgotten(here: World) -> None:
    here.cluster.faults.append(
        lambda method, path: (
            errors.Invalid(422, "no") if method == "POST" and "configmaps" in path else None
        )
    )
    applied(here, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    assert [line["op"] for line in here.sink.lines] == ["begin", "undo", "forget", "end"]


def test_an_existing_secret_is_not_changed_because_its_data_would_have_to_be_recorded(
    here: World,
) -> None:
    here.cluster.put(
        SECRETS, {"metadata": {"name": "key", "namespace": "shop"}, "data": {"key": "b2xk"}}
    )
    record = applied(
        here, "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\ndata: {key: bmV3}\n"
    )
    assert record.outcome is Outcome.NOT_MEASURED
    assert "Secret's data" in record.message
    assert here.cluster.find(SECRETS, "shop")[0]["data"] == {"key": "b2xk"}
    assert "b2xk" not in str(here.sink.lines)


def test_a_missing_namespace_is_created_and_undone(here: World) -> None:
    before = here.cluster.dump()
    seen: list[bool] = []
    here.on_entry = lambda entry: seen.append(("Namespace", "", "new") in here.cluster.dump())
    record = applied(here, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: new}\n")
    assert record.outcome is Outcome.PASSED
    assert any(seen)
    assert here.cluster.dump() == before
    assert here.cluster.find(NAMESPACES)


def test_an_applied_object_stays_after_the_run_with_keep(here: World) -> None:
    record = applied(here, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", keep=True)
    assert record.outcome is Outcome.PASSED
    assert len(here.cluster.find(CONFIGMAPS, "shop")) == 1


def test_the_servers_words_come_with_file_and_line(here: World) -> None:
    here.cluster.faults.append(
        lambda method, path: (
            errors.Invalid(422, 'unknown field "dta"')
            if method == "POST" and "configmaps" in path
            else None
        )
    )
    record = applied(here, "---\n\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndta: {}\n")
    assert record.outcome is Outcome.NOT_MEASURED
    assert f"{here.directory}/x.yaml:6:1: unknown field `dta`" in record.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no object"),
        ("- 1\n", "x.yaml:1:1: not a Kubernetes object"),
        ("kind: X\n", "x.yaml:1:1: not a Kubernetes object"),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n",
            "generateName is not supported",
        ),
        ("a: [\n", "x.yaml:2:1"),
        ("a: {b: c\n---\n", "x.yaml:2:1"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused_with_its_place(
    here: World, text: str, said: str
) -> None:
    record = applied(here, text)
    assert record.outcome is Outcome.NOT_MEASURED
    assert said in record.message


def test_a_kind_that_is_not_served_is_told_with_its_place(here: World) -> None:
    record = applied(here, "apiVersion: example.com/v1\nkind: Wheel\nmetadata: {name: a}\n")
    assert "x.yaml:1:1: Wheel of example.com/v1 is not served" in record.message


def test_lists_and_several_documents_are_all_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
        "---\n# only a comment\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n"
    )
    (tmp_path / "b.json").write_text(
        '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}'
    )
    found = manifests.read(tmp_path)
    assert [each.title for each in found] == ["ConfigMap a", "ConfigMap b", "ConfigMap c"]
    assert [each.place.line for each in found] == [4, 8, 1]


def test_a_date_in_a_manifest_stays_text(tmp_path: Path) -> None:
    [found] = manifests.documents(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {day: 2024-01-01}\n", "x"
    )
    assert found.body["data"] == {"day": "2024-01-01"}


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ActionFailed, match=r"none\.yaml cannot be read"):
        manifests.read(tmp_path / "none.yaml")


def test_what_the_server_added_is_no_difference() -> None:
    there = {"spec": {"ports": [{"port": 80, "protocol": "TCP"}], "type": "ClusterIP"}, "x": 1}
    assert not differs({"spec": {"ports": [{"port": 80}]}}, there)
    assert differs({"spec": {"ports": [{"port": 81}]}}, there)
    assert differs({"spec": {"ports": []}}, there)
    assert differs({"spec": {"ports": {}}}, there)


def test_the_servers_own_fields_are_no_content() -> None:
    obj = {
        "kind": "X",
        "status": {},
        "metadata": {
            "name": "a",
            "uid": "u",
            "labels": {"a": "b"},
            "resourceVersion": "7",
            "managedFields": [],
            "annotations": {"deprecated.daemonset.template.generation": "2"},
        },
    }
    assert content(obj) == {"kind": "X", "metadata": {"name": "a", "labels": {"a": "b"}}}


def test_a_kustomization_and_a_template_are_named_with_what_to_do(
    here: World, tmp_path: Path
) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [a.yaml]\n")
    record = here.run(given=[step(APPLY, Phase.GIVEN, file=tmp_path)])
    assert "`kubectl kustomize" in record.message
    template = tmp_path / "t.yaml"
    template.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Values.x }}}\n")
    record = here.run(given=[step(APPLY, Phase.GIVEN, file=template)])
    assert "`helm template CHART" in record.message
    assert "t.yaml:3:" in record.message
