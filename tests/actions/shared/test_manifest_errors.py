"""What an API server says of a manifest, at its lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.actions.objects.apply import VERB, Apply
from resilience.actions.shared.manifest_errors import locate, refusal, twice
from resilience.actions.shared.manifests import Manifest, documents
from resilience.cluster.errors import Invalid
from resilience.cluster.requests.request import Request
from resilience.verbs.context import ActionFailed
from tests.engine.fakes import FakeClock, FakeCluster

TEXT = """\
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web}
  spec:
    replicas: "3"
    template:
      spec:
        containers:
        - name: a
        - name: web
          imgae: x
"""
SCHEMAS = {
    "Deployment": {
        "x-kubernetes-group-version-kind": [
            {"group": "apps", "version": "v1", "kind": "Deployment"}
        ],
        "properties": {"spec": {"allOf": [{"$ref": "#/components/schemas/Spec"}]}},
    },
    "Spec": {
        "properties": {
            "containers": {"type": "array", "items": {"$ref": "#/components/schemas/Container"}}
        }
    },
    "Container": {"properties": {"image": {}, "name": {}, "readinessProbe": {}}},
}


class Served(FakeCluster):
    """Knows the fields of `SCHEMAS`, or nothing."""

    known = True

    def send(self, request: Request) -> Any:
        if not self.known:
            raise Invalid(404, "no OpenAPI")
        if request.path == "/openapi/v3":
            return {"paths": {"apis/apps/v1": {"serverRelativeURL": "/openapi/v3/apps?hash=1"}}}
        return {"components": {"schemas": SCHEMAS}}


@pytest.fixture
def cluster() -> Served:
    return Served(FakeClock())


def manifest(text: str = TEXT) -> Manifest:
    [found] = documents(text, "x.yaml")
    return found


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("spec.replicas", "x.yaml:8:5"),
        ("spec.template.spec.containers[1].imgae", "x.yaml:14:11"),
        ("spec.template.spec.containers[0]", "x.yaml:12:11"),
        ("spec.template.spec.containers[7].image", "x.yaml:11:9"),  # as far as it is written
        ("metadata.name", "x.yaml:6:14"),
        ("status", None),
    ],
)
def test_a_field_has_a_place(field: str, place: str | None) -> None:
    found = locate(manifest(), field)
    assert (str(found) if found else None) == place


def test_a_key_that_is_given_twice_is_told_wherever_it_stands() -> None:
    found = manifest(TEXT.replace("imgae: x", "name: x"))
    assert [*twice(found)] == ["x.yaml:14:11: the key `name` is given twice; the last one counts"]
    assert not [*twice(manifest())]
    assert not [
        *twice(manifest("apiVersion: v1\nkind: A\nmetadata: {name: x}\na: &a {b: 1}\nc: *a\n"))
    ]


def test_json_has_no_places_but_its_own(cluster: Served) -> None:
    found = manifest('{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}')
    assert locate(found, "metadata.name") is None
    said = refusal(found, Invalid(400, 'unknown field "spec"'), cluster)
    assert said.startswith("x.yaml:1:1: ")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            'strict decoding error: unknown field "spec.containers[1].imgae"',
            "unknown field `spec.containers[1].imgae`; did you mean `image`?",
        ),
        ('strict decoding error: unknown field "spec.containers[0].zzz"', "containers[0].zzz`"),
        (
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of"
            " type int32",
            "x.yaml:8:5: Deployment web: `spec.replicas` is a string; expected int32",
        ),
        ('duplicate field "spec.replicas"', "x.yaml:8:5: the field `spec.replicas` is given twice"),
        ("etcdserver: no", "x.yaml:4:3: etcdserver: no"),
    ],
)
def test_the_servers_words_are_placed(cluster: Served, message: str, said: str) -> None:
    found = refusal(manifest(), Invalid(400, message), cluster)
    assert said in found
    assert ("did you mean" in found) is ("did you mean" in said)


def test_a_server_without_openapi_gives_no_hint(cluster: Served) -> None:
    cluster.known = False
    error = Invalid(400, 'unknown field "spec.containers[1].imgae"')
    assert "did you mean" not in refusal(manifest(), error, cluster)


def test_every_cause_of_a_validation_has_its_place(cluster: Served) -> None:
    causes = [
        {"field": "spec.replicas", "message": "Invalid value: -1"},
        {"field": "metadata.name", "message": "Invalid value"},
    ]
    error = Invalid(422, "is invalid", status={"details": {"causes": causes}})
    said = refusal(manifest(), error, cluster)
    assert "x.yaml:8:5: Deployment web: spec.replicas: Invalid value: -1; x.yaml:6:14: " in said


SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "a", "Namespace"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["apiVersion", "kind", "metadata", "name", "namespace", "labels", "annotations",
             "spec", "items", "namespaces", "pods"]
        ),
        inner, max_size=6,
    ),
    max_leaves=20,
)  # fmt: skip


@given(VALUES, st.sampled_from(["v1", "apps/v1", "chaos-mesh.org/v1alpha1", 1, None]))
def test_no_manifest_is_more_than_a_complaint(value: Any, version: Any) -> None:
    import json
    import tempfile

    body = {**value, "apiVersion": version} if isinstance(value, dict) else value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.json")
        path.write_text(json.dumps(body))
        apply = Apply(file=Path("x.json"))
        complaints = VERB.files(apply, Path(folder))
        placed = Apply(file=path)
        VERB.rights(placed, "shop")
        assert VERB.touches is not None
        VERB.touches(placed, "shop")
        assert all("x.json" in each.message for each in complaints)


def test_a_list_of_nothing_is_a_complaint(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("apiVersion: v1\nkind: List\nitems: []\n")
    [told] = VERB.files(Apply(file=Path("x.yaml")), tmp_path)
    assert "holds no object" in told.message


def test_metadata_that_is_text_is_a_complaint() -> None:
    with pytest.raises(ActionFailed, match="have to be mappings"):
        manifest("apiVersion: v1\nkind: ConfigMap\nmetadata: name\n")
